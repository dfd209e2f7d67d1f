"""Linear resampling: to another spacing, and onto another grid."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from smart_nets.scans.interpolate import interpolate, straight
from smart_nets.scans.volume import Volume


def resample(volume: Volume, spacing: Sequence[float]) -> Volume:
    """Voxels at another `spacing` in mm, as float32; the first voxel stays where it is.

    The grid is that of MONAI's `Spacing` (shape = round((n - 1) * old / new) + 1, borders repeated), so the values
    agree with it.
    """
    steps = np.asarray(spacing, dtype=float) / volume.spacing
    sides = volume.array.shape
    places = [np.arange(int(np.round((n - 1) / step + 1))) * step for n, step in zip(sides, steps, strict=True)]
    # in memory as the scan is, so that whole slices are read and written
    order = sorted(range(3), key=lambda axis: -abs(volume.array.strides[axis]))
    result = np.empty([len(places[axis]) for axis in order], dtype=np.float32).transpose(np.argsort(order))
    straight(volume.array, places, result)
    affine = volume.affine.copy()
    affine[:3, :3] *= steps  # each column times its own step
    return replace(volume, array=result, affine=affine)


def sample_on(volume: Volume, affine: np.ndarray, shape: Sequence[int], outside: float) -> np.ndarray:
    """Values of a volume at the voxels of another grid, float32 of `shape`, linearly interpolated.

    Args:
        affine: (4, 4), voxel index of the other grid to RAS mm.
        outside: what voxels get that lie beyond the volume's outermost voxel centres.
    """
    result = np.full(shape, outside, dtype=np.float32)
    # views: what is written into `target` lands in `result`
    source, target = volume.to_ras(), Volume(result, affine, volume.where).to_ras()
    to_ours = np.linalg.inv(source.affine) @ target.affine
    start, end = _overlap(np.linalg.inv(to_ours), source.array.shape, target.array.shape)
    if (end > start).all():  # the small box that both grids share costs nothing beside the whole
        first, last = _overlap(to_ours @ _shift(start), end - start, source.array.shape)
        part = source.array[tuple(slice(a, b) for a, b in zip(first, last, strict=True))]
        box = target.array[tuple(slice(a, b) for a, b in zip(start, end, strict=True))]
        interpolate(part, np.linalg.inv(_shift(first)) @ to_ours @ _shift(start), box, outside)
    return result


def _shift(first: np.ndarray) -> np.ndarray:
    matrix = np.eye(4)
    matrix[:3, 3] = first
    return matrix


def _overlap(matrix: np.ndarray, shape: Sequence[int], limits: Sequence[int]) -> tuple[np.ndarray, np.ndarray]:
    """First voxel and end of the smallest box within `limits` around a grid of `shape` placed by `matrix`."""
    corners = np.array(list(itertools.product(*([0, length - 1] for length in shape))))  # (8, 3)
    placed = corners @ matrix[:3, :3].T + matrix[:3, 3]
    start = np.clip(np.floor(placed.min(axis=0)) - 1, 0, limits).astype(int)
    return start, np.clip(np.ceil(placed.max(axis=0)) + 2, 0, limits).astype(int)
