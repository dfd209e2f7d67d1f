"""What training refuses, inference refuses too: MONAI's other readers must not get a second try."""

import gzip
import shutil

import nibabel as nib
import numpy as np
import pydicom
import pytest

from smart_nets.classify.lesions.lists import lesions_to_predict
from smart_nets.errors import ConfigError, InputError, SmartError, cause
from smart_nets.phantom import make_phantom, write_dicom
from smart_nets.scans.labels import read_labels
from smart_nets.scans.monai_reader import LoadScand
from smart_nets.scans.read import read_volume

AFFINE = np.diag([2.0, 2.0, 2.0, 1.0])


@pytest.fixture
def scan(tmp_path):
    voxels = np.random.default_rng(0).integers(-1000, 400, (24, 20, 16)).astype(np.int16)
    path = tmp_path / "scan.nii"
    nib.save(nib.Nifti1Image(voxels, AFFINE), path)
    packed = tmp_path / "scan.nii.gz"
    packed.write_bytes(gzip.compress(path.read_bytes(), mtime=0))
    return packed


def test_a_sound_scan_is_read(scan):
    image = LoadScand("image")({"image": str(scan)})["image"]
    assert image.shape == (1, 24, 20, 16) and np.allclose(image.affine, AFFINE)


def test_a_lesion_names_its_series(tmp_path):
    folder = tmp_path / "study"
    folder.mkdir()
    for number in (0, 1):
        source = write_dicom(make_phantom(number, (6.0, 6.0, 6.0), 1, "chest"), tmp_path)
        for file in source.iterdir():
            shutil.copy(file, folder / f"{number}_{file.name}")
    with pytest.raises((RuntimeError, SmartError)) as caught:
        LoadScand("image")({"image": str(folder)})
    assert "holds 2 series: choose one" in str(cause(caught.value))
    uid = str(pydicom.dcmread(next(folder.glob("1_*"))).SeriesInstanceUID)
    chosen = LoadScand("image")({"image": str(folder), "series": uid})["image"]
    assert np.array_equal(chosen, LoadScand("image")({"image": str(source)})["image"])


def _flipped(content):
    return content[:-6] + bytes([content[-6] ^ 1]) + content[-6:][1:]  # one bit of the stored checksum


@pytest.mark.parametrize(
    ("damage", "says"),
    [
        (_flipped, "gzip checksum differs"),
        (lambda content: content[:-8], "gzip checksum is missing"),
        (lambda content: content[: len(content) // 2], "ends early"),
    ],
)
def test_damage_is_refused(scan, damage, says):
    scan.write_bytes(damage(scan.read_bytes()))
    with pytest.raises((RuntimeError, SmartError)) as caught:
        LoadScand("image")({"image": str(scan)})
    assert says in str(cause(caught.value))


def test_a_picture_is_no_ct(tmp_path):
    voxels = np.random.default_rng(0).integers(0, 256, (24, 20, 16)).astype(np.uint8)
    nib.save(nib.Nifti1Image(voxels, AFFINE), tmp_path / "picture.nii.gz")
    with pytest.raises((RuntimeError, SmartError)) as caught:
        LoadScand("image")({"image": str(tmp_path / "picture.nii.gz")})
    assert "not in HU" in str(cause(caught.value))


def test_a_ct_is_no_mask(scan):
    with pytest.raises(InputError, match=r"label map holds values below 0 .* give the mask, not the scan"):
        read_labels(scan, read_volume(scan))


@pytest.mark.parametrize("centre", ["abc", 5, [1, 2], ["a", "b", "c"], [float("nan"), 1, 1], [1, 2, 3, 4]])
def test_a_centre_that_is_no_point(scan, centre):
    with pytest.raises(ConfigError, match="centre: is no point"):
        lesions_to_predict(scan, centre)


def test_a_place_told_twice(scan):
    with pytest.raises(ConfigError, match="tell the lesion's place twice"):
        lesions_to_predict(scan, [1, 2, 3], str(scan))


def test_a_mask_that_is_a_number(scan):
    with pytest.raises(InputError, match="5: does not exist"):
        lesions_to_predict(scan, mask=5)  # type: ignore[arg-type]
