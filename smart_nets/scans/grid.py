"""From a scan's own grid to the one a network sees, and back: how maps come to lie on the scan they are of."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from smart_nets.errors import ConfigError, InputError
from smart_nets.scans.interpolate import interpolate
from smart_nets.scans.resample import resample, sample_on
from smart_nets.scans.volume import AIR, Volume

MOST_VOXELS = 1e9  # of a resampled scan; a whole body at 1 mm has half of that
OBLIQUE = 0.02  # largest slope (about 1 degree) at which axes still count as the patient's


def network_grid(scan: Volume, spacing: Sequence[float]) -> Volume:
    """The scan as a network sees it: float32 HU in RAS at `spacing` mm.

    A scan whose axes are oblique to the patient's is turned upright, so that the same body gives the same voxels however
    it was stored; corners that the scan does not reach become air.

    Raises:
        ConfigError: the spacing is not three lengths, or so fine that no machine holds the scan.
    """
    steps = np.asarray(spacing)
    if steps.shape != (3,) or steps.dtype.kind not in "if" or not (np.isfinite(steps) & (steps > 0)).all():
        raise ConfigError("not a voxel size", where="spacing", expected="3 lengths in mm above 0", found=spacing)
    upright = scan.to_ras()
    voxels = np.prod(np.array(upright.array.shape) * upright.spacing / steps)
    if voxels > MOST_VOXELS:
        expected, found = f"at most {MOST_VOXELS:,.0f} voxels of the scan", f"{list(spacing)} mm: {voxels:,.0f} voxels"
        raise ConfigError("is too fine", where="spacing", expected=expected, found=found, remedy="give a coarser one")
    directions = upright.affine[:3, :3] / upright.spacing
    if np.abs(directions - np.eye(3)).max() <= OBLIQUE:
        return resample(upright, spacing)
    corners = np.array(list(itertools.product(*([0, side - 1] for side in upright.array.shape))))  # (8, 3)
    placed = corners @ upright.affine[:3, :3].T + upright.affine[:3, 3]
    affine = np.diag([*spacing, 1.0])
    affine[:3, 3] = placed.min(axis=0)
    shape = np.ceil(np.ptp(placed, axis=0) / np.asarray(spacing)).astype(int) + 1
    return replace(upright, array=sample_on(upright, affine, shape.tolist(), outside=AIR), affine=affine)


def onto_grid(values: Volume, affine: np.ndarray, shape: Sequence[int]) -> np.ndarray:
    """Values at the voxels of another grid, float32 of `shape`: linear between voxel centres, constant beyond the last.

    Args:
        affine: (4, 4), voxel index of the other grid to RAS mm, its axes in any order and direction.
    """
    result = np.empty(shape, dtype=np.float32)
    target = Volume(result, affine, values.where).to_ras()  # a view: what is written into it lands in `result`
    source = values.to_ras()
    interpolate(source.array, np.linalg.inv(source.affine) @ target.affine, target.array)
    return result


def check_scan_size(scan: Volume, crop_size: Sequence[int], spacing: Sequence[float]) -> list[int]:
    """Voxels of air that a scan on the network's grid lacks to one crop, per axis.

    Raises:
        ConfigError: the crop has not three sides. InputError: the scan is shorter than half a crop.
    """
    if np.shape(crop_size) != (3,) or np.asarray(crop_size).dtype.kind != "i" or min(crop_size) < 1:
        raise ConfigError("needs three sides", where="crop size", expected="such as [128, 128, 128]", found=crop_size)
    sides = list(scan.array.shape)
    if any(2 * side < crop for side, crop in zip(sides, crop_size, strict=True)):
        found, needed = (
            " x ".join(f"{n * s:g}" for n, s in zip(lengths, spacing, strict=True)) for lengths in (sides, crop_size)
        )
        expected, remedy = f"at least half of {needed} mm", "give the whole scan, or a smaller crop or spacing"
        what = "is too small for this network"
        raise InputError(what, where=scan.where, expected=expected, found=f"{found} mm", remedy=remedy)
    return [max(0, crop - side) for side, crop in zip(sides, crop_size, strict=True)]
