"""Scans and outlines as a network sees them: prepared once, kept on disk, read where a patch lies."""

from __future__ import annotations

import json
import logging
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from smart_nets.errors import ConfigError, InputError
from smart_nets.lists.store import EntryStore, file_identity
from smart_nets.optional import bar
from smart_nets.scans.grid import check_scan_size, network_grid
from smart_nets.scans.read import read_options, read_volume
from smart_nets.scans.volume import AIR, Volume
from smart_nets.segment.cases.names import Values
from smart_nets.segment.cases.target import Others, read_target, target_on

logger = logging.getLogger(__name__)
VERSION = 2  # raise when the preparation changes what it writes
HIGHEST = 3071  # HU, the highest value a scanner's 12 bits hold
LEAST = (32, 32, 32)  # voxels, of which a scan must fill half along each axis; air stands for the rest of a patch
Item = Mapping[str, Any]


class Prepared(NamedTuple):
    """A case on the network's grid, mapped from disk: HU and channels, int16 (X, Y, Z) both."""

    image: NDArray[np.int16]
    target: NDArray[np.int16]
    affine: NDArray[np.float64]


class CaseVolumes:
    """Cases in RAS at one spacing.

    Args:
        folder: of the cache.
        spacing: mm of a voxel.
        values: what stands for what, of `label_values`.
        others: values that no name stands for: "refuse", or "background".
    """

    def __init__(self, folder: str | Path, spacing: Sequence[float], values: Values, others: Others = "refuse") -> None:
        self.spacing, self.values, self.others = [float(step) for step in spacing], dict(values), others
        recipe = {"segment": VERSION, "spacing": self.spacing}
        self.images = EntryStore(folder, recipe)
        self.targets = EntryStore(folder, recipe | {"values": list(self.values.items()), "others": others})

    def get(self, item: Item) -> Prepared:
        """The case, from disk if it is there and its files unchanged, else prepared now.

        Raises:
            InputError, GeometryError: scan or outlines cannot be used, or do not belong together.
        """
        case = _Case(item, self)
        path = Path(item["image"])
        name = f"{path.resolve()}\n{item.get('series') or ''}\n{json.dumps(read_options(item), sort_keys=True, default=str)}"
        image = self.images.get(name, path, lambda: case.image)
        files = [[file, file_identity(Path(file))] for file in outline_files(item)]
        drawn = json.dumps([files, item.get("drawn")], sort_keys=True)
        target = self.targets.get(f"{name}\n{drawn}", path, lambda: case.target)
        return Prepared(image.array, target.array, image.affine)

    def prepare(self, items: Sequence[Item]) -> list[dict[str, Any]]:
        """Prepare all cases, so that whatever is wrong with one is told before any training starts.

        Returns:
            the items with "voxels": {name: how many of the network's}.

        Raises:
            InputError, GeometryError: the first case that cannot be used.
        """
        if items:
            logger.info("preparing %d cases", len(items))
        prepared = []
        for item in bar(items, "preparing cases"):
            target = self.get(item).target
            voxels = {name: int(np.count_nonzero(target == at)) for at, name in enumerate(self.values, start=1)}
            prepared.append({**item, "voxels": voxels})
        return prepared


class _Case:
    """Reads a scan and what is drawn on it when either is wanted, and at most once."""

    def __init__(self, item: Item, volumes: CaseVolumes) -> None:
        self.item, self.volumes = item, volumes
        self._read: tuple[Volume, Volume] | None = None

    def both(self) -> tuple[Volume, Volume]:
        """The scan in RAS, and on the network's grid."""
        if self._read is None:
            scan = read_volume(self.item["image"], **read_options(self.item)).to_ras()
            grid = network_grid(scan, self.volumes.spacing)
            check_scan_size(grid, LEAST, self.volumes.spacing)
            self._read = scan, grid
        return self._read

    @property
    def image(self) -> Volume:
        _, grid = self.both()
        return replace(grid, array=np.rint(np.clip(grid.array, AIR, HIGHEST)).astype(np.int16, order="C"))

    @property
    def target(self) -> Volume:
        scan, grid = self.both()
        target = read_target(self.item, scan, self.volumes.values, self.volumes.others)
        return replace(grid, array=np.ascontiguousarray(target_on(target, scan, grid)))


def outline_files(item: Item) -> list[str]:
    """All files that tell what is outlined in a case."""
    if "label" in item:
        return [str(item["label"])]
    if "lidc" in item:
        return [str(item["lidc"])]
    if "drawn" not in item:
        raise InputError("has nothing outlined", where=item.get("image"), expected='"label"', found=", ".join(item))
    return sorted({entry["file"] for regions in item["drawn"].values() for some in regions.values() for entry in some})


def check_cases(volumes: CaseVolumes, items: Sequence[Item]) -> None:
    """Prepare whatever is not yet, so that what is wrong with it is told now; for cases that a server gives."""
    for item in items:
        volumes.get(item)


def check_shown(items: Sequence[Item], values: Values) -> list[Item]:
    """The prepared cases, of which some show every name; those that show nothing are counted and kept.

    Raises:
        ConfigError: a name is outlined nowhere.
    """
    shown = Counter(name for item in items for name, voxels in item["voxels"].items() if voxels)
    nowhere = [name for name in values if not shown[name]]
    if nowhere:
        found = f"no voxel of {', '.join(nowhere)} in {len(items)} training cases"
        remedy = "correct the names and values (--labels), or check that the label maps are not empty"
        raise ConfigError(
            "is outlined nowhere", where="labels", expected="each in one case or more", found=found, remedy=remedy
        )
    empty = sum(not any(item["voxels"].values()) for item in items)
    if empty:
        logger.warning("%d of %d cases have nothing outlined: they count as cases without it", empty, len(items))
    logger.info("outlined: %s", ", ".join(f"{name} in {shown[name]}" for name in values))
    return list(items)
