"""A mask written as DICOM SEG comes back voxel for voxel, has what the standard asks for, and tells no name."""

import logging
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pydicom
import pytest

from smart_nets.errors import GeometryError, InputError
from smart_nets.phantom import Phantom, write_dicom
from smart_nets.scans.dicom.masks import read_masks
from smart_nets.scans.dicom.seg import PURPOSE, write_seg
from smart_nets.scans.read import read_checked, read_volume

NAMES = {"label": "attention", "model": "smart_pretrain", "version": "0.1.0"}

TYPE_1 = {  # DICOM PS3.3, table A.51-1 and the modules it names: present, and not empty
    "Patient": "",
    "General Study": "StudyInstanceUID",
    "General Series": "Modality SeriesInstanceUID",
    "Segmentation Series": "Modality SeriesNumber",
    "Frame of Reference": "FrameOfReferenceUID",
    "General Equipment": "",
    "Enhanced General Equipment": "Manufacturer ManufacturerModelName DeviceSerialNumber SoftwareVersions",
    "Image Pixel": "SamplesPerPixel PhotometricInterpretation Rows Columns BitsAllocated BitsStored HighBit "
    "PixelRepresentation PixelData",
    "Segmentation Image": "ImageType LossyImageCompression SegmentationType SegmentSequence ContentLabel",
    "Multi-frame Functional Groups": "ContentDate ContentTime InstanceNumber NumberOfFrames "
    "SharedFunctionalGroupsSequence PerFrameFunctionalGroupsSequence",
    "Multi-frame Dimension": "DimensionOrganizationSequence DimensionIndexSequence",
    "Common Instance Reference": "ReferencedSeriesSequence",
    "SOP Common": "SOPClassUID SOPInstanceUID",
}
TYPE_2 = {  # present, with a value or without
    "Patient": "PatientName PatientID PatientBirthDate PatientSex",
    "General Study": "StudyDate StudyTime ReferringPhysicianName StudyID AccessionNumber",
    "Frame of Reference": "PositionReferenceIndicator",
    "Segmentation Image": "ContentDescription ContentCreatorName",
}
SEGMENT = "SegmentNumber SegmentLabel SegmentAlgorithmType SegmentAlgorithmName SegmentedPropertyCategoryCodeSequence "
SEGMENT += "SegmentedPropertyTypeCodeSequence SegmentationAlgorithmIdentificationSequence"


@pytest.fixture(scope="module")
def written(phantom: Phantom, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_dicom(phantom, tmp_path_factory.mktemp("ct"))


@pytest.fixture
def series(written: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(written, tmp_path / "ct" / written.name))


@pytest.fixture
def mask(phantom: Phantom) -> np.ndarray:
    """On the file's own grid, unlike its mirror image along each axis."""
    marked = np.zeros(phantom.image.shape, bool)
    marked[3:9, 5:8, 2:6] = True
    marked[20, 30, 10] = True
    return marked


def edit(folder: Path, change: Callable[[pydicom.Dataset, int], None]) -> None:
    for number, path in enumerate(sorted(folder.glob("*.dcm"))):
        dataset = pydicom.dcmread(path)
        change(dataset, number)
        dataset.save_as(path)


def put(tag: str, value: object) -> Callable[[Path], None]:
    return lambda folder: edit(folder, lambda dataset, number: setattr(dataset, tag, value))


def in_mm(mask: np.ndarray, affine: np.ndarray) -> np.ndarray:
    """The places of the marked voxels in mm, (n, 3), in order of z, y, x and rounded to 0.01 mm."""
    places = np.argwhere(mask) @ affine[:3, :3].T + affine[:3, 3]
    return np.unique(places.round(2), axis=0)


def test_the_mask_comes_back_voxel_for_voxel(series, mask, tmp_path: Path):
    assert not any(np.array_equal(mask, np.flip(mask, axis)) for axis in range(3))
    path = write_seg(mask, series, tmp_path / "out" / "seg.dcm", **NAMES)
    assert path == tmp_path / "out" / "seg.dcm" and [entry.name for entry in path.parent.iterdir()] == ["seg.dcm"]
    scan = read_checked(series)
    found = read_masks(path, scan)
    assert list(found.masks) == ["attention"] and found.notes == []
    np.testing.assert_array_equal(found.masks["attention"], mask)
    # in RAS, where the phantom's axes run, the same voxels: this series is turned about z
    np.testing.assert_array_equal(read_masks(path, read_volume(series)).masks["attention"], mask[::-1, ::-1])


def test_the_names_of_the_slices_do_not_matter(series, mask, tmp_path: Path):
    for path in sorted(series.glob("*.dcm")):  # 0001.dcm -> z9998.dcm: the order of the names is turned round
        path.rename(series / f"z{9999 - int(path.stem)}.dcm")
    path = write_seg(mask, series, tmp_path / "seg.dcm", **NAMES)
    np.testing.assert_array_equal(read_masks(path, read_checked(series)).masks["attention"], mask)


def test_highdicom_sees_the_same_voxels_in_the_same_place(series, mask, tmp_path: Path):
    from highdicom.seg import segread

    opened = segread(write_seg(mask, series, tmp_path / "seg.dcm", **NAMES))
    volume = opened.get_volume(combine_segments=True)
    lps = np.diag([-1.0, -1.0, 1.0, 1.0]) @ read_checked(series).affine
    np.testing.assert_allclose(in_mm(volume.array > 0, volume.affine), in_mm(mask, lps), atol=0.02)
    slices = sorted((pydicom.dcmread(path) for path in series.glob("*.dcm")), key=lambda one: float(one.SliceLocation))
    frames = opened.get_pixels_by_source_instance(
        [one.SOPInstanceUID for one in slices], combine_segments=True, assert_missing_frames_are_empty=True
    )
    np.testing.assert_array_equal(frames, mask.T)  # (Z, rows, columns)


@pytest.fixture(scope="module")
def bare_seg(phantom: Phantom, tmp_path_factory: pytest.TempPathFactory) -> pydicom.Dataset:
    """The SEG of a series that lost every tag which may be empty."""
    folder = tmp_path_factory.mktemp("bare")
    series = write_dicom(phantom, folder)
    lost = " ".join(TYPE_2[module] for module in ("Patient", "General Study", "Frame of Reference")).split()
    edit(series, lambda dataset, number: [delattr(dataset, tag) for tag in lost] and None)
    return pydicom.dcmread(write_seg(phantom.image > 200, series, folder / "seg.dcm", **NAMES))


@pytest.mark.parametrize("module", TYPE_1)
def test_the_standard_gets_what_it_demands(bare_seg, module):
    assert [tag for tag in TYPE_1[module].split() if bare_seg.get(tag) in (None, "")] == []
    assert [tag for tag in TYPE_2.get(module, "").split() if tag not in bare_seg] == []
    assert [tag for tag in SEGMENT.split() if bare_seg.SegmentSequence[0].get(tag) in (None, "")] == []


def test_what_the_segmentation_says_of_itself(series, mask, tmp_path: Path):
    seg = pydicom.dcmread(write_seg(mask, series, tmp_path / "seg.dcm", **NAMES))
    slice_one = pydicom.dcmread(series / "0001.dcm")
    assert (seg.Modality, seg.SOPClassUID) == ("SEG", "1.2.840.10008.5.1.4.1.1.66.4")
    assert (seg.SegmentationType, seg.LossyImageCompression, seg.BitsAllocated) == ("BINARY", "00", 1)
    assert seg.SeriesDescription == seg.ContentDescription == PURPOSE.format("attention")
    assert "research only" in PURPOSE and "not for diagnostic use" in PURPOSE
    for tag in ("StudyInstanceUID", "FrameOfReferenceUID", "PatientID", "PatientName", "StudyDate"):
        assert seg[tag].value == slice_one[tag].value
    assert seg.NumberOfFrames == 5  # slices 2 to 5, and 10
    segment = seg.SegmentSequence[0]
    assert (segment.SegmentAlgorithmType, segment.SegmentAlgorithmName) == ("AUTOMATIC", "smart_pretrain")
    category, kind = segment.SegmentedPropertyCategoryCodeSequence[0], segment.SegmentedPropertyTypeCodeSequence[0]
    assert (category.CodingSchemeDesignator, category.CodeValue) == ("SCT", "309825002")  # spatial concept, CID 7150
    assert (kind.CodingSchemeDesignator, kind.CodeValue) == ("DCM", "130404")  # saliency, CID 217
    algorithm = segment.SegmentationAlgorithmIdentificationSequence[0]
    assert (algorithm.AlgorithmName, algorithm.AlgorithmVersion) == ("smart_pretrain", "0.1.0")
    assert algorithm.AlgorithmFamilyCodeSequence[0].CodeValue == "123110"  # artificial intelligence, CID 7162


def test_references_name_the_slices_used_and_no_others(series, mask, tmp_path: Path):
    used = {pydicom.dcmread(path).SOPInstanceUID for path in series.glob("*.dcm")}
    (series / "copy.dcm").write_bytes((series / "0004.dcm").read_bytes())
    scout = pydicom.dcmread(series / "0001.dcm")
    scout.ImageType, scout.SOPInstanceUID = ["ORIGINAL", "PRIMARY", "LOCALIZER"], "1.2.3.4"
    scout.save_as(series / "scout.dcm")
    seg = pydicom.dcmread(write_seg(mask, series, tmp_path / "seg.dcm", **NAMES))
    [referenced] = seg.ReferencedSeriesSequence
    assert referenced.SeriesInstanceUID == scout.SeriesInstanceUID
    assert {item.ReferencedSOPInstanceUID for item in referenced.ReferencedInstanceSequence} == used
    by_place = {float(pydicom.dcmread(path).SliceLocation): path for path in series.glob("0*.dcm")}
    for frame in seg.PerFrameFunctionalGroupsSequence:
        [source] = frame.DerivationImageSequence[0].SourceImageSequence
        lies_on = by_place[float(frame.PlanePositionSequence[0].ImagePositionPatient[2])]
        assert source.ReferencedSOPInstanceUID == pydicom.dcmread(lies_on).SOPInstanceUID


def test_one_of_two_series_is_chosen_and_an_earlier_file_replaced(series, mask, tmp_path: Path):
    for path in sorted(series.glob("*.dcm")):
        dataset = pydicom.dcmread(path)
        dataset.SeriesInstanceUID = "1.2.3"
        dataset.SOPInstanceUID = pydicom.uid.generate_uid()
        dataset.save_as(series / f"b{path.name}")
    before = pydicom.dcmread(write_seg(mask, series, tmp_path / "seg.dcm", "1.2.3", **NAMES))
    after = pydicom.dcmread(write_seg(~mask, series, tmp_path / "seg.dcm", series="1.2.3", **NAMES))
    assert before.ReferencedSeriesSequence[0].SeriesInstanceUID == "1.2.3"
    assert before.SOPInstanceUID != after.SOPInstanceUID and before.SeriesInstanceUID != after.SeriesInstanceUID
    assert after.NumberOfFrames == mask.shape[2]


@pytest.mark.parametrize(
    ("charset", "name"),
    [
        ("ISO_IR 192", "Müller^Jörg"),
        ("ISO_IR 100", "Müller"),
        (None, "Single"),
        (["", "ISO 2022 IR 87"], "Yamada^Tarou=山田^太郎"),
    ],
)
def test_the_patient_is_the_series_own_but_no_name_is_told(
    series, mask, tmp_path: Path, caplog, recwarn, charset, name
):
    def rename(dataset: pydicom.Dataset, number: int) -> None:
        dataset.SpecificCharacterSet, dataset.PatientName, dataset.PatientSex = charset, name, "U"

    caplog.set_level(logging.DEBUG)
    edit(series, rename)
    seg = pydicom.dcmread(write_seg(mask, series, tmp_path / "seg.dcm", **NAMES))
    assert (seg.PatientName, seg.PatientSex) == (name, "U")
    told = caplog.text + " ".join(str(warning.message) for warning in recwarn)
    assert name not in told and "phantom-0003" not in told


def test_a_segmentation_may_lie_beside_its_slices(series, mask):
    write_seg(mask, series, series / "attention.dcm", **NAMES)
    assert read_checked(series).array.shape == mask.shape


@pytest.mark.parametrize("name", ["cip/ct-64Dicom", "totalseg/example_ct_dicom"])
def test_real_series(real_ct: Path, tmp_path: Path, name):
    folder = real_ct / name
    scan = read_checked(folder)
    mask = np.zeros(scan.array.shape, bool)
    mask[5:9, 20:22, 3:10] = mask[-1, 0, -1] = True
    if name.startswith("totalseg"):  # JPEG 2000; its identifiers were emptied, only the file headers still hold them
        with pytest.raises(InputError, match=r"lost the identifiers .*found no SOPClassUID, SOPInstanceUID, Study"):
            write_seg(mask, folder, tmp_path / "seg.dcm", **NAMES)
        folder = Path(shutil.copytree(folder, tmp_path / "ct"))
        for path in folder.iterdir():
            dataset = pydicom.dcmread(path)
            dataset.SOPClassUID = dataset.file_meta.MediaStorageSOPClassUID
            dataset.SOPInstanceUID = dataset.file_meta.MediaStorageSOPInstanceUID
            dataset.StudyInstanceUID, dataset.SeriesInstanceUID = "1.2.3", "1.2.4"
            dataset.save_as(path)
    path = write_seg(mask, folder, tmp_path / "seg.dcm", **NAMES)
    np.testing.assert_array_equal(read_masks(path, scan).masks["attention"], mask)


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"mask": np.ones((60, 56, 32), np.uint8)}, InputError, "is no mask .expected bool .X, Y, Z., found uint8"),
        ({"mask": np.ones((60, 56), bool)}, InputError, "is no mask"),
        ({"mask": np.zeros((60, 56, 32), bool)}, InputError, "mask is empty"),
        ({"mask": np.ones((56, 60, 32), bool)}, GeometryError, r"another shape .*expected \(60, 56, 32\)"),
        ({"label": ""}, InputError, "label: cannot stand in a DICOM file"),
        ({"label": "a\\b"}, InputError, "label: cannot stand"),
        ({"model": "m" * 65}, InputError, "model: cannot stand .*expected 1 to 64"),
        ({"version": "1.0 ü"}, InputError, "version: cannot stand"),
        (
            {"target": "seg.nii.gz"},
            InputError,
            "is no name for a DICOM file .expected a file ending in .dcm, found .gz",
        ),
        ({"target": "folder.dcm"}, InputError, "is no name for a DICOM file .*found a folder"),
        ({"target": "a_file/seg.dcm"}, InputError, "cannot hold results"),
        ({"target": "ct/phantom-0003/0002.dcm"}, InputError, "is a slice of the series"),
        ({"folder": "nowhere"}, InputError, "does not exist"),
        ({"folder": "a_file"}, InputError, "is no DICOM series .*found a file"),
        ({"series": "9.9"}, InputError, "has no such series"),
    ],
)
def test_bad_arguments(series, mask, tmp_path: Path, change, error, message):
    (tmp_path / "folder.dcm").mkdir()
    (tmp_path / "a_file").write_text("")
    before = {path: path.read_bytes() for path in series.iterdir()}
    given = {"mask": mask, "folder": series, "target": "seg.dcm", **NAMES, **change}
    given |= {name: tmp_path / given[name] for name in ("folder", "target")}
    with pytest.raises(error, match=message):
        write_seg(**given)
    assert {path: path.read_bytes() for path in series.iterdir()} == before


def lean(dataset: pydicom.Dataset, number: int) -> None:
    x, y, z = dataset.ImagePositionPatient
    dataset.ImagePositionPatient = [x, y + 2 * number, z]


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        (put("StudyInstanceUID", ""), InputError, "lost the identifiers .*found no StudyInstanceUID.; export"),
        (put("FrameOfReferenceUID", ""), InputError, "found no FrameOfReferenceUID"),
        (put("SOPInstanceUID", "1.2.3"), InputError, "slices share a SOPInstanceUID"),
        (put("SOPClassUID", "1.2.3"), InputError, "cannot be described in a DICOM SEG"),
        (put("StudyDate", "20"), InputError, "cannot be described in a DICOM SEG"),
        (lambda folder: edit(folder, lean), GeometryError, "sheared by .* degrees .gantry tilt"),
        (lambda folder: (folder / "0007.dcm").unlink(), GeometryError, "1 slice is missing"),
    ],
)
@pytest.mark.filterwarnings("ignore:Invalid value for VR")
def test_series_that_cannot_be_referred_to(series, mask, tmp_path: Path, change, error, message):
    change(series)
    with pytest.raises(error, match=message):
        write_seg(mask, series, tmp_path / "seg.dcm", **NAMES)
    assert not (tmp_path / "seg.dcm").exists()


def test_without_highdicom_it_says_what_to_install(series, mask, tmp_path: Path, monkeypatch):
    monkeypatch.setitem(sys.modules, "highdicom", None)
    with pytest.raises(InputError, match=r"needs highdicom; pip install highdicom"):
        write_seg(mask, series, tmp_path / "seg.dcm", **NAMES)
