"""Cutting a box out of a scan: the one place where it is done."""

from __future__ import annotations

import numpy as np

from smart_nets.scans.volume import AIR


def crop_or_pad(array: np.ndarray, start: np.ndarray, size: np.ndarray) -> np.ndarray:
    """Voxels of `array` (X, Y, Z) from `start` on, of shape `size`; what lies outside is air.

    Only the voxels of the crop are read.
    """
    first, end = np.maximum(start, 0), np.minimum(start + size, array.shape)
    inside = array[tuple(slice(a, b) for a, b in zip(first, end, strict=True))]
    if (end - first == size).all():
        return np.asarray(inside)
    crop = np.full(size, AIR, dtype=array.dtype)
    crop[tuple(slice(a, b) for a, b in zip(first - start, end - start, strict=True))] = inside
    return crop
