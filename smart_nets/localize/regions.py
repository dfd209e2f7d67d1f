"""Where in a scan to look: everywhere, in the body, or in the lungs with all that lies in them. No network, no atlas."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from smart_nets.localize.body_lungs import STEP_MM, find_body, find_lungs, ndimage_for_regions
from smart_nets.scans.crop import crop_or_pad
from smart_nets.scans.grid import network_grid, onto_grid
from smart_nets.scans.volume import Volume
from smart_nets.settings import one_of
from smart_nets.statistics.overlap import consensus

Region = Literal["image", "body", "lungs"]
Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class FoundRegion:
    """`mask` bool (X, Y, Z) of the scan's shape, its volume in `ml`, and `how` it was found, in words for a reader."""

    mask: NDArray[np.bool_]
    ml: float
    how: str


def find_region(scan: Volume, region: Region) -> FoundRegion:
    """The region of a scan in HU on any grid.

    The lungs are closed over, so that tumours in them and at their walls belong to the region as the vessels do.

    Raises:
        ConfigError: a region of another name.
        InputError: the scan shows no body, or no lungs.
    """
    check_region(region)
    voxel_ml = float(np.prod(scan.spacing)) / 1000
    if region == "image":
        whole = np.ones(scan.array.shape, dtype=bool)
        return FoundRegion(whole, whole.size * voxel_ml, "all of the image")
    coarse = network_grid(scan, [STEP_MM] * 3)
    inside, opened = (find_body if region == "body" else find_lungs)(coarse.array, coarse.where)
    mask = onto_grid(replace(coarse, array=inside), scan.affine, scan.array.shape) >= 0.5
    how = "the largest solid thing and its hollows" if region == "body" else "air-filled tissue, closed over"
    if opened.any():
        cut_ml = np.count_nonzero(opened) * STEP_MM**3 / 1000
        how += f"; the field of view cuts the lungs, {cut_ml:,.0f} ml of them are known by their density only"
    return FoundRegion(mask, np.count_nonzero(mask) * voxel_ml, how)


def region_mask(scan: Volume, region: Region) -> np.ndarray:
    """The mask of `find_region` alone. Errors as there."""
    return find_region(scan, region).mask


def check_region(region: str) -> None:
    """ConfigError unless there is a region of that name, and scipy to find it."""
    one_of("region", region, get_args(Region))
    if region != "image":
        ndimage_for_regions()


def around_tumours(
    scan: Volume, tumours: Mapping[str, Sequence[Mask]], size_mm: Sequence[float]
) -> Iterator[tuple[str, Volume, dict[str, list[Mask]]]]:
    """Of each tumour: its name, the scan cut to `size_mm` along its own axes around it, and all masks cut likewise.

    The only setting in which the paper's Dice of .62 is possible (SMART section 4.4): marking a tenth of a chest cannot match
    a tumour of a hundredth of it. The paper does not say that it looked at such cubes; its figure needs 4.5 to 22 %.
    Beyond the scan is air. A tumour of which the cube shows nothing is left out of the masks.
    """
    for name, readers in tumours.items():
        middle = np.argwhere(consensus(readers)).mean(0)  # (3,)
        size = np.maximum(1, np.rint(np.asarray(size_mm) / scan.spacing)).astype(int)
        start = np.rint(middle - (size - 1) / 2).astype(int)
        affine = scan.affine.copy()
        affine[:3, 3] = scan.affine[:3, :3] @ start + scan.affine[:3, 3]
        cube = replace(scan, array=crop_or_pad(scan.array, start, size), affine=affine)
        cut = {other: [_cut(mask, start, size) for mask in masks] for other, masks in tumours.items()}
        yield name, cube, {other: masks for other, masks in cut.items() if consensus(masks).any()}


def _cut(mask: Mask, start: NDArray[np.int64], size: NDArray[np.int64]) -> Mask:
    return crop_or_pad(mask.astype(np.int16), start, size) > 0
