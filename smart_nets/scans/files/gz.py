"""Pack gzip data, and unpack it in one go, with its checksum checked.

ISA-L decodes about four times faster than zlib and is used when it is installed; both compare the CRC-32 and the
length that gzip stores at its end, which readers that stop at the last voxel never see.
"""

from __future__ import annotations

import zlib
from pathlib import Path
from typing import Any

import numpy as np

from smart_nets.errors import InputError

_zlib: Any
try:
    from isal import isal_zlib as _zlib
except ImportError:
    _zlib = zlib

GZIP_MAGIC = b"\x1f\x8b"
GZIP_FORMAT = 31  # window bits: 15 plus 16 for the gzip wrapper
LARGEST_RATIO = 1032  # deflate cannot shrink data further; bounds what a damaged length field may allocate
_FAULTS: tuple[type[Exception], ...] = (zlib.error, _zlib.error, EOFError)
_COPY_AGAIN = "copy the file again from its source"


def crc32(data: bytes | memoryview | np.ndarray) -> int:
    """CRC-32 of a buffer."""
    return int(_zlib.crc32(data))


def pack(data: bytes) -> bytes:
    """A gzip stream of the data, packed quickly; without a name or a time, so the same data give the same bytes."""
    stream = _zlib.compressobj(1, zlib.DEFLATED, GZIP_FORMAT)
    return bytes(stream.compress(data) + stream.flush())


def first_bytes(packed: bytes, count: int, where: Path) -> bytes:
    """The first `count` unpacked bytes (fewer when the data ends), without looking at the rest.

    Raises:
        InputError: the data is no gzip stream.
    """
    if not packed:
        raise InputError("is empty", where=where, expected="a gzip file", found="0 bytes", remedy=_COPY_AGAIN)
    if packed[:2] != GZIP_MAGIC:
        what, found = "is no gzip file in spite of its name", packed[:2].hex(" ")
        remedy = "correct its extension, or copy it again"
        raise InputError(what, where=where, expected="1f 8b as first bytes", found=found, remedy=remedy)
    try:
        return bytes(_zlib.decompressobj(wbits=GZIP_FORMAT).decompress(packed, count))
    except _FAULTS as error:
        expected = "a sound gzip stream"
        raise InputError(
            "gzip data is damaged", where=where, found=error, remedy=_COPY_AGAIN, expected=expected
        ) from error


def inflate(packed: bytes, expected: int, where: Path) -> bytes:
    """All unpacked bytes of a gzip stream, after its checksum and length were compared.

    Args:
        packed: the file's bytes.
        expected: the length the content should have at least.
        where: the file, for messages.

    Raises:
        InputError: the stream ends early, its checksum is missing or differs, or bytes follow it.
    """
    length = min(int.from_bytes(packed[-4:], "little"), LARGEST_RATIO * len(packed))
    stream = _zlib.decompressobj(wbits=GZIP_FORMAT)
    parts: list[bytes] = []
    rest = packed
    try:
        while rest:
            stream = _zlib.decompressobj(wbits=GZIP_FORMAT)
            # asking for all at once lets the decoder allocate its output once
            parts.append(stream.decompress(rest, max(length, 1)))
            if not stream.eof:
                parts.append(stream.decompress(stream.unconsumed_tail))
            if not stream.eof:
                break
            rest = stream.unused_data
            rest = rest if rest.strip(b"\0") else b""  # tapes and archives fill blocks with zeros
            if rest and rest[:2] != GZIP_MAGIC:
                raise InputError(
                    "has foreign bytes after the gzip data",
                    where=where,
                    found=f"{len(rest):,} bytes",
                    remedy=_COPY_AGAIN,
                )
    except _FAULTS as error:
        what, stored = "gzip checksum differs or the data is damaged", "the checksum stored in the file"
        raise InputError(what, where=where, expected=stored, found=error, remedy=_COPY_AGAIN) from error
    found = sum(len(part) for part in parts)
    if not stream.eof:
        if found >= expected:
            what, stored = "gzip checksum is missing", "8 bytes after the data"
            raise InputError(what, where=where, expected=stored, found="fewer", remedy=_COPY_AGAIN)
        raise InputError(
            "ends early", where=where, expected=f"{expected:,} bytes", found=f"{found:,} bytes", remedy=_COPY_AGAIN
        )
    return parts[0] if len(parts) == 1 else b"".join(parts)
