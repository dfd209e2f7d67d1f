"""Rows 1 to 25: damaged, foreign and impossible files."""

import gzip
import json
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import nibabel as nib
import numpy as np
import pytest

from smart_nets.errors import SmartError
from smart_nets.lists.cache import VolumeCache
from smart_nets.lists.check import check_data
from smart_nets.lists.manifest import datalist
from smart_nets.pretrain.views import TwoViewsd
from smart_nets.scans.read import read_scan

Made = SimpleNamespace
NAME = "case.nii.gz"


def with_bytes(change: Callable[[bytes], bytes]) -> Callable[[Made, Path], Path]:
    def make(made: Made, folder: Path) -> Path:
        path = made.nifti(made.ct(), folder / NAME)
        path.write_bytes(change(path.read_bytes()))
        return path

    return make


def with_voxels(change: Callable[[np.ndarray], np.ndarray]) -> Callable[[Made, Path], Path]:
    return lambda made, folder: made.nifti(change(made.ct()), folder / NAME)


def with_affine(change: Callable[[np.ndarray], None]) -> Callable[[Made, Path], Path]:
    def make(made: Made, folder: Path) -> Path:
        affine = made.affine.copy()
        change(affine)
        return made.nifti(made.ct(), folder / NAME, affine)

    return make


def put(where: tuple, value: object) -> Callable[[np.ndarray], None]:
    return lambda affine: affine.__setitem__(where, value)


def flip_a_bit(content: bytes) -> bytes:
    return content[:900] + bytes([content[900] ^ 16]) + content[901:]


def short_nii(made: Made, folder: Path) -> Path:
    path = made.nifti(made.ct(), folder / "case.nii")
    path.write_bytes(path.read_bytes()[:-100])
    return path


def tilted(made: Made, folder: Path) -> Path:
    affine = made.affine.copy()
    affine[1, 2] = 2 * np.tan(np.radians(20))
    return made.nifti(made.ct(), folder / NAME, affine)


def coloured(made: Made, folder: Path) -> Path:
    voxels = np.zeros((14, 12, 10), dtype=[("R", "u1"), ("G", "u1"), ("B", "u1")])
    nib.save(nib.Nifti1Image(voxels, made.affine), folder / NAME)
    return folder / NAME


def mr(made: Made, folder: Path) -> Path:
    import pydicom

    series = made.dicom(made.ct(), folder)
    for path in series.glob("*.dcm"):
        dataset = pydicom.dcmread(path)
        dataset.Modality = "MR"
        dataset.save_as(path)
    return series


NAN = float("nan")
REFUSED: dict[int, Callable[[Made, Path], Path]] = {
    1: with_bytes(lambda content: content[: len(content) // 2]),
    2: with_bytes(flip_a_bit),
    3: with_bytes(lambda content: content[:-8]),
    4: with_bytes(lambda content: b""),
    5: with_bytes(lambda content: b"patient moved\n"),
    6: short_nii,
    9: with_affine(put((slice(0, 3), 1), 0)),
    10: with_affine(put((0, 0), NAN)),
    11: with_affine(put((0, 0), 1e4)),
    12: with_affine(put((0, 0), 1e-3)),
    13: tilted,
    15: with_voxels(lambda ct: np.stack([ct] * 3, axis=3)),
    16: with_voxels(lambda ct: ct[:, :, 4]),
    17: with_voxels(lambda ct: ct[:, :, 4:5]),
    19: with_voxels(lambda ct: np.full(ct.shape, NAN, np.float32)),
    21: with_voxels(lambda ct: np.full(ct.shape, -1000, np.int16)),
    22: with_voxels(lambda ct: np.clip((ct + 175.0) * 255 / 425, 0, 255).astype(np.uint8)),
    23: with_voxels(lambda ct: np.maximum(ct + 1024, 0).astype(np.int16)),
    24: mr,
    25: coloured,
}


@pytest.mark.parametrize("number", REFUSED)
def test_refused_by_the_reader_and_listed_by_the_manifest(made, tmp_path, number):
    (tmp_path / "in").mkdir()
    path = REFUSED[number](made, tmp_path / "in")
    with pytest.raises(SmartError) as caught:
        read_scan(path)
    made.told(caught.value, number, path.name)
    checked = check_data(tmp_path / "in", tmp_path / "out", workers=1)
    assert (checked.given, len(checked.used), len(checked.rejected), checked.exit_code) == (1, 0, 1, 3)
    assert checked.rejected[0]["kind"] == made.rows[number].error


def test_row_7_missing_file_in_a_datalist(made, tmp_path):
    made.nifti(made.ct(), tmp_path / NAME)
    entries = ",\n".join(json.dumps({"image": name}) for name in (NAME, "gone.nii.gz"))
    (tmp_path / "list.json").write_text(f"[\n{entries}]")
    with pytest.raises(SmartError) as caught:
        datalist(tmp_path / "list.json")
    made.told(caught.value, 7, "gone.nii.gz")


def test_row_8_empty_folder(made, tmp_path):
    with pytest.raises(SmartError) as caught:
        datalist(tmp_path)
    made.told(caught.value, 8, tmp_path.name)
    with pytest.raises(SmartError, match="holds no DICOM files"):
        read_scan(tmp_path)


def test_row_13_tilt_can_be_corrected(made, tmp_path):
    scan = read_scan(tilted(made, tmp_path), tilt="correct")
    assert scan.meta["notes"] == ["gantry tilt corrected (20.0 degrees)"]


def test_row_14_flipped_axes_are_turned(made, tmp_path):
    flip = made.affine @ np.array([[-1, 0, 0, 13], [0, 1, 0, 0], [0, 0, -1, 9], [0, 0, 0, 1.0]])
    scan = read_scan(made.nifti(made.ct()[::-1, :, ::-1], tmp_path / NAME, flip))
    np.testing.assert_array_equal(scan[0].numpy(), made.ct())


def test_row_18_smaller_than_the_crop(made, tmp_path):
    path = made.nifti(made.ct(), tmp_path / NAME)
    scan = VolumeCache(tmp_path / "cache", spacing=(2, 1.5, 2)).get(path)  # the body: 10 x 8 x 8 voxels
    item = TwoViewsd("image", (12, 12, 12))({"image": scan})
    assert item["views"].shape == (2, 1, 12, 12, 12) and item["padded"] == 3
    assert item["views"][:, 0, 0].max() == 0  # air
    with pytest.raises(SmartError) as caught:
        TwoViewsd("image", (20, 20, 20))({"image": scan})
    made.told(caught.value, 18, NAME)


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), -float("inf")])
def test_row_20_a_bad_voxel_is_repaired_and_counted(made, tmp_path, bad):
    voxels = made.ct().astype(np.float32)
    voxels[5, 6, 4] = bad
    scan = read_scan(made.nifti(voxels, tmp_path / NAME))
    assert scan[0, 5, 6, 4] == -1024 and scan.isfinite().all()
    assert scan.meta["notes"] == ["NaN or Inf set to air (1 voxels)"]
    voxels[5, 6, 4:6] = bad  # 2 of 1,680 voxels: above 0.1 %
    with pytest.raises(SmartError, match="has NaN or Inf voxels"):
        read_scan(made.nifti(voxels, tmp_path / NAME))


def test_row_24_mr_without_a_modality(made, tmp_path):
    rng = np.random.default_rng(0)
    voxels = np.where(made.ct() > -500, rng.gamma(4, 90, made.ct().shape), 0).astype(np.int16)
    with pytest.raises(SmartError, match="no voxel below water, perhaps MR"):
        read_scan(made.nifti(voxels, tmp_path / NAME))


def test_row_2_is_no_chance(made, tmp_path):
    """The checksum is compared even where the voxels are complete: swap two bytes' worth of stored, unpacked data."""
    path = made.nifti(made.ct(), tmp_path / NAME)
    content = bytearray(gzip.decompress(path.read_bytes()))
    stored = bytearray(gzip.compress(bytes(content), compresslevel=0))
    stored[-500] ^= 1
    path.write_bytes(stored)
    with pytest.raises(SmartError) as caught:
        read_scan(path)
    made.told(caught.value, 2, NAME)
