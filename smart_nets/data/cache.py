"""Every scan is prepared once, stored on disk, and from then on only the voxels of a crop are read.

An entry is one file: a JSON header of 4096 bytes (shape, affine, source, checksum) followed by int16 HU in C order, so
that it can be mapped into memory. Entries are written under a temporary name and moved into place, hence any
number of workers and ranks may share a folder: at worst two of them do the same work.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import shutil
import uuid
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from smart_nets.data import gz
from smart_nets.data.read import Tilt, read_volume
from smart_nets.data.resample import resample
from smart_nets.data.volume import AIR, Volume
from smart_nets.data.window import WINDOW
from smart_nets.errors import ConfigError, InputError

log = logging.getLogger(__name__)
HEADER_BYTES = 4096
VERSION = 1  # raise when the preparation changes what it writes


class CachedScan(NamedTuple):
    """A prepared scan: int16 HU (X, Y, Z) mapped from disk, its affine (4, 4) to RAS mm, and where it came from."""

    array: np.ndarray
    affine: np.ndarray
    source: str


class Entry(NamedTuple):
    """What is kept of a verified entry: where it lies and its header, but not the mapping, which costs an open file."""

    path: Path
    shape: tuple[int, ...]
    affine: np.ndarray
    source: str
    stamp: tuple[int, int]

    def scan(self) -> CachedScan:
        """The entry, mapped into memory."""
        array = np.memmap(self.path, dtype="<i2", mode="r", offset=HEADER_BYTES, shape=self.shape)
        return CachedScan(array, self.affine, self.source)


class VolumeCache:
    """Prepared scans on disk: RAS, resampled, cropped to the body, clipped, int16, with a checksum each.

    Args:
        folder: where entries are kept; made if missing.
        spacing: voxel size in mm.
        clip: lowest and highest HU kept.
        foreground: HU above which a voxel belongs to the body; the bounding box of these voxels is kept.
        margin: voxels kept around that box.
        tilt: what to do with a gantry tilt, see `read_scan`.

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
    ) -> None:
        if len(spacing) != 3 or min(spacing) <= 0:
            raise ConfigError("spacing must be three lengths in mm", where="cache", found=list(spacing))
        if not -32768 <= clip[0] < clip[1] <= 32767:
            raise ConfigError("clip must be two HU, low below high", where="cache", found=clip)
        if margin < 0:
            raise ConfigError("margin must not be negative", where="cache", found=margin)
        self.spacing = tuple(float(length) for length in spacing)
        self.clip, self.foreground, self.margin, self.tilt = clip, float(foreground), margin, tilt
        self.recipe = {"version": VERSION, "spacing": self.spacing, "clip": list(clip), "foreground": self.foreground,
                       "margin": margin, "tilt": tilt}  # fmt: skip
        self.recipe_hash = _digest(json.dumps(self.recipe, sort_keys=True))
        self.folder = Path(folder) / self.recipe_hash
        self.counts: Counter[str] = Counter()
        self._checked: dict[str, Entry] = {}
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            recipe = self.folder / "recipe.json"
            if not recipe.exists():  # a full cache may lie on a disk that can only be read
                recipe.write_text(json.dumps(self.recipe, indent=1))
        except OSError as error:
            raise InputError(f"cache folder cannot be written ({error.strerror})", where=self.folder,
                             remedy="give a folder with write permission and space") from error  # fmt: skip

    def get(self, path: str | Path, series: str | None = None) -> CachedScan:
        """The prepared scan, from disk if its entry is sound and its source unchanged, else prepared now.

        An entry is verified once per process; after that, only what is touched of `array` is read.

        Raises:
            InputError, GeometryError: the scan cannot be used, see `read_scan`; or the disk is full.
        """
        key = _digest(f"{Path(path).resolve()}\n{series or ''}")
        file = self.folder / f"{key}.scan"
        # another process may have built the entry again, or someone emptied the cache
        if key not in self._checked or self._checked[key].stamp != _stamp(file):
            self._checked[key] = self._load_or_build(Path(path), series, file)
        return self._checked[key].scan()

    def _load_or_build(self, path: Path, series: str | None, entry: Path) -> Entry:
        identity = file_identity(path)
        fault = "missing"
        if entry.exists():
            known, fault = _verify(entry, identity)
            if known is not None:
                self.counts["reused"] += 1
                return known
            self.counts[fault] += 1
            log.warning("cache entry of %s is %s and is built again", path, fault)
        volume = self.prepare(read_volume(path, series=series, tilt=self.tilt))
        _store(volume, entry, identity)
        self.counts["built"] += 1
        known, fault = _verify(entry, identity)
        if known is None:
            raise InputError(f"cache entry is {fault} right after it was written", where=entry,
                             remedy="check the disk, or give another cache folder")  # fmt: skip
        return known

    def prepare(self, volume: Volume) -> Volume:
        """Resample, crop to the body, clip and round a scan in RAS to int16.

        Raises:
            InputError: nothing in it is above `foreground`.
        """
        scan = resample(volume, self.spacing)
        corner, end = foreground_box(scan.array, self.foreground, scan.where)
        corner = np.maximum(corner - self.margin, 0)
        end = np.minimum(end + self.margin, scan.array.shape)
        box = scan.array[tuple(slice(a, b) for a, b in zip(corner, end, strict=True))]
        affine = scan.affine.copy()
        affine[:3, 3] += affine[:3, :3] @ corner
        kept = np.rint(np.clip(box, *self.clip)).astype(np.int16)
        return replace(scan, array=np.ascontiguousarray(kept), affine=affine)


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
            raise InputError("has no foreground", where=where, expected=f"voxels above {threshold:g} HU", found="none",
                             remedy="check that the scan is a CT in HU")  # fmt: skip
        corner[axis], end[axis] = found[0], found[-1] + 1
    return corner, end


def file_identity(path: Path) -> str:
    """Names, sizes and times of a file, or of all files of a folder, as one hash: it changes when they do.

    Raises:
        InputError: the path does not exist.
    """
    if not path.exists():
        raise InputError(
            "does not exist",
            where=path,
            expected="a file or folder",
            found="nothing",
            remedy="check the path and that the disk is mounted",
        )
    files = sorted(path.iterdir()) if path.is_dir() else [path]
    stats = [(file.name, file.stat().st_size, file.stat().st_mtime_ns) for file in files]
    return _digest(json.dumps(stats))


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:24]


def _stamp(path: Path) -> tuple[int, int]:
    """Tells one file from another that took its place; zeros if there is none."""
    try:
        status = path.stat()
    except OSError:
        return 0, 0
    return status.st_ino, status.st_mtime_ns


def _verify(path: Path, identity: str) -> tuple[Entry | None, str]:
    """A sound entry, or None and what is wrong with it ("damaged" or "stale")."""
    try:
        with path.open("rb") as file:
            header: dict[str, Any] = json.loads(file.read(HEADER_BYTES).rstrip(b" \n"))
        shape = tuple(int(length) for length in header["shape"])
        entry = Entry(path, shape, np.array(header["affine"]), str(header["source"]), _stamp(path))
        array, own, checksum = entry.scan().array, header["identity"], header["crc32"]
    except (OSError, ValueError, KeyError, TypeError):  # cut, empty, zeros, or no JSON
        return None, "damaged"
    if path.stat().st_size != HEADER_BYTES + array.nbytes:
        return None, "damaged"
    if own != identity:
        return None, "stale"
    if gz.crc32(array) != checksum:
        return None, "damaged"
    return entry, ""


def _store(volume: Volume, entry: Path, identity: str) -> None:
    content = volume.array
    header = {"shape": volume.array.shape, "affine": volume.affine.tolist(), "source": volume.where,
              "notes": volume.notes, "identity": identity, "crc32": gz.crc32(content)}  # fmt: skip
    needed = HEADER_BYTES + content.nbytes
    draft = entry.with_name(f"{entry.stem}.{os.getpid()}.{uuid.uuid4().hex[:8]}.part")
    try:
        with draft.open("wb") as file:
            file.write(json.dumps(header).encode().ljust(HEADER_BYTES))
            file.write(content.data)
        os.replace(draft, entry)
    except OSError as error:
        draft.unlink(missing_ok=True)
        raise InputError(
            f"cache entry cannot be written ({error.strerror})", where=entry.parent,
            expected=f"{needed:,} bytes free", found=f"{shutil.disk_usage(entry.parent).free:,} bytes free",
            remedy="free space, or give another cache folder",
        ) from error  # fmt: skip
