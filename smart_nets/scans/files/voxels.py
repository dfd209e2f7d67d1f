"""Turn the bytes of a file's voxels into an array, with every count checked."""

from __future__ import annotations

import math
import zlib
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np

from smart_nets.errors import GeometryError, InputError
from smart_nets.scans.files import gz

COPY_AGAIN = "copy the file again from its source"
CONVERT_AGAIN = "convert the scan again from DICOM"
LARGEST = 2**36  # bytes; a header that asks for more is damaged


def array_from(content: bytes, packing: str, dtype: np.dtype, shape: Sequence[int], where: Path) -> np.ndarray:
    """Voxels of `shape`, first axis fastest, from raw bytes or bytes packed as "gzip" or "zlib".

    Raises:
        InputError: too few bytes, a checksum that differs, or a shape that makes no sense.
    """
    size = math.prod(shape) * dtype.itemsize
    if min(shape) < 1 or size > LARGEST:
        raise InputError(
            "header is damaged", where=where, expected="lengths of a volume", found=list(shape), remedy=COPY_AGAIN
        )
    if packing == "gzip":
        gz.first_bytes(content, 1, where)
        content = gz.inflate(content, size, where)
    elif packing == "zlib":
        content = _inflate(content, size, where)
    if len(content) < size:
        raise InputError(
            "ends early",
            where=where,
            expected=f"{size:,} bytes of voxels",
            found=f"{len(content):,}",
            remedy=COPY_AGAIN,
        )
    return np.frombuffer(content, dtype, size // dtype.itemsize).reshape(shape, order="F")


def once(pairs: Iterable[tuple[str, str]], where: Path) -> dict[str, str]:
    """Fields of a header, each of which may stand there once.

    Raises:
        InputError: a field stands there twice, with two values.
    """
    fields: dict[str, str] = {}
    for name, value in pairs:
        if fields.setdefault(name, value) != value:
            what, found = f"the header says {name} twice", f"{fields[name]} and {value}"
            raise InputError(what, where=where, expected="one value", found=found, remedy=CONVERT_AGAIN)
    return fields


def no_place(where: Path, expected: str, found: str) -> GeometryError:
    """A header from which nobody can know left from right."""
    what = "the header does not say where the voxels lie in the patient"
    return GeometryError(what, where=where, expected=expected, found=found or "nothing", remedy=CONVERT_AGAIN)


def _inflate(content: bytes, size: int, where: Path) -> bytes:
    stream = zlib.decompressobj()
    try:
        unpacked = stream.decompress(content, size)
        rest = stream.decompress(stream.unconsumed_tail)
    except zlib.error as error:
        expected = "a sound zlib stream"
        raise InputError(
            "checksum differs or the data is damaged", where=where, found=error, remedy=COPY_AGAIN, expected=expected
        ) from error
    if not stream.eof:
        found = len(unpacked) + len(rest)
        raise InputError(
            "ends early",
            where=where,
            expected=f"{size:,} bytes of voxels and a checksum",
            found=f"{found:,}",
            remedy=COPY_AGAIN,
        )
    return unpacked + rest
