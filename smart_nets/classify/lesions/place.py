"""Where a lesion lies and how large it is: told by its list, or by a mask, which may hold other lesions too."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from smart_nets.errors import InputError
from smart_nets.scans.labels import read_labels
from smart_nets.scans.mask_regions import is_structure, read_regions
from smart_nets.scans.volume import Volume
from smart_nets.settings import one_of

COORDINATES = {"RAS": (1.0, 1.0, 1.0), "LPS": (-1.0, -1.0, 1.0)}  # signs that turn x, y, z to RAS
NEAR_MM = 5.0  # by which a centre may lie beside its lesion: people click, and tables round
GAP_MM = 10.0  # pieces of a mask that are farther apart are not of one lesion
MIDDLE_SOURCE = "the middle of the image"
SHOWN = 8  # values of a mask that a message lists

Item = Mapping[str, Any]
Indices = NDArray[np.intp]


def to_ras_mm(point: Sequence[float], coordinates: str) -> list[float]:
    """A point (x, y, z) in RAS mm. ConfigError unless its `coordinates` are "RAS" or "LPS"."""
    one_of("coordinates", coordinates, COORDINATES)
    return [sign * float(value) + 0.0 for sign, value in zip(COORDINATES[coordinates], point, strict=True)]


def place_source(item: Item) -> str:
    """What the centre of a lesion's crop comes from, in words."""
    if item.get("centre_mm") is not None:
        return "x, y, z"
    if item.get("mask"):
        return "mask" if item.get("mask_label") is None else "mask_label"
    return MIDDLE_SOURCE


def places_told(items: Sequence[Item], coordinates: str) -> str:
    """How many lesions have their places from where: "118 by x, y, z (RAS mm), 2 by mask"."""
    sources = Counter(map(place_source, items))
    units = {"x, y, z": f" ({coordinates} mm)"}
    return ", ".join(f"{count} by {source}{units.get(source, '')}" for source, count in sources.most_common())


def lesion_place(item: Item, scan: Volume) -> tuple[list[float], float]:
    """Centre in RAS mm and diameter in mm (NaN if unknown) of a lesion.

    The centre is "centre_mm", else the centroid of "mask", else the middle of the image, which is right for images that
    were cut around a lesion. The diameter is "diameter_mm", else that of a ball of the mask's volume. Of a mask with several
    labels "mask_label" is the lesion, else the label that the centre lies in.

    Raises:
        InputError: the mask is empty or damaged, holds several lesions and it is not told which, or lies elsewhere than the
            centre. GeometryError: it lies on another grid than the scan.
    """
    centre, diameter = item.get("centre_mm"), item.get("diameter_mm")
    if item.get("mask"):
        inside = _lesion_voxels(item, scan)
        volume = len(inside) * abs(np.linalg.det(scan.affine[:3, :3]))
        diameter = (6 * volume / math.pi) ** (1 / 3) if diameter is None else diameter
        centre = _to_mm(scan, inside.mean(axis=0)) if centre is None else centre
    if centre is None:
        centre = _to_mm(scan, (np.array(scan.array.shape) - 1) / 2)
    return [float(value) for value in centre], math.nan if diameter is None else float(diameter)


def _lesion_voxels(item: Item, scan: Volume) -> Indices:
    """Voxels (n, 3) of the lesion in its mask."""
    path = Path(item["mask"])
    labels = _labels(path, item.get("mask_region"), scan)
    values = [int(value) for value in np.unique(labels) if value > 0]
    if not values:
        remedy = "correct the mask, or leave the lesion out"
        raise InputError("lesion mask is empty", where=path, expected="voxels above 0", remedy=remedy)
    index = None if item.get("centre_mm") is None else np.linalg.inv(scan.affine) @ [*item["centre_mm"], 1.0]
    near = NEAR_MM / scan.spacing
    value = item.get("mask_label")
    if value is None and len(values) == 1:
        value = values[0]
    elif value is None and index is not None:
        value = _label_at(labels, values, index[:3], near)
    if value not in values:
        shown = ", ".join(map(str, values[:SHOWN])) + ", ..." * (len(values) > SHOWN)
        what = "holds several labels" if value is None else f"holds no voxel of mask_label {value}"
        remedy = "name the lesion's value in a column mask_label, or give its centre"
        raise InputError(what, where=path, expected="the label of one lesion", found=shown, remedy=remedy)
    inside = np.argwhere(labels == value)
    _check_one_piece(inside, scan, path)
    if index is not None and not _around(inside, index[:3], near):
        away = np.linalg.norm((inside - index[:3]) * scan.spacing, axis=1).min()
        what, remedy = (
            "mask lies elsewhere than its lesion's centre",
            "check both, and whether coordinates are LPS or RAS",
        )
        raise InputError(what, where=path, expected=f"at most {NEAR_MM:g} mm", found=f"{away:.0f} mm", remedy=remedy)
    return inside


def _labels(path: Path, region: str | None, scan: Volume) -> NDArray[Any]:
    """A label map, or of a DICOM file the region that is named or the only one, as label 1."""
    if not is_structure(path):
        return read_labels(path, scan)
    return read_regions(path, {region}, scan)[region].astype(np.uint8)


def _label_at(labels: NDArray[Any], values: Sequence[int], index: NDArray[Any], near: NDArray[Any]) -> int | None:
    """The label that a point lies in, else the only one around it; None if there is no such one."""
    voxel = np.rint(index).astype(int)
    if (voxel >= 0).all() and (voxel < labels.shape).all() and labels[tuple(voxel)]:
        return int(labels[tuple(voxel)])
    around = [value for value in values if _around(np.argwhere(labels == value), index, near)]
    return around[0] if len(around) == 1 else None


def _around(inside: Indices, index: NDArray[Any], near: NDArray[Any]) -> bool:
    """Whether a point lies in the box around voxels, or not far from it."""
    return bool((index >= inside.min(axis=0) - near).all() and (index <= inside.max(axis=0) + near).all())


def _check_one_piece(inside: Indices, scan: Volume, path: Path) -> None:
    """Refuse voxels that are several lesions: far apart along an axis, so that their centroid may lie in neither."""
    for axis, step in enumerate(scan.spacing):
        gap = (np.diff(np.unique(inside[:, axis])).max(initial=1) - 1) * step
        if gap > GAP_MM:
            what, found = "mask has pieces far apart, which are no one lesion", f"a gap of {gap:.0f} mm"
            remedy = "give each lesion a value of its own, and name it in a column mask_label"
            raise InputError(what, where=path, expected=f"at most {GAP_MM:g} mm", found=found, remedy=remedy)


def _to_mm(scan: Volume, index: NDArray[Any]) -> list[float]:
    point: list[float] = (scan.affine @ [*index, 1.0])[:3].tolist()
    return point
