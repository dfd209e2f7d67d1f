"""Whatever the format and the order of its axes, the same patient comes out: HU, RAS, mm."""

import itertools
from pathlib import Path

import itk
import nibabel as nib
import numpy as np
import pytest

from smart_nets.errors import ConfigError, GeometryError, InputError
from smart_nets.scans.read import read_scan, read_volume

AXIS_ORDERS = [
    (order, flips) for order in itertools.permutations(range(3)) for flips in itertools.product((1, -1), repeat=3)
]


def stored_as(array: np.ndarray, affine: np.ndarray, order: tuple, flips: tuple) -> tuple[np.ndarray, np.ndarray]:
    """The same scan with its axes in another order and direction, place in the world unchanged."""
    step = np.zeros((4, 4))
    step[3, 3] = 1
    for new, old in enumerate(order):
        step[old, new] = flips[old]
        if flips[old] < 0:
            step[old, 3] = array.shape[old] - 1
    turned = array[tuple(slice(None, None, flip) for flip in flips)].transpose(order)
    return turned, affine @ step


@pytest.mark.parametrize(("order", "flips"), AXIS_ORDERS)
def test_all_48_axis_orders_give_the_same_patient(save, hu, affine, order, flips):
    path = save(*stored_as(hu, affine, order, flips))
    scan = read_scan(path)
    assert scan.shape == (1, 14, 12, 10)
    np.testing.assert_array_equal(scan[0].numpy(), hu)
    np.testing.assert_allclose(scan.affine.numpy(), affine, atol=1e-5)


def test_a_spot_on_the_patients_right_stays_on_the_right(save, hu, affine):
    hu[11, 3, 1] = 900  # the highest first index: Right in RAS
    scan = read_scan(save(*stored_as(hu, affine, (2, 0, 1), (-1, 1, -1))))
    assert np.argwhere(scan[0].numpy() == 900).tolist() == [[11, 3, 1]]
    assert nib.aff2axcodes(scan.affine.numpy()) == ("R", "A", "S")


@pytest.mark.parametrize("name", ["scan.nrrd", "scan.mha", "scan.mhd"])
def test_other_formats_agree_with_nifti(save, hu, affine, tmp_path: Path, name):
    nifti = read_scan(save(hu, affine, "scan.nii"))
    itk.imwrite(itk.imread(str(tmp_path / "scan.nii")), str(tmp_path / name))
    other = read_scan(tmp_path / name)
    np.testing.assert_array_equal(other.numpy(), nifti.numpy())
    np.testing.assert_allclose(other.affine.numpy(), nifti.affine.numpy(), atol=1e-4)


def test_the_headers_scale_is_applied(save, hu, affine, tmp_path: Path):
    image = nib.Nifti1Image(((hu + 1000) // 2).astype(np.int16), affine)
    image.header.set_slope_inter(2, -1000)
    nib.save(image, tmp_path / "scaled.nii")
    expected = 2 * ((hu + 1000) // 2) - 1000
    np.testing.assert_array_equal(read_scan(tmp_path / "scaled.nii")[0].numpy(), expected)


@pytest.mark.parametrize(("unit", "factor"), [("mm", 1.0), ("micron", 1000.0), ("meter", 0.001)])
def test_units_of_length_become_mm(hu, affine, tmp_path: Path, unit, factor):
    stored = np.diag([factor, factor, factor, 1]) @ affine
    image = nib.Nifti1Image(hu, stored)
    image.header.set_xyzt_units(unit)
    nib.save(image, tmp_path / "unit.nii")
    np.testing.assert_allclose(read_volume(tmp_path / "unit.nii").affine, affine, rtol=1e-4)


@pytest.mark.parametrize("padding", [-2000, -2048, -3024])
def test_padding_outside_the_scanners_circle_becomes_air_and_is_counted(save, hu, affine, padding):
    hu[0, 0, :] = padding
    scan = read_scan(save(hu, affine))
    assert scan.min() == -1024
    assert scan.meta["notes"] == [f"padding set to air (10 voxels, down to {padding} HU)"]


def test_one_volume_of_a_4d_file_can_be_chosen(save, hu, affine):
    path = save(np.stack([hu, hu[::-1]], axis=3), affine)
    np.testing.assert_array_equal(read_scan(path, volume=1)[0].numpy(), hu[::-1])


def test_a_fourth_axis_of_length_one_is_no_choice(save, hu, affine):
    np.testing.assert_array_equal(read_scan(save(hu[..., None], affine))[0].numpy(), hu)


def test_the_input_is_not_changed_on_disk(save, hu, affine):
    path = save(hu, affine)
    before = path.read_bytes()
    scan = read_scan(path)
    scan += 1  # own memory, writable
    assert path.read_bytes() == before


def test_unknown_tilt_setting(save, hu, affine):
    with pytest.raises(ConfigError, match="refuse or correct"):
        read_scan(save(hu, affine), tilt="ignore")


def two_orientations(image: nib.Nifti1Image) -> None:
    image.set_qform(np.diag([-1, 1, 1, 1]) @ image.affine, 1)
    image.set_sform(image.affine, 1)


def no_orientation(image: nib.Nifti1Image) -> None:
    image.set_qform(None, 0)
    image.set_sform(None, 0)


@pytest.mark.parametrize(
    ("damage", "message"),
    [(two_orientations, "two orientations that contradict"), (no_orientation, "left and right are unknown")],
)
def test_a_header_that_leaves_the_side_open_is_refused(hu, affine, tmp_path: Path, damage, message):
    image = nib.Nifti1Image(hu, affine)
    damage(image)
    nib.save(image, tmp_path / "side.nii.gz")
    with pytest.raises(GeometryError, match=message):
        read_scan(tmp_path / "side.nii.gz")


@pytest.mark.parametrize("name", ["scan.nrrd", "scan.mha"])
def test_damaged_files_of_other_formats_are_refused(save, hu, affine, tmp_path: Path, name):
    save(hu, affine, "scan.nii")
    path = tmp_path / name
    itk.imwrite(itk.imread(str(tmp_path / "scan.nii")), str(path))
    content = path.read_bytes()
    for damaged in (b"", content[: len(content) // 2], b"hello\n" * 50):
        path.write_bytes(damaged)
        with pytest.raises(InputError, match=name):
            read_scan(path)


def test_real_files_of_all_formats_are_read_in_ras(real_ct: Path):
    for name, shape in {
        "chest_2mm/pyrad_lung1.nii.gz": (146, 146, 48),
        "tptbox/sub-ct_label-22_ct.nii.gz": (73, 73, 47),  # stored PIR as (73, 47, 73)
        "slicerio/CTChest4.nrrd": (128, 128, 34),
        "elastix/3DCT_lung_baseline_small.mha": (57, 78, 64),
    }.items():
        scan = read_scan(real_ct / name)
        assert tuple(scan.shape[1:]) == shape
        assert nib.aff2axcodes(scan.affine.numpy()) == ("R", "A", "S")
        assert -1024 <= scan.min() < -900


def test_dicom_and_nrrd_of_one_real_patient_agree(real_ct: Path):
    dicom, nrrd = read_scan(real_ct / "cip/ct-64Dicom"), read_scan(real_ct / "cip/ct-64.nrrd")
    np.testing.assert_array_equal(dicom.numpy(), nrrd.numpy())
    np.testing.assert_allclose(dicom.affine[:3, :3].numpy(), nrrd.affine[:3, :3].numpy(), atol=1e-3)
