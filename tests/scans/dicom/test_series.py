"""DICOM series: the same voxels in the same place as GDCM gives, and every gap, double and loss noticed."""

import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pydicom
import pytest

from smart_nets.errors import GeometryError, InputError
from smart_nets.phantom import Phantom, make_phantom, write_dicom
from smart_nets.scans.dicom.series import list_series, read_dicom
from smart_nets.scans.read import read_scan


@pytest.fixture
def series(hu: np.ndarray, affine: np.ndarray, tmp_path: Path) -> Path:
    """A sound series of ten slices, 1.dcm the lowest."""
    return write_dicom(Phantom(hu, np.zeros(hu.shape, np.uint8), affine, (), "p1", 0), tmp_path)


def edit(folder: Path, change: Callable[[pydicom.Dataset, int], None], slices: slice = slice(None)) -> None:
    """Change slices in place; `change` gets the data set and the slice's number from below."""
    files = sorted(folder.glob("*.dcm"))
    for number in range(len(files))[slices]:
        dataset = pydicom.dcmread(files[number])
        change(dataset, number)
        dataset.save_as(files[number])


@pytest.mark.parametrize("kind", ["mini", "phantom"])
def test_phantom_to_dicom_and_back_is_exact(kind, hu, affine, tmp_path: Path):
    if kind == "phantom":
        original = make_phantom(3, spacing=(6.0, 5.0, 8.0), nodules=1, region="chest")
    else:
        original = Phantom(hu, np.zeros(hu.shape, np.uint8), affine, (), "p1", 0)
    scan = read_scan(write_dicom(original, tmp_path))
    np.testing.assert_array_equal(scan[0].numpy(), original.image)
    np.testing.assert_allclose(scan.affine.numpy(), original.affine, atol=1e-3)


def gdcm(folder: Path) -> tuple[np.ndarray, np.ndarray]:
    """Voxels (X, Y, Z) and affine to LPS mm as SimpleITK's GDCM reader sees the one series of a folder."""
    sitk = pytest.importorskip("SimpleITK", reason="SimpleITK is not installed")
    image = sitk.ReadImage(sitk.ImageSeriesReader.GetGDCMSeriesFileNames(str(folder)))
    affine = np.eye(4)
    affine[:3, :3] = np.reshape(image.GetDirection(), (3, 3)) * image.GetSpacing()
    affine[:3, 3] = image.GetOrigin()
    return sitk.GetArrayFromImage(image).T, affine


def assert_as_gdcm(folder: Path) -> None:
    ours = read_dicom(folder)
    voxels, affine = gdcm(folder)
    np.testing.assert_array_equal(ours.array, voxels)
    np.testing.assert_allclose(np.diag([-1, -1, 1, 1]) @ ours.affine, affine, atol=2e-3)


@pytest.mark.parametrize("name", ["cip/ct-64Dicom", "totalseg/example_ct_dicom", "lidc0001_slab_dicom.zip"])
def test_real_series_equal_gdcm_voxel_for_voxel(real_ct: Path, tmp_path: Path, name):
    folder = real_ct / name
    if folder.suffix == ".zip":
        zipfile.ZipFile(folder).extractall(tmp_path)
        folder = tmp_path
    assert_as_gdcm(folder)


def test_exported_series_equals_gdcm(series):
    assert_as_gdcm(series)


def test_the_names_of_files_do_not_matter(series, hu):
    for path in sorted(series.glob("*.dcm")):  # 0001.dcm -> 1000.IMA and so on: reversed order, no extension known
        path.rename(series / f"{path.stem[::-1]}.IMA")
    np.testing.assert_array_equal(read_scan(series)[0].numpy(), hu)


def test_slices_stored_from_head_to_foot_are_sorted(series, hu):
    edit(series, lambda dataset, number: setattr(dataset, "InstanceNumber", 10 - number))
    np.testing.assert_array_equal(read_scan(series)[0].numpy(), hu)


def test_each_slice_keeps_its_own_rescale(series, hu):
    def shift(dataset: pydicom.Dataset, number: int) -> None:
        dataset.PixelData = (dataset.pixel_array - 100 * number).astype("<u2").tobytes()
        dataset.RescaleIntercept = -1024 + 100 * number

    hu[:] = np.maximum(hu, 0)  # room to subtract
    edit(series, shift, slice(0, 1))
    assert read_scan(series).shape == (1, 14, 12, 10)


def test_localisers_are_left_out_and_told(series, hu):
    def scout(dataset: pydicom.Dataset, number: int) -> None:
        dataset.ImageType = ["ORIGINAL", "PRIMARY", "LOCALIZER"]
        dataset.Rows, dataset.Columns = 3, 4
        dataset.PixelData = b"\0" * 24
        dataset.SOPInstanceUID += ".9"

    (series / "scout.dcm").write_bytes((series / "0001.dcm").read_bytes())
    edit(series, scout, slice(-1, None))
    scan = read_scan(series)
    np.testing.assert_array_equal(scan[0].numpy(), hu)
    assert scan.meta["notes"] == ["localiser images left out (1)"]


def test_an_exact_copy_of_a_slice_is_dropped_and_told(series, hu):
    (series / "copy.dcm").write_bytes((series / "0004.dcm").read_bytes())
    scan = read_scan(series)
    np.testing.assert_array_equal(scan[0].numpy(), hu)
    assert scan.meta["notes"] == ["exact copies of slices left out (1)"]


def test_other_files_in_the_folder_do_not_matter(series, hu):
    (series / "DICOMDIR").write_bytes(b"index")
    (series / "notes.txt").write_text("nothing")
    np.testing.assert_array_equal(read_scan(series)[0].numpy(), hu)


def test_a_series_that_lost_its_uid_is_still_one_series(series, hu):
    edit(series, lambda dataset, number: delattr(dataset, "SeriesInstanceUID"))
    np.testing.assert_array_equal(read_scan(series)[0].numpy(), hu)


def test_one_of_two_series_is_chosen_by_uid(series, hu):
    for path in sorted(series.glob("*.dcm")):
        dataset = pydicom.dcmread(path)
        dataset.SeriesInstanceUID, dataset.RescaleIntercept = "1.2.3", -1034
        dataset.save_as(series / f"b{path.name}")
    assert len(list_series(series)) == 2
    np.testing.assert_array_equal(read_dicom(series, "1.2.3").to_ras().array, hu - 10)


def test_the_tilt_of_a_real_series_is_told_with_its_angle(real_ct: Path, tmp_path: Path):
    zipfile.ZipFile(real_ct / "dicom2nifti_failing.zip").extractall(tmp_path)
    with pytest.raises(GeometryError, match=r"sheared by 14.0 degrees"):
        read_scan(tmp_path / "gantrytilting/001")
    with pytest.raises(GeometryError, match=r"1 slice is missing: gap after slice 3"):
        read_scan(tmp_path / "sliceincrement/001")


def without(tag: str) -> Callable[[pydicom.Dataset, int], None]:
    return lambda dataset, number: delattr(dataset, tag)


def having(tag: str, value: object) -> Callable[[pydicom.Dataset, int], None]:
    return lambda dataset, number: setattr(dataset, tag, value)


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        (having("PixelSpacing", [0, 0]), GeometryError, "no usable PixelSpacing"),
        (without("ImageOrientationPatient"), GeometryError, "no ImageOrientationPatient"),
        (having("ImageOrientationPatient", [1, 0, 0, 1, 0, 0]), GeometryError, "unit vectors at right angles"),
        (having("RescaleSlope", 0), InputError, "HU unknown"),
        (having("RescaleType", "OD"), InputError, "RescaleType HU"),
        (having("Modality", "MR"), InputError, "modality is not CT"),
        (having("NumberOfFrames", 3), InputError, "multi-frame"),
        (having("ImageType", ["ORIGINAL", "PRIMARY", "LOCALIZER"]), InputError, "only localisers"),
    ],
)
def test_what_cannot_be_trusted_is_refused(series, change, error, message):
    edit(series, change)
    with pytest.raises(error, match=message):
        read_dicom(series)


def test_slices_off_the_line_are_refused(series):
    def jump(dataset: pydicom.Dataset, number: int) -> None:
        x, y, z = dataset.ImagePositionPatient
        dataset.ImagePositionPatient = [x + 3, y, z]

    edit(series, jump, slice(4, 5))
    with pytest.raises(GeometryError, match="the slices are not in line"):
        read_dicom(series)


def test_one_file_is_not_taken_for_its_series(series):
    with pytest.raises(InputError, match=r"give .*p1"):
        read_scan(series / "0001.dcm")
