"""Turn the contours of a structure set's region into a mask, the holes left open and forgotten slices told."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from smart_nets.scans.dicom.rtstruct.polygon import encloses, fill_polygon

if TYPE_CHECKING:
    from pydicom import Dataset

IN_PLANE = 0.25  # voxels a contour may lie off its slice
FEWEST_POINTS = 3
UNITED, EXCLUSIVE = "CLOSED_PLANAR", "CLOSEDPLANAR_XOR"  # how the standard calls them


@dataclass
class Painted:
    """A region's mask (X, Y, Z), the axis across its contours, and why contours were skipped, with their numbers."""

    mask: np.ndarray
    axis: int = 2
    skipped: Counter[str] = field(default_factory=Counter)
    overlapping: int = 0


def paint_contours(contours: Sequence[Dataset], to_voxel: np.ndarray, shape: tuple[int, ...]) -> Painted:
    """All closed contours of a region, slice by slice.

    CLOSED_PLANAR contours that overlap are united, and one that lies wholly inside another is a hole in it; of
    CLOSEDPLANAR_XOR contours, what an odd number of them encloses is inside, as the standard says.

    Args:
        contours: items of a ContourSequence.
        to_voxel: affine (4, 4) from LPS mm to voxel index.
        shape: of the scan.
    """
    painted, seen = Painted(np.zeros(shape, dtype=bool)), set[bytes]()
    planes: dict[tuple[int, int], dict[str, list[np.ndarray]]] = defaultdict(lambda: defaultdict(list))
    for contour in contours:
        numbers = np.array(contour.get("ContourData") or [], dtype=float)
        kind = str(contour.get("ContourGeometricType", ""))
        if len(numbers) % 3 or len(numbers) < 3 * FEWEST_POINTS or not np.isfinite(numbers).all():
            painted.skipped["fewer than 3 points"] += 1
            continue
        if kind not in (UNITED, EXCLUSIVE):
            painted.skipped["not closed"] += 1
            continue
        points = numbers.reshape(-1, 3) @ to_voxel[:3, :3].T + to_voxel[:3, 3]  # (points, 3) voxels
        axis = int(np.argmin(np.ptp(points, axis=0)))
        plane = round(float(points[:, axis].mean()))
        if np.abs(points[:, axis] - plane).max() > IN_PLANE:
            painted.skipped["between slices or not flat"] += 1
        elif not 0 <= plane < shape[axis]:
            painted.skipped["outside the scan"] += 1
        elif numbers.tobytes() in seen:
            painted.skipped["drawn twice"] += 1
        else:
            seen.add(numbers.tobytes())
            planes[axis, plane][kind].append(np.delete(points, axis, axis=1))
    for (axis, plane), kinds in planes.items():
        target = np.moveaxis(painted.mask, axis, 0)[plane]  # a view: painting it paints the mask
        odd = np.zeros_like(target)
        for points in kinds[EXCLUSIVE]:
            odd ^= fill_polygon(points, target.shape)
        united, overlapping = _unite(kinds[UNITED], target.shape)
        target |= odd | united
        painted.overlapping += overlapping
    if planes:
        painted.axis = Counter(axis for axis, _ in planes).most_common(1)[0][0]
    return painted


def _unite(polygons: Sequence[np.ndarray], shape: tuple[int, ...]) -> tuple[np.ndarray, int]:
    """The pixels inside, each polygon less the holes that lie wholly in it; and how many polygons overlap in part."""
    order = sorted(polygons, key=lambda points: -float(fill_polygon(points, shape).sum()))
    masks = [fill_polygon(points, shape) for points in order]
    around: list[list[int]] = [
        [outer for outer in range(inner) if _is_inside(order, masks, inner, outer)] for inner in range(len(order))
    ]
    depth: list[int] = []
    for outers in around:  # from the largest: what is around a polygon has its depth already
        depth.append(1 + max((depth[outer] for outer in outers), default=-1))
    result, overlapping = np.zeros(shape, dtype=bool), 0
    for index, mask in enumerate(masks):
        if depth[index] % 2 == 0:
            holes = [masks[k] for k in range(len(masks)) if index in around[k] and depth[k] == depth[index] + 1]
            part = mask & ~np.any(holes, axis=0) if holes else mask
            overlapping += int((result & part).any())
            result |= part
    return result, overlapping


def _is_inside(polygons: Sequence[np.ndarray], masks: Sequence[np.ndarray], inner: int, outer: int) -> bool:
    smaller = masks[inner].sum() < masks[outer].sum() and not (masks[inner] & ~masks[outer]).any()
    return bool(smaller) and encloses(polygons[outer], polygons[inner])
