"""One cube per lesion, of the same physical size for all, so that its shape does not tell the lesion's size."""

from __future__ import annotations

import logging
import math
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from smart_nets.classify.lesions.place import Item, lesion_place
from smart_nets.errors import ConfigError, InputError
from smart_nets.lists.store import CachedScan, EntryStore
from smart_nets.optional import bar
from smart_nets.scans.read import read_options, read_volume
from smart_nets.scans.resample import sample_on
from smart_nets.scans.volume import AIR, Volume

logger = logging.getLogger(__name__)
VERSION = 2  # raise when what is cut changes
OVERVIEW, FIELD, WIDEST = 64, 3, 400.0  # voxels along each axis, times the cube's side, and mm, of a larger field
HIGHEST = 3071  # HU, the highest value a scanner's 12 bits hold


def crop_lesion(scan: Volume, centre: Sequence[float], size: Sequence[int], spacing: Sequence[float]) -> Volume:
    """HU in a cube around a point, float32 of shape `size`, axes along R, A, S; air where the scan ends.

    Args:
        scan: HU with its affine, in any orientation.
        centre: (x, y, z) in RAS mm; it lies in the middle of the cube.
        size: voxels of the cube.
        spacing: voxel size in mm.

    Raises:
        InputError: the centre lies outside the scan.
    """
    index = np.linalg.inv(scan.affine) @ [*centre, 1.0]
    if (index[:3] < -0.5).any() or (index[:3] > np.array(scan.array.shape) - 0.5).any():
        ends = np.array([[0, 0, 0, 1], [*np.array(scan.array.shape) - 1, 1]])
        low, high = np.round(np.sort((scan.affine @ ends.T)[:3], axis=1).T, 1)
        expected, found = f"a centre in RAS mm, between {low} and {high}", np.round(centre, 1)
        remedy = "check the centre, and give coordinates: LPS if x and y count to the left and to the back"
        what = "lesion lies outside its scan"
        raise InputError(what, where=scan.where, expected=expected, found=found, remedy=remedy)
    affine = np.diag([*spacing, 1.0])
    affine[:3, 3] = np.asarray(centre) - np.asarray(spacing) * (np.asarray(size) - 1) / 2
    return replace(scan, array=sample_on(scan, affine, size, AIR), affine=affine)


def overview_spacing(size: Sequence[int], spacing: Sequence[float]) -> tuple[float, float, float]:
    """Voxel size in mm of the larger field around a cube: `OVERVIEW` voxels along each axis over three times the cube's side,
    but no more than a body needs."""
    sides = np.asarray(size) * np.asarray(spacing)  # mm
    steps = np.maximum(np.minimum(FIELD * sides, WIDEST), 1.5 * sides) / OVERVIEW
    return float(steps[0]), float(steps[1]), float(steps[2])


class LesionCrops:
    """Cubes around lesions, cut once and kept on disk as int16 HU.

    Args:
        folder: of the cache.
        size: voxels of a cube; larger than the network's crop where random crops are wanted.
        spacing: voxel size in mm.

    Raises:
        ConfigError: a size or spacing is not positive.
    """

    def __init__(self, folder: str | Path, size: Sequence[int], spacing: Sequence[float]) -> None:
        good = all(np.shape(value) == (3,) and np.asarray(value).dtype.kind in "if" for value in (size, spacing))
        if not good or min(size) < 1 or not np.isfinite(spacing).all() or min(spacing) <= 0:
            what, found = "needs three sizes and three spacings above 0", f"{size} voxels of {spacing} mm"
            raise ConfigError(what, where="lesion crops", found=found)
        self.size, self.spacing = tuple(int(side) for side in size), tuple(float(step) for step in spacing)
        self.folder = Path(folder)
        self.store = EntryStore(folder, {"lesion crops": VERSION, "size": self.size, "spacing": self.spacing})

    def prepare(self, items: Sequence[Item]) -> list[dict[str, Any]]:
        """Cut all lesions, so that whatever is wrong with one is told before any training starts.

        Returns:
            the items with "row" (position in the list), "centre_mm" and "size_mm" (diameter, NaN if unknown).

        Raises:
            InputError, GeometryError: the first lesion that cannot be cut.
        """
        prepared: list[dict[str, Any]] = [{} for _ in items]
        # lesions of one scan one after the other, so that it is read once
        order = sorted(range(len(items)), key=lambda row: (str(items[row]["image"]), str(items[row].get("series"))))
        scan = _LastScan()
        for row in bar(order, "cutting lesions"):
            item = dict(items[row])
            centre, diameter = self._place(item, scan)
            prepared[row] = item | {"row": row, "centre_mm": centre, "size_mm": diameter}
            self._get(prepared[row], scan)
        sides = " x ".join(f"{n * s:g}" for n, s in zip(self.size, self.spacing, strict=True))
        logger.info("%d lesions in cubes of %s mm", len(items), sides)
        return prepared

    def get(self, item: Item) -> CachedScan:
        """The cube of a prepared item: int16 HU of shape `size`, its affine, its source."""
        return self._get(item, _LastScan())

    def holds(self, item: Item) -> bool:
        """Whether the cube of a prepared item lies on disk already; whether it is sound is seen when it is read."""
        return self.store.holds(_entry_name(item))

    def around(self, items: Sequence[Item], size: Sequence[int]) -> list[CachedScan]:
        """A larger field around each prepared item, coarser, with the middle of the cube in its middle, see `overview_spacing`.

        Args:
            size: voxels of the cube that it is the surroundings of.
        """
        wide = LesionCrops(self.folder, [OVERVIEW] * 3, overview_spacing(size, self.spacing))
        scan = _LastScan()
        return [wide._get(item, scan) for item in items]

    def _place(self, item: Item, scan: _LastScan) -> tuple[list[float], float]:
        if item.get("centre_mm") is not None and not item.get("mask"):  # a mask is compared with the centre
            diameter = item.get("diameter_mm")
            return [float(value) for value in item["centre_mm"]], math.nan if diameter is None else float(diameter)
        return lesion_place(item, scan.read(item))

    def _get(self, item: Item, scan: _LastScan) -> CachedScan:
        return self.store.get(_entry_name(item), Path(item["image"]), lambda: self._cut(item, scan.read(item)))

    def _cut(self, item: Item, scan: Volume) -> Volume:
        cube = crop_lesion(scan, item["centre_mm"], self.size, self.spacing)
        return replace(cube, array=np.rint(np.clip(cube.array, AIR, HIGHEST)).astype(np.int16))


def _entry_name(item: Item) -> str:
    """Tells one cube of a recipe from another."""
    return f"{Path(item['image']).resolve()}\n{item.get('series') or ''}\n{item['centre_mm']}{item.get('reading', '')}"


class _LastScan:
    """Reads a scan, and keeps it until another one is asked for."""

    def __init__(self) -> None:
        self.key: tuple[str, Any] | None = None
        self.scan: Volume | None = None

    def read(self, item: Item) -> Volume:
        key = (str(item["image"]), read_options(item))
        if self.scan is None or key != self.key:
            self.key, self.scan = key, read_volume(item["image"], **read_options(item))
        return self.scan
