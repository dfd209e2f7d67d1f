"""Phantoms written and read back: the same voxels at the same places, as NIfTI and as DICOM."""

from pathlib import Path

import nibabel as nib
import numpy as np
import pydicom
import pytest
from monai.data import ITKReader, PydicomReader
from monai.transforms import LoadImage, Orientation
from pydicom.uid import CTImageStorage

from smart_nets.phantom import Phantom, make_phantom, write_dicom, write_nifti


@pytest.fixture(scope="module")
def small() -> Phantom:
    return make_phantom(7, spacing=(5.0, 4.0, 7.5), region="chest")


@pytest.fixture(scope="module")
def series(small, tmp_path_factory) -> Path:
    return write_dicom(small, tmp_path_factory.mktemp("dicom"))


def test_nifti_round_trip(small, tmp_path):
    path = write_nifti(small, tmp_path / "new folder")
    assert [p.name for p in path.parent.iterdir()] == ["phantom-0007.nii.gz"]
    image = nib.load(path)
    np.testing.assert_array_equal(np.asarray(image.dataobj), small.image)
    np.testing.assert_array_equal(image.affine, small.affine)
    assert image.get_data_dtype() == np.int16
    assert int(image.header["sform_code"]) == int(image.header["qform_code"]) == 1
    assert nib.aff2axcodes(image.affine) == ("R", "A", "S")


def test_labels_are_written_when_asked_for(small, tmp_path):
    write_nifti(small, tmp_path, labels=True)
    labels = nib.load(tmp_path / "phantom-0007__labels.nii.gz")
    np.testing.assert_array_equal(np.asarray(labels.dataobj), small.labels)
    assert labels.get_data_dtype() == np.uint8


@pytest.mark.parametrize("reader", [PydicomReader, ITKReader])
def test_dicom_round_trip(small, series, reader):
    image = LoadImage(reader=reader(), ensure_channel_first=True)(series)
    image = Orientation(axcodes="RAS", labels=(("L", "R"), ("P", "A"), ("I", "S")))(image)
    np.testing.assert_array_equal(image[0].numpy(), small.image)
    np.testing.assert_allclose(image.affine.numpy(), small.affine, atol=1e-4)


def test_dicom_is_a_valid_ct_series_without_a_patient(small, series):
    files = sorted(series.iterdir())
    assert len(files) == small.image.shape[2]
    slices = [pydicom.dcmread(path) for path in files]
    first = slices[0]
    assert first.SOPClassUID == first.file_meta.MediaStorageSOPClassUID == CTImageStorage
    assert all(one.SOPInstanceUID == one.file_meta.MediaStorageSOPInstanceUID for one in slices)
    assert len({one.SOPInstanceUID for one in slices}) == len(slices)
    for shared in ("StudyInstanceUID", "SeriesInstanceUID", "FrameOfReferenceUID"):
        assert len({one[shared].value for one in slices}) == 1
    assert first.PatientName == "PHANTOM^0007" and first.PatientID == "phantom-0007"
    assert first.PatientBirthDate == first.PatientSex == first.AccessionNumber == ""
    assert (first.RescaleIntercept, first.RescaleSlope, first.PixelRepresentation) == (-1024, 1, 0)
    assert list(first.ImageOrientationPatient) == [1, 0, 0, 0, 1, 0]
    assert list(first.PixelSpacing) == [4.0, 5.0]  # between rows (y), between columns (x)
    heights = [float(one.ImagePositionPatient[2]) for one in slices]
    np.testing.assert_allclose(np.diff(heights), 7.5)
    assert all(len(str(value)) <= 16 for one in slices for value in one.ImagePositionPatient)  # DICOM's limit


def test_identifiers_follow_from_the_seed(small, series, tmp_path):
    def uids(folder: Path) -> list[str]:
        return [pydicom.dcmread(path, stop_before_pixels=True).SOPInstanceUID for path in sorted(folder.iterdir())]

    assert uids(write_dicom(small, tmp_path / "again")) == uids(series)
    other = make_phantom(8, spacing=(5.0, 4.0, 7.5), region="chest")
    assert not set(uids(write_dicom(other, tmp_path / "other"))) & set(uids(series))
    tumour = make_phantom(7, spacing=(5.0, 4.0, 7.5), region="chest", task="response")
    assert not set(uids(write_dicom(tumour, tmp_path / "tumour"))) & set(uids(series))  # other pixels, other names


def test_a_shorter_series_leaves_no_slices_of_a_longer_one(small, tmp_path):
    write_dicom(small, tmp_path)
    shorter = make_phantom(7, spacing=(5.0, 4.0, 10.0), region="chest")
    assert len(list(write_dicom(shorter, tmp_path).iterdir())) == shorter.image.shape[2] < small.image.shape[2]
