"""Straighten a series that was scanned with a tilted gantry: each slice is shifted back within its plane."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from smart_nets.errors import GeometryError
from smart_nets.scans.volume import AIR, Volume

RIGHT_ANGLE = 2e-3  # cosine; 0.1 degrees


def straighten(volume: Volume) -> Volume:
    """The same scan on a grid with right angles, the slices where they were, as float32.

    The stack grows by the whole shift, filled with air, so that nothing is cut off.

    Raises:
        GeometryError: more than one axis is sheared; a tilted gantry shears only the stack of slices.
    """
    axis, angle = _sheared_axis(volume)
    order = [other for other in range(3) if other != axis] + [axis]
    affine = volume.affine[:, [*order, 3]]  # (in plane, in plane, stack, origin)
    first, second, step = affine[:3, 0], affine[:3, 1], affine[:3, 2]
    slope = np.array([first @ step / (first @ first), second @ step / (second @ second)])  # voxels of shift per slice
    slices = volume.array.transpose(order).astype(np.float32)
    last = slope * (slices.shape[2] - 1)
    start = np.floor(np.minimum(last, 0)).astype(int)
    grown = np.array(slices.shape[:2]) + np.ceil(np.abs(last)).astype(int)
    result = np.full((*grown, slices.shape[2]), AIR, dtype=np.float32)
    for index in range(slices.shape[2]):
        plane = _shifted(slices[..., index], slope[0] * index - start[0], int(grown[0]))
        result[..., index] = _shifted(plane.T, slope[1] * index - start[1], int(grown[1])).T
    straight = affine.copy()
    straight[:3, 2] = step - slope[0] * first - slope[1] * second
    straight[:3, 3] += start[0] * first + start[1] * second
    note = f"gantry tilt corrected ({angle:.1f} degrees)"
    back = np.argsort(order)
    return replace(volume, array=result.transpose(back), affine=straight[:, [*back, 3]], notes=[*volume.notes, note])


def _sheared_axis(volume: Volume) -> tuple[int, float]:
    """The stack's axis, without which the others are at right angles, and by how many degrees it leans.

    Where two axes qualify, the last is taken: slices are stored one after the other.
    """
    directions = volume.affine[:3, :3] / volume.spacing
    cosine = np.abs(directions.T @ directions - np.eye(3))
    straight = [axis for axis in range(3) if np.delete(np.delete(cosine, axis, 0), axis, 1).max() < RIGHT_ANGLE]
    if not straight:
        what, found = "more than the slice axis is sheared", f"cosines {cosine[np.triu_indices(3, 1)].round(3)}"
        remedy = "convert the scan again"
        raise GeometryError(what, where=volume.where, expected="a gantry tilt", found=found, remedy=remedy)
    axis = straight[-1]
    return axis, float(np.degrees(np.arcsin(np.minimum(1, np.linalg.norm(cosine[axis])))))


def _shifted(plane: np.ndarray, shift: float, length: int) -> np.ndarray:
    """Rows of `plane` moved down by `shift` >= 0 rows on a longer grid, linear between rows, air outside."""
    whole, part = int(np.floor(shift)), float(shift - np.floor(shift))
    result = np.full((length, plane.shape[1]), AIR, dtype=np.float32)
    padded = np.concatenate([np.full_like(plane[:1], AIR), plane, np.full_like(plane[:1], AIR)])
    moved = padded[1:] * (1 - part) + padded[:-1] * part  # row i of the result lies `part` before row i of the plane
    count = min(len(moved), length - whole)
    result[whole : whole + count] = moved[:count]
    return result
