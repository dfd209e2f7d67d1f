"""A file from a server that may break off, send too much, or never end."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable
from http.client import HTTPException
from pathlib import Path
from typing import BinaryIO, NamedTuple

from smart_nets.errors import InputError

BLOCK = 1 << 20
TRIES, PAUSE = 4, 0.2  # how often a broken download is taken up again, and seconds before that
MOST = 2 * 2**30  # bytes of a file whose size no list tells
BROKEN = (OSError, ValueError, HTTPException)


class Part(NamedTuple):
    """The rest of a file: a stream, where in the file it begins, and the bytes that it should have, if that is told."""

    stream: BinaryIO
    start: int
    length: int | None


def download(open_at: Callable[[int], Part], target: Path, size: int | None) -> str:
    """Write a file as it comes in, and return its sha256.

    Args:
        open_at: opens the file from a byte on, or from its beginning where that cannot be done.
        size: in bytes, as the list tells; nothing is read beyond it. None if no list tells it.

    Raises:
        InputError: it is larger than it may be. OSError, ValueError, HTTPException: it breaks off again and again.
    """
    digest, count = hashlib.sha256(), 0
    with target.open("wb") as out:
        for left in reversed(range(TRIES)):
            try:
                part = open_at(count)
                with part.stream as stream:
                    if part.start != count:
                        digest, count = hashlib.sha256(), 0
                        out.seek(0)
                        out.truncate()
                    whole = part.length if part.length is None else count + part.length
                    while block := stream.read(BLOCK):
                        count += len(block)
                        _check_size(target.name, count, size)
                        digest.update(block)
                        out.write(block)
                if whole is None or count >= whole:
                    return digest.hexdigest()
                raise HTTPException(f"it ended after {count:,} of {whole:,} bytes")
            except BROKEN:
                if not left or not count:  # of what never began there is nothing to take up again
                    raise
                time.sleep(PAUSE)
    raise HTTPException("it cannot be read")  # pragma: no cover - the last try raises


def _check_size(name: str, count: int, size: int | None) -> None:
    if count > (MOST if size is None else size):
        expected = f"at most {MOST:,} bytes" if size is None else f"{size:,} bytes"
        what = "is larger than it may be" if size is None else "is larger than SHA256SUMS says"
        raise InputError(what, where=name, expected=expected, found="more", remedy="do not install it; ask who made it")
