"""Linear interpolation on a grid: axis by axis where two grids are parallel, in three dimensions where they are not."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

STRAIGHT = 1e-6  # voxels of the values per voxel of the grid: less is not felt over a whole scan
ROUNDING = 1e-6  # voxels beyond the outermost centres that are the affine's rounding


def interpolate(values: np.ndarray, matrix: np.ndarray, out: np.ndarray, outside: float | None = None) -> None:
    """Fill a grid with linearly interpolated values.

    Args:
        values: (X, Y, Z), of any numeric type.
        matrix: (4, 4), voxel index of the grid to voxel index of the values, both with axes in the same order.
        out: (X', Y', Z') float32, the grid; it may be a view in any order.
        outside: what voxels get that lie beyond the outermost centres of the values; the nearest value if None.
    """
    turn, start = matrix[:3, :3], matrix[:3, 3]
    if np.abs(turn - np.diag(np.diag(turn))).max() >= STRAIGHT:
        _oblique(values, matrix, out, outside)
        return
    places = [start[axis] + turn[axis, axis] * np.arange(out.shape[axis]) for axis in range(3)]
    if outside is not None:
        reached = [(p > -ROUNDING) & (p < n - 1 + ROUNDING) for p, n in zip(places, values.shape, strict=True)]
        out[...] = outside
        out = out[tuple(slice(int(r.argmax()), int(r.argmax() + r.sum())) for r in reached)]
        places = [place[one] for place, one in zip(places, reached, strict=True)]
    if out.size:
        straight(values, places, out)


def straight(values: np.ndarray, places: Sequence[np.ndarray], out: np.ndarray) -> None:
    """Fill a grid that is parallel to the values; interpolating the axes in turn does an eighth of the work of 3-D.

    Args:
        values: (X, Y, Z).
        places: for each axis, the grid's positions in voxels of the values; beyond the ends the last value is repeated.
        out: float32, one voxel for each combination of positions.
    """
    # outermost in memory first, so that every step below writes whole slices
    order = sorted(range(3), key=lambda axis: -abs(out.strides[axis]))
    stored, result = values.transpose(order), out.transpose(order)  # (slow, middle, fast)
    (low0, high0, w0), (low1, high1, w1), (low2, high2, w2) = (_weights(values.shape[k], places[k]) for k in order)
    for index, (low, high, weight) in enumerate(zip(low0, high0, w0, strict=True)):
        plane = _blend(stored[low].astype(np.float32), stored[high], weight)
        plane = _blend(plane[low1], plane[high1], w1[:, None])
        plane = plane.T  # gathering rows is faster than gathering columns
        result[index] = _blend(plane[low2], plane[high2], w2[:, None]).T


def _weights(length: int, places: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """For each new voxel: its two old neighbours along an axis, and the share of the second."""
    position = np.clip(places, 0, length - 1)
    low = position.astype(int)
    return low, np.minimum(low + 1, length - 1), (position - low).astype(np.float32)


def _blend(low: np.ndarray, high: np.ndarray, weight: np.ndarray | np.float32) -> np.ndarray:
    """low + weight * (high - low), written into `low`."""
    difference = high - low
    difference *= weight
    low += difference
    return low


def _oblique(values: np.ndarray, matrix: np.ndarray, out: np.ndarray, outside: float | None) -> None:
    """`interpolate` for grids at any angle: torch's trilinear sampling, slab by slab so that positions need no memory."""
    last = np.maximum(np.array(values.shape) - 1, 1)
    # torch counts from -1 at the first centre to 1 at the last, and names the axes in reverse: (Z, Y, X)
    scaled = (matrix[:3] * 2 / last[:, None] - np.eye(4)[3])[::-1]  # (3, 4)
    far = 1 + 2 * ROUNDING / last[::-1]
    source = torch.from_numpy(values.astype(np.float32, order="C"))[None, None]  # (X, Y, Z) -> (1, 1, X, Y, Z)
    order = sorted(range(3), key=lambda axis: -abs(out.strides[axis]))
    slabs = out.transpose(order)  # (slow, middle, fast)
    slow, middle, fast = scaled[:, order].T
    _, rows, columns = slabs.shape
    plane = (
        scaled[:, 3, None, None]
        + middle[:, None, None] * np.arange(rows)[:, None]
        + fast[:, None, None] * np.arange(columns)
    )
    for index, slab in enumerate(slabs):
        place = plane + index * slow[:, None, None]  # (3, rows, columns)
        grid = torch.from_numpy(np.ascontiguousarray(place.transpose(1, 2, 0), dtype=np.float32))[None, None]
        found = torch.nn.functional.grid_sample(source, grid, padding_mode="border", align_corners=True)
        slab[...] = found[0, 0, 0].numpy()  # (1, 1, 1, rows, columns) -> (rows, columns)
        if outside is not None:
            slab[(np.abs(place) > far[:, None, None]).any(axis=0)] = outside
