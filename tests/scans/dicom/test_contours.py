"""Contours become masks without gaps: overlaps united, holes kept, slices that nobody drew interpolated or refused."""

import numpy as np
import pytest
from pydicom.dataset import Dataset

from smart_nets.errors import GeometryError
from smart_nets.scans.dicom.rtstruct.contours import paint_contours
from smart_nets.scans.dicom.rtstruct.gaps import close_gaps
from smart_nets.scans.dicom.rtstruct.polygon import encloses

SHAPE = (30, 30, 12)


def square(low: float, size: float, z: float = 5, kind: str = "CLOSED_PLANAR", across: float = 9.5) -> Dataset:
    """A square whose corners lie between voxels, so that it covers size x size of them; voxels are millimetres."""
    corners = [(low, across), (low + size, across), (low + size, across + size), (low, across + size)]
    contour = Dataset()
    contour.ContourGeometricType = kind
    contour.ContourData = [value for x, y in corners for value in (x, y, z)]
    return contour


def hole(low: float, size: float, kind: str = "CLOSED_PLANAR") -> Dataset:
    return square(low, size, kind=kind, across=low)


@pytest.mark.parametrize(
    ("contours", "voxels", "overlapping"),
    [
        ([square(9.5, 10)], 100, 0),
        ([square(9.5, 10), square(14.5, 10)], 150, 1),
        ([square(9.5, 10), hole(12.5, 3)], 91, 0),
        ([hole(12.5, 3), square(9.5, 10)], 91, 0),  # in any order
        ([square(9.5, 10), hole(10.5, 7), hole(12.5, 3)], 100 - 49 + 9, 0),  # an island in the hole
        ([square(9.5, 10), square(14.5, 10), hole(15.5, 3)], 141, 1),  # a hole in both is a hole
        ([square(9.5, 10, kind="CLOSEDPLANAR_XOR"), square(14.5, 10, kind="CLOSEDPLANAR_XOR")], 100, 0),
        ([square(9.5, 10, kind="CLOSEDPLANAR_XOR"), hole(12.5, 3, "CLOSEDPLANAR_XOR")], 91, 0),
        ([square(0.5, 3), square(20.5, 3)], 18, 0),
    ],
)
def test_how_many_voxels_contours_cover(contours, voxels, overlapping):
    painted = paint_contours(contours, np.eye(4), SHAPE)
    assert (painted.mask.sum(), painted.overlapping, painted.axis) == (voxels, overlapping, 2)


def test_a_polygon_encloses_what_lies_in_it_or_on_its_edge():
    outer = np.array([(0, 0), (10, 0), (10, 10), (0, 10)], float)
    assert encloses(outer, np.array([(1, 1), (9, 9), (0, 5)], float))
    assert not encloses(outer, np.array([(1, 1), (11, 5)], float))


def drawn(*slices: int, shape: tuple[int, ...] = SHAPE) -> np.ndarray:
    mask = np.zeros(shape, bool)
    mask[10:20, 10:20, list(slices)] = True
    return mask


@pytest.mark.parametrize(
    ("slices", "step", "filled", "notes"),
    [
        ((3, 4, 5, 6), 2.0, {3, 4, 5, 6}, []),
        ((2, 4, 6, 8), 2.0, set(range(2, 9)), ["3 slices between contours interpolated"]),
        ((2, 5, 8), 3.0, set(range(2, 9)), ["4 slices between contours interpolated"]),
        ((2, 3, 5, 6), 3.0, {2, 3, 4, 5, 6}, ["1 slices between contours interpolated"]),  # one was forgotten
        ((1, 2, 3, 9, 10), 2.0, {1, 2, 3, 9, 10}, ["1 gaps between its pieces left open"]),  # two tumours
        ((4,), 2.0, {4}, []),
        ((), 2.0, set(), []),
    ],
)
def test_slices_between_contours(slices, step, filled, notes):
    mask = drawn(*slices)
    assert close_gaps(mask, 2, step, "GTV") == notes
    np.testing.assert_array_equal(mask, drawn(*filled))


def test_between_a_large_and_a_small_square_lies_a_middling_one():
    mask = np.zeros((30, 30, 5), bool)
    mask[5:25, 5:25, 0] = mask[11:19, 11:19, 2] = mask[5:25, 5:25, 4] = True
    close_gaps(mask, 2, 2.0, "GTV")
    assert mask[:, :, 1].any(axis=0).sum() == 14  # 20 and 8 voxels wide


def test_pieces_are_followed_one_by_one():
    """Of two tumours side by side, one is drawn on every slice: the other's gaps are seen all the same."""
    mask = drawn(*range(2, 9))
    mask[22:26, 22:26, [2, 4, 6, 8]] = True
    assert close_gaps(mask, 2, 2.0, "GTV") == ["3 slices between contours interpolated"]
    assert mask[22:26, 22:26, 2:9].all()


@pytest.mark.parametrize("step", [6.0, 20.0])
def test_contours_too_far_apart_are_refused(step):
    with pytest.raises(GeometryError, match=r"GTV: slices between the contours cannot be guessed .*at most 10 mm"):
        close_gaps(drawn(2, 4, 6, 8), 2, step, "GTV")


def test_contours_on_every_second_slice_that_share_no_voxel_are_refused():
    mask = np.zeros(SHAPE, bool)
    mask[2:4, 2:4, 2] = mask[8:10, 2:4, 4] = True
    with pytest.raises(GeometryError, match="cannot be guessed"):
        close_gaps(mask, 2, 2.0, "GTV")
