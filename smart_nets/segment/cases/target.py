"""What is to be learned of a case: the number of a channel in every voxel, on the scan's own grid or on a network's."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from smart_nets.lists.lidc.outlined import nodule_mask
from smart_nets.lists.outlines.tumours import read_tumours
from smart_nets.scans.labels import read_labels
from smart_nets.scans.resample import sample_on
from smart_nets.scans.volume import Volume
from smart_nets.segment.cases.names import Values
from smart_nets.statistics.overlap import consensus


def read_target(item: Mapping[str, Any], scan: Volume, values: Values) -> NDArray[np.int16]:
    """Channels (X, Y, Z), 0 the background, voxel for voxel those of a scan in RAS.

    Where several people drew a tumour, what more than half of them drew counts; where outlines of two names overlap, the
    later name in `values` does.

    Raises:
        InputError: the label map holds values that no name stands for, or what was drawn is missing or damaged.
        GeometryError: it lies on another grid than the scan.
    """
    if "label" in item:
        known = [value for some in values.values() for value in some]
        numbers = read_labels(item["label"], scan, known)
        table = np.zeros(max(known) + 1, np.int16)
        for channel, some in enumerate(values.values(), start=1):
            table[some] = channel
        return table[numbers]
    if "lidc" in item:
        return nodule_mask(dict(item), scan).astype(np.int16)
    target = np.zeros(scan.array.shape, np.int16)
    for channel, name in enumerate(values, start=1):
        if name in item["drawn"]:
            readers = read_tumours({"readers": item["drawn"][name]}, scan)
            for masks in readers.values():
                target[consensus(masks)] = channel
    return target


def target_on(target: NDArray[np.int16], scan: Volume, grid: Volume) -> NDArray[np.int16]:
    """Channels on another grid (x, y, z): of all whose share of a voxel's neighbourhood is largest; no voxel is invented.

    Args:
        target: (X, Y, Z), on the grid of `scan`.
        grid: the scan as a network sees it.
    """
    shape = grid.array.shape
    best, found = np.zeros(shape, np.float32), np.zeros(shape, np.int16)
    rest = np.ones(shape, np.float32)  # the background's share
    for channel in np.unique(target[target > 0]).tolist():
        mask = Volume((target == channel).astype(np.float32), scan.affine, scan.where)
        share = sample_on(mask, grid.affine, shape, outside=0.0)
        rest -= share
        better = share > best
        found[better], best[better] = channel, share[better]
    found[best < rest] = 0
    return found


def volumes_ml(target: NDArray[Any], spacing: NDArray[Any], count: int) -> list[float]:
    """Millilitres of the channels 1 to `count` of a target (X, Y, Z)."""
    voxels = np.bincount(target.ravel(), minlength=count + 1)
    return [float(one) * float(np.prod(spacing)) / 1000 for one in voxels[1 : count + 1]]
