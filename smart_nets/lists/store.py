"""Prepared voxels on disk: each entry is built once, verified once per process, and from then on mapped into memory.

An entry is one file: a JSON header of 4096 bytes (shape, affine, source, checksum) followed by int16 HU in C order.
Entries are written under a temporary name and moved into place, hence any number of workers and ranks may share a
folder: at worst two of them do the same work.
"""

from __future__ import annotations

import hashlib
import json
import logging
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from smart_nets.errors import InputError
from smart_nets.files import check_exists, whole, write_text
from smart_nets.scans.files import gz
from smart_nets.scans.volume import Volume

log = logging.getLogger(__name__)
HEADER_BYTES = 4096


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


class EntryStore:
    """A folder of entries made by one recipe.

    Args:
        folder: where the folders of all recipes lie; made if missing.
        recipe: every setting that changes what an entry holds; another recipe is another folder.

    `counts` tells how many entries were built, reused, and rebuilt because they were damaged or stale.

    Raises:
        InputError: the folder cannot be written.
    """

    def __init__(self, folder: str | Path, recipe: Mapping[str, Any]) -> None:
        self.folder = Path(folder).expanduser() / digest(json.dumps(recipe, sort_keys=True))
        self.counts: Counter[str] = Counter()
        self._checked: dict[str, Entry] = {}
        file = self.folder / "recipe.json"
        if not file.exists():  # a full cache may lie on a disk that can only be read
            write_text(file, json.dumps(recipe, indent=1))

    def get(self, name: str, source: Path, build: Callable[[], Volume]) -> CachedScan:
        """The entry called `name`, from disk if it is sound and its source unchanged, else built now.

        Args:
            name: tells entries of one recipe apart, such as the path and series of a scan.
            source: file or folder that the entry is made of.
            build: gives int16 voxels in C order.

        Raises:
            InputError: the source does not exist, or the disk is full; and what `build` raises.
        """
        key = digest(name)
        file = self.folder / f"{key}.scan"
        # another process may have built the entry again, or someone emptied the cache
        if key not in self._checked or self._checked[key].stamp != _stamp(file):
            self._checked[key] = self._load_or_build(source, file, build)
        return self._checked[key].scan()

    def holds(self, name: str) -> bool:
        """Whether there is an entry of this name, sound or not."""
        return (self.folder / f"{digest(name)}.scan").is_file()

    def _load_or_build(self, source: Path, entry: Path, build: Callable[[], Volume]) -> Entry:
        identity = file_identity(source)
        fault = "missing"
        if entry.exists():
            known, fault = _verify(entry, identity)
            if known is not None:
                self.counts["reused"] += 1
                return known
            self.counts[fault] += 1
            log.warning("cache entry of %s is %s and is built again", source, fault)
        _store(build(), entry, identity)
        self.counts["built"] += 1
        known, fault = _verify(entry, identity)
        if known is None:
            raise InputError(f"cache entry is {fault} right after it was written", where=entry, remedy="check the disk")
        return known


def file_identity(path: Path) -> str:
    """Names, sizes and times of a file, or of all files in and below a folder, as one hash: it changes when they do.

    Raises:
        InputError: the path does not exist.
    """
    check_exists(path)
    # a series may be spread over folders, and a link may lead to nothing
    files = sorted(file for file in path.rglob("*") if file.exists()) if path.is_dir() else [path]
    names = [str(file.relative_to(path)) if path.is_dir() else file.name for file in files]
    stats = [(name, file.stat().st_size, file.stat().st_mtime_ns) for name, file in zip(names, files, strict=True)]
    return digest(json.dumps(stats))


def digest(text: str) -> str:
    """24 hexadecimal digits that stand for a text."""
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
    header = {
        "shape": volume.array.shape,
        "affine": volume.affine.tolist(),
        "source": volume.where,
        "notes": volume.notes,
        "identity": identity,
        "crc32": gz.crc32(content),
    }
    remedy = f"free {HEADER_BYTES + content.nbytes:,} bytes, or give another cache folder"
    with whole(entry, remedy) as draft, draft.open("wb") as file:
        file.write(json.dumps(header).encode().ljust(HEADER_BYTES))
        file.write(content.data)
