"""Every scan is prepared once, stored on disk, and from then on only the voxels of a crop are read."""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from typing_extensions import Unpack

from smart_nets.errors import ConfigError, InputError, SmartError
from smart_nets.files import UNWRITTEN
from smart_nets.lists.engines.dask_cluster import on_dask
from smart_nets.lists.engines.processes import in_processes
from smart_nets.lists.store import CachedScan, EntryStore
from smart_nets.optional import bar
from smart_nets.scans.dicom.series import Spacing
from smart_nets.scans.grid import network_grid
from smart_nets.scans.read import ReadOptions, Tilt, read_options, read_volume
from smart_nets.scans.volume import AIR, Volume
from smart_nets.scans.window import WINDOW
from smart_nets.settings import FROM_1

VERSION = 3  # raise when the preparation changes what it writes


class VolumeCache:
    """Prepared scans on disk: upright in RAS, resampled, cropped to the body, clipped, int16, with a checksum each.

    Args:
        folder: where entries are kept; made if missing.
        spacing: voxel size in mm.
        clip: lowest and highest HU kept.
        foreground: HU above which a voxel belongs to the body; the bounding box of these voxels is kept.
        margin: voxels kept around that box.
        tilt: what to do with a gantry tilt, see `read_scan`.
        slice_spacing: what to do with uneven slice distances, its `spacing`.

    `counts` tells how many entries were built, reused, and rebuilt because they were damaged or stale.

    Raises:
        ConfigError: a setting makes no sense.
        InputError: the folder cannot be written.
    """

    def __init__(
        self,
        folder: str | Path,
        spacing: Sequence[float] = (2.0, 2.0, 2.0),
        clip: tuple[int, int] = (AIR, 3071),
        foreground: float = WINDOW[0],
        margin: int = 0,
        tilt: Tilt = "refuse",
        slice_spacing: Spacing = "refuse",
    ) -> None:
        if len(spacing) != 3 or not all(0 < step < math.inf for step in spacing):
            raise ConfigError("spacing must be three lengths in mm", where="cache", found=list(spacing))
        if not -32768 <= clip[0] < clip[1] <= 32767:
            raise ConfigError("clip must be two HU, low below high", where="cache", found=clip)
        if margin < 0:
            raise ConfigError("margin must not be negative", where="cache", found=margin)
        self.spacing = tuple(float(length) for length in spacing)
        self.clip, self.foreground, self.margin = clip, float(foreground), margin
        self.read = partial(read_volume, tilt=tilt, spacing=slice_spacing)
        self.recipe = {
            "version": VERSION,
            "spacing": self.spacing,
            "clip": list(clip),
            "foreground": self.foreground,
            "margin": margin,
            "tilt": tilt,
            **({"slice_spacing": slice_spacing} if slice_spacing != "refuse" else {}),  # older entries stay as they are
        }
        self.store = EntryStore(folder, self.recipe)
        self.folder, self.counts = self.store.folder, self.store.counts

    def get(self, path: str | Path, **how: Unpack[ReadOptions]) -> CachedScan:
        """The prepared scan, from disk if its entry is sound and its source unchanged, else prepared now.

        An entry is verified once per process; after that, only what is touched of `array` is read.

        Raises:
            InputError, GeometryError: the scan cannot be used, see `read_scan`; or the disk is full.
        """
        series, others = how.get("series") or "", {name: value for name, value in how.items() if name != "series"}
        return self.store.get(
            f"{Path(path).resolve()}\n{series}" + (json.dumps(others, sort_keys=True) if others else ""),
            Path(path),
            lambda: self.prepare(self.read(path, **how)),
        )

    def prepare(self, volume: Volume) -> Volume:
        """Turn upright, resample, crop to the body, clip and round a scan to int16.

        Raises:
            InputError: nothing in it is above `foreground`.
        """
        scan = network_grid(volume, self.spacing)
        corner, end = foreground_box(scan.array, self.foreground, scan.where)
        corner = np.maximum(corner - self.margin, 0)
        end = np.minimum(end + self.margin, scan.array.shape)
        box = scan.array[tuple(slice(a, b) for a, b in zip(corner, end, strict=True))]
        affine = scan.affine.copy()
        affine[:3, 3] += affine[:3, :3] @ corner
        kept = np.rint(np.clip(box, *self.clip)).astype(np.int16)
        return replace(scan, array=np.ascontiguousarray(kept), affine=affine)


def fill_cache(
    cache: VolumeCache, items: Sequence[Mapping[str, Any]], workers: int | None = None, scheduler: str = ""
) -> tuple[Counter[str], list[str]]:
    """Prepare every scan now, so that training only reads; what was prepared before is verified and kept.

    Args:
        items: of a datalist.
        workers: processes, by default one per core.
        scheduler: address of a dask scheduler, whose workers prepare the scans; they must see them and the cache.

    Returns:
        How many entries were "built", "reused" and "refused", and how many of the built ones took the place of "damaged" or
        "stale" ones; and why scans were refused, in one sentence each, in the order of `items`.

    Raises:
        InputError: the cache cannot be written, a process was killed, or the scheduler went away.
        ConfigError: the scheduler or its workers cannot be used, or both are given.
    """
    if scheduler and workers is not None:
        what, remedy = "are given both", "leave out --workers: dask worker says how many there are"
        raise ConfigError(what, where="workers, scheduler", expected="one of them", remedy=remedy)
    if workers is not None:
        FROM_1.check("workers", workers)
    task = partial(_filled, cache)
    seen = [cache.folder.resolve(), *(Path(item["image"]) for item in items[:1])]
    found = on_dask(scheduler, task, items, seen) if scheduler else in_processes(task, items, workers)
    counts, refused = Counter[str](), dict[int, str]()
    for position, (counted, fault) in bar(found, "preparing scans", len(items)):
        counts.update(counted)
        refused.update({position: fault} if fault else {})
    return counts, [refused[position] for position in sorted(refused)]


def _filled(cache: VolumeCache, item: Mapping[str, Any]) -> tuple[Counter[str], str]:
    """What became of a scan, and why it cannot be used. InputError: the cache cannot be written."""
    before = Counter(cache.counts)
    fault: SmartError
    try:
        cache.get(item["image"], **read_options(item))
        return cache.counts - before or Counter(reused=1), ""  # a scan that is listed twice is not verified twice
    except SmartError as error:
        if error.what == UNWRITTEN:
            raise
        fault = error
    except Exception as error:  # such as a want of memory; one scan never ends the preparation of all others
        found, remedy = f"{type(error).__name__}: {error}", "check the scan and the memory, or use fewer workers"
        fault = InputError("cannot be prepared", where=item["image"], found=found, remedy=remedy)
    return Counter(refused=1), str(fault)


def foreground_box(array: np.ndarray, threshold: float, where: str) -> tuple[np.ndarray, np.ndarray]:
    """First corner and end (exclusive), (3,) each, of the smallest box around all voxels above `threshold`.

    Raises:
        InputError: there are none.
    """
    inside = array > threshold
    corner, end = np.zeros(3, dtype=int), np.zeros(3, dtype=int)
    for axis in range(3):
        found = np.flatnonzero(inside.any(axis=tuple(other for other in range(3) if other != axis)))
        if not len(found):
            expected, remedy = f"voxels above {threshold:g} HU", "check that the scan is a CT in HU"
            raise InputError("has no foreground", where=where, expected=expected, found="none", remedy=remedy)
        corner[axis], end[axis] = found[0], found[-1] + 1
    return corner, end
