"""What every scan must fulfil before it is used: a geometry that can be trusted, and values in HU."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from smart_nets.errors import GeometryError, InputError
from smart_nets.scans.volume import AIR, Volume

SPACING_RANGE = (0.1, 20.0)  # mm; outside, a header is wrong
TILT_TOLERANCE = 0.1  # degrees; half a millimetre over a chest
MOST_BAD_VOXELS = 1e-3  # share of NaN and Inf voxels that is repaired
FEW_LABELS = 10  # distinct values no picture of tissue has
SAME_NEIGHBOURS = 0.3  # share of neighbours alike inside regions; noise makes it a few per cent in tissue
MOST_LABELS = 150  # distinct values; a CT has hundreds, a label map rarely more than 120


def check_shape(volume: Volume, which: int | None = None, min_depth: int = 2) -> Volume:
    """A 3-D volume of plain numbers; `which` picks one volume of a 4-D file.

    Raises:
        InputError: colours or records per voxel, not three dimensions, or fewer than `min_depth` slices on an axis.
    """
    array, where = volume.array, volume.where
    if array.dtype.kind not in "iuf":
        expected, found = "integers or floats in HU", f"type {array.dtype}"
        remedy = "give the CT itself, not a colour picture"
        raise InputError("voxels are no plain numbers", where=where, expected=expected, found=found, remedy=remedy)
    if array.ndim == 4 and array.shape[3] == 1:
        array = array[..., 0]
    if array.ndim == 4 and which is not None and 0 <= which < array.shape[3]:
        array = array[..., which]
    if array.ndim == 4:
        expected, found = f"volume from 0 to {array.shape[3] - 1}", f"shape {array.shape}, volume {which}"
        remedy = "give volume=k, or save that volume as a 3-D file"
        raise InputError("is 4-D: choose volume k", where=where, expected=expected, found=found, remedy=remedy)
    if array.ndim != 3:
        found, remedy = f"shape {array.shape}", "give the whole volume, not a slice"
        raise InputError("needs 3-D", where=where, expected="3 dimensions", found=found, remedy=remedy)
    if min(array.shape) < min_depth:
        expected = f"at least {min_depth} on every axis"
        found, remedy = f"shape {array.shape}", "give the whole volume"
        raise InputError("has too few slices", where=where, expected=expected, found=found, remedy=remedy)
    return replace(volume, array=array)


def check_affine(volume: Volume) -> float:
    """The largest shear of the axes in degrees, after everything else about the geometry was found sound.

    Raises:
        GeometryError: NaN, an axis of no length, or a spacing outside `SPACING_RANGE`.
    """
    affine = volume.affine
    if not np.isfinite(affine).all():
        raise _no_place("affine holds NaN or Inf", volume)
    spacing = volume.spacing
    for axis, length in enumerate(spacing):
        if length == 0:
            raise _no_place(f"axis {axis} has zero length in the affine", volume)
        if not SPACING_RANGE[0] <= length <= SPACING_RANGE[1]:
            what, expected = f"spacing of axis {axis} is out of range", "{:g} to {:g} mm".format(*SPACING_RANGE)
            found, remedy = f"{length:g} mm", "correct the header or its unit"
            raise GeometryError(what, where=volume.where, expected=expected, found=found, remedy=remedy)
    directions = affine[:3, :3] / spacing
    cosines = (directions.T @ directions)[np.triu_indices(3, 1)]
    shear = float(np.degrees(np.arcsin(min(1.0, np.abs(cosines).max()))))
    if shear > 80:
        raise _no_place("two axes run the same way", volume)
    return shear


def _no_place(what: str, volume: Volume) -> GeometryError:
    """An affine that says nothing about where the voxels lie."""
    expected, remedy = "three directions with a length each", "convert the scan again from DICOM"
    return GeometryError(what, where=volume.where, expected=expected, found=volume.told, remedy=remedy)


def check_hu(volume: Volume) -> Volume:
    """Voxels that are plausible HU: single NaN or Inf voxels become air, values below -1024 (padding) too.

    Raises:
        InputError: too many NaN, a constant volume, a label map, or values that cannot be HU.
    """
    array, where, notes = volume.array, volume.where, list(volume.notes)
    if array.dtype.kind == "f":
        array = _repair(array, where, notes)
    low, high = array.min(), array.max()
    if low == high:
        what, found = "has no contrast: all voxels are the same", f"{low:g} everywhere"
        raise InputError(what, where=where, expected="a range of HU", found=found, remedy="export the scan again")
    if low >= -10:
        _refuse_non_hu(array, float(low), float(high), where)
    if high > 32767:
        found = f"range {low:g} to {high:g}"
        raise InputError(
            "values are too high for HU", where=where, expected="at most 32,767", found=found, remedy="check the slope"
        )
    if low < AIR:
        notes.append(f"padding set to air ({int((array < AIR).sum()):,} voxels, down to {low:g} HU)")
        array = np.maximum(array, array.dtype.type(AIR))
    return replace(volume, array=array, notes=notes)


def _repair(array: np.ndarray, where: str, notes: list[str]) -> np.ndarray:
    bad = int(array.size - np.isfinite(array).sum())
    if bad > MOST_BAD_VOXELS * array.size:
        expected, found = f"at most {MOST_BAD_VOXELS:.1%}", f"{bad:,} of {array.size:,}"
        remedy = "export the scan again"
        raise InputError("has NaN or Inf voxels", where=where, expected=expected, found=found, remedy=remedy)
    if bad:
        notes.append(f"NaN or Inf set to air ({bad} voxels)")
        array = np.where(np.isfinite(array), array, array.dtype.type(AIR))
    return array


def is_label_map(array: np.ndarray) -> bool:
    """Whether voxels are a few whole numbers from 0 up that form regions, as in a segmentation and never in a CT."""
    sample = array.ravel(order="K")[:: max(1, array.size // 200_000)]
    if sample.min() < 0 or (sample != np.rint(sample)).any() or len(np.unique(sample)) > MOST_LABELS:
        return False
    if array.min() < 0 or (count := len(np.unique(array))) > MOST_LABELS:
        return False
    inside = (array[1:] != 0) | (array[:-1] != 0)
    return count <= FEW_LABELS or float((array[1:] == array[:-1])[inside].mean()) > SAME_NEIGHBOURS


def _is_shifted(array: np.ndarray) -> bool:
    """Whether most of what is brighter than lung lies where 1024 + soft tissue would."""
    sample = array.ravel(order="K")[:: max(1, array.size // 200_000)]
    bright = sample[sample > 500]
    return bool(len(bright)) and float(((bright > 850) & (bright < 1200)).mean()) > 0.5


def _refuse_non_hu(array: np.ndarray, low: float, high: float, where: str) -> None:
    """A scan without any voxel below water is no CT in HU; say what it looks like."""
    what, remedy = "label map, not HU", "give the CT; masks belong in the label column"
    span = f"range {low:g} to {high:g}"
    if is_label_map(array):
        span = f"{len(np.unique(array))} whole numbers, {span}"
    elif high <= 255:
        what, remedy = f"not in HU: range {low:g}..{high:g}", "export the CT in HU, not as a picture"
    else:
        guess = "offset -1024" if _is_shifted(array) else "no CT at all, perhaps MR"
        what = f"not in HU: no voxel below water, looks like {guess}"
        remedy = "apply the rescale slope and intercept, or give the CT"
    raise InputError(what, where=where, expected="air near -1000", found=span, remedy=remedy)
