"""Where the slices of a DICOM series lie: order, gaps, doubles, tilt."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from smart_nets.errors import GeometryError, SmartError

if TYPE_CHECKING:
    from pydicom import Dataset

STEP_TOLERANCE = 0.02  # share of the slice distance, and mm: headers round positions
ROUNDED_TO = (0.1, 0.01)  # mm
JUMP = 1.5  # times its neighbours: such a distance is a missing slice, not another protocol
ROUNDING = 1e-6  # mm that arithmetic may differ by
SliceBox = tuple[tuple[float, ...], tuple[float, ...], tuple[float, ...]]
"""Of one slice, in LPS mm: its first pixel, its last pixel, and how far one pixel reaches along each axis."""
_EXPORT = "export the series again, complete"


def slice_axes(header: Dataset, where: str) -> np.ndarray:
    """Columns (3, 2): the steps in LPS mm from one pixel to the next along a row, and along a column.

    Raises:
        GeometryError: orientation or pixel spacing is missing or impossible.
    """
    spacing = header.get("PixelSpacing")
    if spacing is None or min(float(value) for value in spacing) <= 0:
        raise GeometryError(
            "has no usable PixelSpacing", where=where, expected="two lengths in mm", found=spacing, remedy=_EXPORT
        )
    orientation = header.get("ImageOrientationPatient")
    if orientation is None:
        what = "has no ImageOrientationPatient"
        raise GeometryError(what, where=where, expected="six numbers", found="nothing", remedy=_EXPORT)
    row, column = np.array(orientation, dtype=float).reshape(2, 3)
    if not np.allclose([row @ row, column @ column], 1, atol=1e-3) or abs(row @ column) > 1e-3:
        expected = "two unit vectors at right angles"
        remedy = "export the series again"
        raise GeometryError(
            "ImageOrientationPatient is wrong", where=where, expected=expected, found=list(orientation), remedy=remedy
        )
    down, across = (float(value) for value in spacing)  # DICOM stores the distance of rows first
    return np.stack([row * across, column * down], axis=1)


def positions(headers: list[Dataset], where: str) -> np.ndarray:
    """First-pixel positions (slices, 3) in LPS mm.

    Raises:
        GeometryError: a slice has no position, or is turned against the first one.
    """
    places = []
    for header in headers:
        place = header.get("ImagePositionPatient")
        if place is None:
            what, place = "a slice has no ImagePositionPatient", _name(header)
            raise GeometryError(what, where=place, expected="a place in mm", found="nothing", remedy=_EXPORT)
        places.append([float(value) for value in place])
        if not np.allclose(slice_axes(header, _name(header)), slice_axes(headers[0], where), atol=1e-3):
            expected, found = (list(one.ImageOrientationPatient) for one in (headers[0], header))
            what = "a slice has another orientation or spacing than the first"
            raise GeometryError(what, where=_name(header), expected=expected, found=found, remedy="split the series")
    return np.array(places)


def slice_box(header: Dataset) -> SliceBox | None:
    """Where a slice lies; None where its header does not tell it, or holds several slices."""
    try:
        axes = slice_axes(header, "")  # (3, 2)
        place = [float(value) for value in header.ImagePositionPatient]
        ends = np.array(place) + axes @ [int(header.Columns) - 1, int(header.Rows) - 1]
    except (SmartError, AttributeError, TypeError, ValueError):
        return None
    wrong = len(place) != 3 or not np.isfinite(ends).all()
    return None if wrong else (tuple(place), tuple(ends.tolist()), tuple(np.abs(axes).sum(axis=1).tolist()))


def stack_sides(boxes: Sequence[SliceBox]) -> np.ndarray | None:
    """Lengths (3,) in mm along the patient's axes of the box around a stack of slices; None for less than two of them.

    Slices are told apart by their places, so that copies do not count; each is as thick as the mean distance of two.
    """
    corners = np.array([box[:2] for box in boxes]).reshape(-1, 3)  # (slices, 2, 3) -> (2 slices, 3)
    places = np.unique(corners[::2].round(3), axis=0) if len(boxes) else corners
    if len(places) < 2:
        return None
    thick = np.ptp(places, axis=0) / (len(places) - 1)
    return np.asarray(np.ptp(corners, axis=0) + np.array(boxes[0][2]) + thick)


def _name(header: Dataset) -> str:
    return str(getattr(header, "filename", ""))


def stack_step(places: np.ndarray, normal: np.ndarray, where: str) -> tuple[np.ndarray, str]:
    """The step (3,) in mm from each slice to the next, for slices already in order and without doubles, and a note.

    Positions that a header rounds to a tenth or a hundredth of a millimetre are even if some even positions round to
    them: none lies further from its even place than half the last digit.

    Args:
        places: (slices, 3) positions in mm.
        normal: unit vector across the slices.

    Raises:
        GeometryError: all at one place, a gap, uneven distances, or slices off the line.
    """
    heights = places @ normal
    distances = np.diff(heights)
    usual = float(np.median(distances))
    tolerance = max(STEP_TOLERANCE, STEP_TOLERANCE * usual)
    digits = [last_digit(coordinate) for coordinate in places.T]
    wrong = np.flatnonzero(np.abs(distances - usual) > tolerance)
    note = ""
    if len(wrong) and unevenness(heights) > np.abs(normal) @ digits / 2 + ROUNDING:
        raise _uneven(distances, usual, wrong, where)
    if len(wrong):
        note = f"slice positions rounded to {max(digits):g} mm taken as even"
    step = (places[-1] - places[0]) / (len(places) - 1)
    off = np.abs(places - (places[0] + np.arange(len(places))[:, None] * step)).max()
    if off > max(0.1, tolerance):
        found = f"{off:.2f} mm away"
        raise GeometryError(
            "the slices are not in line", where=where, expected="within 0.1 mm", found=found, remedy=_EXPORT
        )
    return np.asarray(step), note


def _uneven(distances: np.ndarray, usual: float, wrong: np.ndarray, where: str) -> GeometryError:
    ratios = distances[wrong] / usual if usual else distances[wrong]
    multiples = (np.abs(ratios - np.rint(ratios)) < 0.1).all() and (ratios > 1.5).all()
    if multiples and set(wrong.tolist()) == set(jumps(distances).tolist()):  # else another protocol begins there
        missing = int(np.rint(ratios - 1).sum())
        what = f"{missing} slice{'s are' if missing > 1 else ' is'} missing: gap after slice {wrong[0] + 1}"
        expected, found = f"a slice every {usual:g} mm", f"{distances[wrong[0]]:g} mm"
        return GeometryError(what, where=where, expected=expected, found=found, remedy=_EXPORT)
    expected, found = f"{usual:g} mm everywhere", f"{distances.min():g} to {distances.max():g} mm"
    remedy = "give a series of even slices, or spacing='resample' (check-data: --slice_spacing resample)"
    return GeometryError("the slice distance varies", where=where, expected=expected, found=found, remedy=remedy)


def jumps(distances: np.ndarray) -> np.ndarray:
    """Indices of the slice distances that are far larger than those beside them: there slices are missing."""
    around = np.maximum(np.append(0, distances[:-1]), np.append(distances[1:], 0))
    return np.flatnonzero(distances > JUMP * around) if len(distances) > 1 else np.array([], dtype=int)


def last_digit(places: np.ndarray) -> float:
    """The step in mm to which coordinates (slices,) are rounded: 0.1 or 0.01, or 0 where they have more digits.

    Whole millimetres count as tenths: a header that rounded to them would have moved slices by half a millimetre.
    """
    return next(
        (digit for digit in ROUNDED_TO if np.abs(places - digit * np.rint(places / digit)).max() < ROUNDING), 0.0
    )


def unevenness(heights: np.ndarray) -> float:
    """How far in mm the furthest of `heights` (slices,) lies from the even grid that fits them best, slice k being the
    k-th of the grid."""
    number = np.arange(len(heights))
    low, high = float(np.diff(heights).min()), float(np.diff(heights).max())
    for _ in range(100):  # the span of what is left over is convex in the step
        third = (high - low) / 3
        spans = [np.ptp(heights - step * number) for step in (low + third, high - third)]
        low, high = (low, high - third) if spans[0] <= spans[1] else (low + third, high)
    return float(np.ptp(heights - (low + high) / 2 * number)) / 2
