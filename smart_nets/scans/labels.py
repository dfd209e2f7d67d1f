"""Read a label map onto the grid of its scan."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from smart_nets.errors import GeometryError, InputError
from smart_nets.scans import checks
from smart_nets.scans.read import read_stored
from smart_nets.scans.volume import Volume

SAME_PLACE = 0.05  # share of a voxel by which corners may differ; headers round


def read_labels(path: str | Path, scan: Volume, values: Sequence[int] | None = None) -> np.ndarray:
    """Whole numbers (X, Y, Z) in RAS, voxel for voxel those of `scan`, placed by the affine and not by the index.

    Args:
        path: a label map in any format that `read_scan` reads.
        scan: the CT it belongs to, in RAS.
        values: the labels that may occur beside 0; any if None.

    Raises:
        InputError: the file is damaged, holds no whole numbers, or labels that are not known.
        GeometryError: it lies on another grid than the scan.
    """
    labels = checks.check_shape(read_stored(Path(path)), min_depth=1)
    checks.check_affine(labels)
    labels = labels.to_ras()
    ours, theirs = (_corners(volume) for volume in (labels, scan))
    if labels.array.shape != scan.array.shape or np.abs(ours - theirs).max() > SAME_PLACE * scan.spacing.min():
        expected, found = (f"{volume.array.shape}, {volume.told}" for volume in (scan, labels))
        what, remedy = "label lies on another grid than its scan", "resample the label to its scan"
        raise GeometryError(what, where=path, expected=expected, found=found, remedy=remedy)
    if labels.array.dtype.kind == "f" and not np.isfinite(labels.array).all():
        what, remedy = "label map holds voxels that are no numbers", "write 0 where nothing is outlined"
        raise InputError(what, where=path, expected="whole numbers", found="NaN or infinite", remedy=remedy)
    if (labels.array != np.rint(labels.array)).any():
        raise InputError("label map holds fractions", where=path, expected="whole numbers", remedy="threshold it first")
    if labels.array.min() < 0:
        found, remedy = labels.array.min(), "give the mask, not the scan"
        raise InputError(
            "label map holds values below 0", where=path, expected="0 and above", found=found, remedy=remedy
        )
    numbers = labels.array.astype(np.int32)
    unknown = [] if values is None else sorted(set(np.unique(numbers).tolist()) - {0, *values})
    if unknown:
        expected = f"some of {[0, *(values or [])]}"
        remedy = "correct the map or the list of labels"
        raise InputError("label map holds unknown values", where=path, expected=expected, found=unknown, remedy=remedy)
    return numbers


def with_target(masks: Sequence[np.ndarray]) -> tuple[list[int], int]:
    """Indices of the masks that hold a target, and how many are empty.

    An empty mask is a case without tumour: it counts for detection, but its Dice coefficient is undefined, so that it
    must be left out there and its number told.
    """
    kept = [index for index, mask in enumerate(masks) if mask.any()]
    return kept, len(masks) - len(kept)


def _corners(volume: Volume) -> np.ndarray:
    """First and last voxel in mm, (2, 4)."""
    last = np.array([*volume.array.shape, 2]) - 1
    return np.stack([[0, 0, 0, 1], last]) @ volume.affine.T
