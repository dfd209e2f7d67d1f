"""What every scan must fulfil before its values are looked at: three dimensions, and a geometry that can be trusted."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from smart_nets.errors import GeometryError, InputError
from smart_nets.scans.volume import Volume

SPACING_RANGE = (0.1, 20.0)  # mm; outside, a header is wrong
TILT_TOLERANCE = 0.1  # degrees; half a millimetre over a chest


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
    while array.ndim > 3 and array.shape[-1] == 1:
        array = array[..., 0]
    if array.ndim == 4 and which is not None and 0 <= which < array.shape[3]:
        array = array[..., which]
    if array.ndim == 4:
        expected, found = f"volume from 0 to {array.shape[3] - 1}", f"shape {array.shape}, volume {which}"
        remedy = 'save that volume as a 3-D file, or write "reading": {"volume": k} into its entry of a datalist'
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
