"""How far two masks agree, and what several readers agree on."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from monai.metrics import compute_hausdorff_distance
from monai.transforms.utils import generate_spatial_bounding_box
from numpy.typing import NDArray

from smart_nets.errors import InputError

Mask = NDArray[np.bool_]
Floats = NDArray[np.float64]


def dice(a: Mask, b: Mask) -> float:
    """Dice coefficient of two masks (X, Y, Z), NaN if both are empty.

    Raises:
        InputError: they are no masks of one shape.
    """
    check_masks({"first mask": a, "second mask": b}, np.shape(a))
    total = voxel_count(a) + voxel_count(b)
    return 2 * voxel_count(a & b) / total if total else np.nan


def consensus(readers: Sequence[Mask]) -> Mask:
    """Voxels (X, Y, Z) that more than half of the readers marked: 3 of 5, both of two.

    Raises:
        InputError: there are no readers, or their masks differ in shape.
    """
    if not len(readers):
        raise InputError("there are no readers", where="readers", expected="one mask or more", found=0)
    check_masks({f"reader {number}": mask for number, mask in enumerate(readers, 1)}, np.shape(readers[0]))
    votes = np.zeros(readers[0].shape, np.uint16)
    for mask in readers:
        votes += mask
    return 2 * votes > len(readers)


def voxel_count(mask: Mask) -> int:
    return int(np.count_nonzero(mask))  # far faster than the sum of a mask


def hd95(a: Mask, b: Mask, spacing: Floats) -> float:
    box = box_around(a | b)
    x, y = (mask[box][None, None] for mask in (a, b))  # (X, Y, Z) -> (1, 1, X', Y', Z')
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", ".*always_return_as_numpy", FutureWarning)  # MONAI tells itself, at each call
        return compute_hausdorff_distance(x, y, include_background=True, percentile=95, spacing=spacing.tolist()).item()


def box_around(mask: Mask, margin: Sequence[int] | int = 0) -> tuple[slice, ...]:
    """The smallest box that holds the mask and a margin of voxels, as far as the array goes."""
    starts, ends = generate_spatial_bounding_box(mask[None], margin=margin, allow_smaller=True)
    return tuple(map(slice, starts, ends))


def check_masks(masks: Mapping[str, NDArray[Any]], shape: tuple[int, ...]) -> None:
    for name, mask in masks.items():
        if not isinstance(mask, np.ndarray) or mask.dtype != bool or mask.shape != shape:
            found = f"{getattr(mask, 'dtype', type(mask).__name__)} {np.shape(mask)}"
            remedy = "resample it to the scan, or compare labels with 0"
            raise InputError("is no mask of the scan", where=name, expected=f"bool {shape}", found=found, remedy=remedy)
