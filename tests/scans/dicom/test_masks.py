"""Contours and segmentations land on the voxels they were drawn on, one mask per reader."""

from pathlib import Path

import numpy as np
import pydicom
import pytest
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence

from smart_nets.errors import GeometryError, InputError
from smart_nets.phantom import Phantom, write_dicom
from smart_nets.scans.dicom.masks import read_masks
from smart_nets.scans.dicom.rtstruct.polygon import fill_polygon
from smart_nets.scans.read import read_volume
from smart_nets.scans.volume import Volume


@pytest.fixture
def series(hu: np.ndarray, affine: np.ndarray, tmp_path: Path) -> Path:
    return write_dicom(Phantom(hu, np.zeros(hu.shape, np.uint8), affine, (), "p1", 0), tmp_path)


@pytest.fixture
def scan(series: Path) -> Volume:
    return read_volume(series)


def header_like(series: Path, modality: str, folder: Path) -> Dataset:
    dataset = pydicom.dcmread(sorted(series.glob("*.dcm"))[0])
    del dataset.PixelData
    dataset.Modality, dataset.SeriesInstanceUID = modality, "1.2.3"
    return dataset


def contour_of(scan: Volume, corners: list[tuple[float, float]], z: float, kind: str = "CLOSED_PLANAR") -> Dataset:
    """A contour through voxel coordinates (x, y) of slice z."""
    contour = Dataset()
    contour.ContourGeometricType = kind
    ras = np.array([[x, y, z, 1] for x, y in corners]) @ scan.affine.T
    contour.ContourData = [float(value) for point in ras for value in (-point[0], -point[1], point[2])]
    return contour


def structures(series: Path, scan: Volume, regions: dict[str, list[Dataset]], frame: str | None = None) -> Path:
    dataset = header_like(series, "RTSTRUCT", series)
    dataset.StructureSetROISequence, dataset.ROIContourSequence = Sequence(), Sequence()
    for number, (name, contours) in enumerate(regions.items(), start=1):
        roi, drawn = Dataset(), Dataset()
        roi.ROINumber, roi.ROIName, roi.ReferencedFrameOfReferenceUID = number, name, frame or scan.frame
        drawn.ReferencedROINumber, drawn.ContourSequence = number, Sequence(contours)
        dataset.StructureSetROISequence.append(roi)
        dataset.ROIContourSequence.append(drawn)
    path = series.parent / "rtstruct.dcm"
    dataset.save_as(path)
    return path


SQUARE = [(2.5, 3.5), (6.5, 3.5), (6.5, 8.5), (2.5, 8.5)]  # voxels 3..6 by 4..8
HOLE = [(3.5, 4.5), (5.5, 4.5), (5.5, 6.5), (3.5, 6.5)]  # voxels 4..5 by 5..6


def test_a_square_fills_the_voxels_inside_it():
    expected = np.zeros((10, 12), bool)
    expected[3:7, 4:9] = True
    np.testing.assert_array_equal(fill_polygon(np.array(SQUARE), (10, 12)), expected)


def test_a_disc_has_the_area_of_a_disc_and_every_centre_right():
    angle = np.linspace(0, 2 * np.pi, 400, endpoint=False)
    mask = fill_polygon(np.stack([30.2 + 20 * np.cos(angle), 25.1 + 20 * np.sin(angle)], 1), (60, 55))
    x, y = np.indices(mask.shape)
    distance = np.hypot(x - 30.2, y - 25.1)
    assert mask[distance < 19.9].all() and not mask[distance > 20].any()


def test_neighbouring_polygons_share_no_voxel_and_leave_none_out():
    left, right = [(0, 0), (5, 0), (5, 9), (0, 9)], [(5, 0), (9, 0), (9, 9), (5, 9)]
    both = [fill_polygon(np.array(points, float), (12, 12)) for points in (left, right)]
    assert not (both[0] & both[1]).any()
    assert (both[0] | both[1]).sum() == 9 * 9


def test_polygons_may_reach_outside():
    assert fill_polygon(np.array([(-5, -5), (-5, 50), (50, 50), (50, -5)], float), (4, 6)).all()


def test_each_readers_contours_become_a_mask_of_their_own(series, scan):
    path = structures(
        series,
        scan,
        {
            "GTV reader 1": [contour_of(scan, SQUARE, 4), contour_of(scan, SQUARE, 5), contour_of(scan, HOLE, 5)],
            "GTV reader 2": [contour_of(scan, HOLE, 4)],
        },
    )
    found = read_masks(path, scan)
    first = np.zeros(scan.array.shape, bool)
    first[3:7, 4:9, 4:6] = True
    first[4:6, 5:7, 5] = False
    np.testing.assert_array_equal(found.masks["GTV reader 1"], first)
    assert np.argwhere(found.masks["GTV reader 2"]).tolist() == [[x, y, 4] for x in (4, 5) for y in (5, 6)]
    assert found.notes == []


def test_contours_that_cannot_be_used_are_skipped_and_listed(series, scan):
    bad = [
        contour_of(scan, SQUARE[:2], 4),
        contour_of(scan, SQUARE, 4, "OPEN_PLANAR"),
        contour_of(scan, SQUARE, 4.4),
        contour_of(scan, SQUARE, 40),
        contour_of(scan, SQUARE, 6),
        contour_of(scan, SQUARE, 6),
    ]
    found = read_masks(structures(series, scan, {"GTV": bad}), scan)
    assert found.masks["GTV"].sum() == 20
    assert found.notes == [
        "GTV: 1 contours skipped (between slices or not flat)",
        "GTV: 1 contours skipped (drawn twice)",
        "GTV: 1 contours skipped (fewer than 3 points)",
        "GTV: 1 contours skipped (not closed)",
        "GTV: 1 contours skipped (outside the scan)",
    ]


def test_a_structure_set_of_another_frame_is_refused(series, scan):
    path = structures(series, scan, {"GTV": [contour_of(scan, SQUARE, 4)]}, frame="9.9.9")
    with pytest.raises(GeometryError, match=r"another frame of reference .*found 9.9.9"):
        read_masks(path, scan)


def test_regions_without_contours_are_empty_and_told(series, scan):
    found = read_masks(structures(series, scan, {"GTV": []}), scan)
    assert not found.masks["GTV"].any() and found.notes == ["GTV: empty"]


def segmentation(series: Path, scan: Volume, masks: dict[str, np.ndarray], name: str = "seg.dcm", **change) -> Path:
    """A binary DICOM SEG as other programs write it: one bit per pixel, empty slices left out."""
    dataset = header_like(series, "SEG", series)
    dataset.SegmentationType, dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit = "BINARY", 1, 1, 0
    for tag in ("ImagePositionPatient", "ImageOrientationPatient", "PixelSpacing", "RescaleSlope", "RescaleIntercept"):
        delattr(dataset, tag)
    dataset.SegmentSequence, dataset.PerFrameFunctionalGroupsSequence = Sequence(), Sequence()
    frames = []
    files = {}
    for path in sorted(series.glob("*.dcm")):
        header = pydicom.dcmread(path, stop_before_pixels=True)
        files[round((float(header.ImagePositionPatient[2]) - scan.affine[2, 3]) / scan.spacing[2])] = header
    for number, (label, mask) in enumerate(masks.items(), start=1):
        segment = Dataset()
        segment.SegmentNumber, segment.SegmentLabel = number, label
        dataset.SegmentSequence.append(segment)
        for z in np.flatnonzero(mask.any(axis=(0, 1))):
            place, position, identity = Dataset(), Dataset(), Dataset()
            position.ImagePositionPatient = files[z].ImagePositionPatient
            identity.ReferencedSegmentNumber = number
            place.PlanePositionSequence, place.SegmentIdentificationSequence = (
                Sequence([position]),
                Sequence([identity]),
            )
            dataset.PerFrameFunctionalGroupsSequence.append(place)
            frames.append(mask[::-1, ::-1, z].T)  # rows run to Posterior, columns to Left
    shared, measures, orientation = Dataset(), Dataset(), Dataset()
    measures.PixelSpacing, orientation.ImageOrientationPatient = files[0].PixelSpacing, [1, 0, 0, 0, 1, 0]
    shared.PixelMeasuresSequence, shared.PlaneOrientationSequence = Sequence([measures]), Sequence([orientation])
    dataset.SharedFunctionalGroupsSequence = Sequence([shared])
    dataset.NumberOfFrames, dataset.Rows, dataset.Columns = len(frames), *frames[0].shape
    packed = np.packbits(np.array(frames).ravel(), bitorder="little").tobytes()
    dataset.PixelData = packed + b"\0" * (len(packed) % 2)
    for tag, value in change.items():
        setattr(dataset, tag, value)
    dataset["PixelData"].VR = "OB"
    path = series.parent / name
    dataset.save_as(path)
    return path


@pytest.fixture
def blobs(hu: np.ndarray) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(0)
    return {"liver": rng.random(hu.shape) < 0.2, "tumour": np.indices(hu.shape).sum(0) == 12}


def test_segments_come_back_voxel_for_voxel(series, scan, blobs):
    found = read_masks(segmentation(series, scan, blobs), scan)
    assert list(found.masks) == ["liver", "tumour"]
    for name, mask in blobs.items():
        np.testing.assert_array_equal(found.masks[name], mask)


def test_several_readers_files_stay_apart(series, scan, blobs):
    paths = [segmentation(series, scan, {"tumour": mask}, f"{name}.dcm") for name, mask in blobs.items()]
    found = read_masks(paths, scan)
    np.testing.assert_array_equal(found.masks["tumour"], blobs["liver"])
    np.testing.assert_array_equal(found.masks["tumour (2)"], blobs["tumour"])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"NumberOfFrames": 99}, "frames are missing"),
        ({"PixelData": b"\0\0"}, "frames are missing or damaged"),
        ({"FrameOfReferenceUID": "9.9"}, "another frame of reference"),
        ({"SharedFunctionalGroupsSequence": Sequence()}, "no PixelMeasuresSequence"),
    ],
)
def test_segmentations_that_do_not_fit_are_refused(series, scan, blobs, change, message):
    with pytest.raises(GeometryError, match=message):
        read_masks(segmentation(series, scan, blobs, **change), scan)


def test_a_segmentation_of_another_grid_is_refused(series, scan, blobs):
    path = segmentation(series, scan, blobs)
    dataset = pydicom.dcmread(path)
    dataset.SharedFunctionalGroupsSequence[0].PixelMeasuresSequence[0].PixelSpacing = [1.7, 2.2]
    dataset.save_as(path)
    with pytest.raises(GeometryError, match="does not lie on the scan's grid"):
        read_masks(path, scan)


def test_other_files_are_no_masks(series, scan):
    with pytest.raises(InputError, match=r"expected RTSTRUCT or SEG, found CT"):
        read_masks(series / "0001.dcm", scan)
