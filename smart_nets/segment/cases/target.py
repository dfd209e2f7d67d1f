"""What is to be learned of a case: the number of a channel in every voxel, on the scan's own grid or on a network's."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from smart_nets.lists.lidc.outlined import nodule_mask
from smart_nets.lists.outlines.tumours import read_tumours
from smart_nets.scans.labels import read_labels
from smart_nets.scans.resample import sample_on
from smart_nets.scans.volume import Volume
from smart_nets.segment.cases.names import Values
from smart_nets.settings import one_of
from smart_nets.statistics.overlap import box_around, consensus

LONGEST = 1 << 20  # numbers up to which a table is fast; files may hold any
Others = Literal["refuse", "background"]


def read_target(item: Mapping[str, Any], scan: Volume, values: Values, others: Others = "refuse") -> NDArray[np.int16]:
    """Channels (X, Y, Z), 0 the background, voxel for voxel those of a scan in RAS.

    Where several people drew a tumour, what more than half of them drew counts; where outlines of two names overlap, the
    later name in `values` does.

    Args:
        others: values of a label map that no name stands for: "refuse", or "background".

    Raises:
        ConfigError: another word.
        InputError: the label map holds values that no name stands for, or what was drawn is missing or damaged.
        GeometryError: it lies on another grid than the scan.
    """
    if "label" in item:
        one_of("other_labels", others, get_args(Others))
        known = [value for some in values.values() for value in some]
        numbers = read_labels(item["label"], scan, known if others == "refuse" else None)
        return _channels(numbers, values)
    if "lidc" in item:
        return nodule_mask(dict(item), scan).astype(np.int16)
    target = np.zeros(scan.array.shape, np.int16)
    for channel, name in enumerate(values, start=1):
        if name in item["drawn"]:
            readers = read_tumours({"readers": item["drawn"][name]}, scan)
            for masks in readers.values():
                target[consensus(masks)] = channel
    return target


def _channels(numbers: NDArray[Any], values: Values) -> NDArray[np.int16]:
    """The channel of each number, 0 where no name stands for it."""
    highest = max(int(numbers.max()), *(max(some) for some in values.values()))
    if highest < LONGEST:
        table = np.zeros(highest + 1, np.int16)
        for channel, some in enumerate(values.values(), start=1):
            table[some] = channel
        return table[numbers]
    target = np.zeros(numbers.shape, np.int16)
    for channel, some in enumerate(values.values(), start=1):
        target[np.isin(numbers, some)] = channel
    return target


def target_on(target: NDArray[np.int16], scan: Volume, grid: Volume) -> NDArray[np.int16]:
    """Channels on another grid (x, y, z): of all whose share of a voxel's neighbourhood is largest; no voxel is invented.

    Args:
        target: (X, Y, Z), on the grid of `scan`.
        grid: the scan as a network sees it.
    """
    shape = grid.array.shape
    shares = ((channel, _share(target == channel, scan, grid)) for channel in np.unique(target[target > 0]).tolist())
    return largest_share(shares, shape)[0].astype(np.int16)


def largest_share(
    shares: Iterable[tuple[int, NDArray[Any]]], shape: Sequence[int]
) -> tuple[NDArray[np.uint16], NDArray[Any]]:
    """The channel with the largest share of each voxel, the background having what is left; and the share of the background.

    Args:
        shares: channel and its share (X, Y, Z), one after the other, so that a scan's are never held together.
    """
    best, rest = np.zeros(shape, np.float32), np.ones(shape, np.float32)
    chosen = np.zeros(shape, np.uint16)
    for channel, share in shares:
        rest -= share
        better = share > best
        chosen[better], best[better] = channel, share[better]
    chosen[best < rest] = 0
    return chosen, rest


def _share(mask: NDArray[np.bool_], scan: Volume, grid: Volume) -> NDArray[np.float32]:
    """How much of a mask lies around each voxel of a grid; only the mask's box is looked at."""
    box = box_around(mask, margin=1)
    affine = scan.affine.copy()
    affine[:3, 3] += affine[:3, :3] @ [part.start for part in box]
    part = Volume(mask[box].astype(np.float32), affine, scan.where)
    return sample_on(part, grid.affine, grid.array.shape, outside=0.0)


def volumes_ml(target: NDArray[Any], spacing: NDArray[Any], count: int) -> list[float]:
    """Millilitres of the channels 1 to `count` of a target (X, Y, Z)."""
    ml = float(np.prod(spacing)) / 1000
    return [np.count_nonzero(target == channel) * ml for channel in range(1, count + 1)]
