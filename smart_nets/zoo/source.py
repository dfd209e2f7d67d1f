"""Where archives come from: a folder, or a web server that hands out files."""

from __future__ import annotations

import re
import urllib.error
import urllib.request
from pathlib import Path
from typing import BinaryIO, cast
from urllib.parse import quote

from smart_nets.errors import InputError
from smart_nets.zoo.download import BROKEN, Part, download
from smart_nets.zoo.sums import SIGNATURE, SUMS, check_digest, check_signature, read_sizes, read_sums

URL = re.compile(r"(https?|file)://", re.IGNORECASE)
WAIT = 30  # seconds without a byte


class Source:
    """A folder or URL that holds what `package` wrote.

    Args:
        place: path of the folder, or http(s):// or file:// URL of it.
        key: public Ed25519 key (PEM); with one, an unsigned or wrongly signed list of hashes is refused.

    Raises:
        InputError: it cannot be reached, has no SHA256SUMS, or the signature is missing or wrong.
    """

    def __init__(self, place: str | Path, key: str | Path | None = None) -> None:
        self.place = str(place).rstrip("/")
        content = self._read(SUMS)
        if key is not None:
            check_signature(content, self._read(SIGNATURE), key, f"{self.place}/{SUMS}")
        self.sums = read_sums(content, f"{self.place}/{SUMS}")
        self.sizes = read_sizes(content)

    def versions(self, name: str) -> dict[tuple[int, ...], str]:
        """Version -> archive of a bundle, compared as numbers: 0.10.0 is newer than 0.9.0."""
        pattern = re.compile(re.escape(name) + r"_v(\d+(?:\.\d+)*)\.zip")
        matches = (pattern.fullmatch(file) for file in self.sums)
        return {numeric(match[1]): match[0] for match in matches if match}

    def fetch(self, file: str, folder: Path) -> Path:
        """Copy a file, compared with its listed size and hash while it comes in; a broken download is taken up again.

        Raises:
            InputError: it cannot be had, is larger than listed, or differs.
        """
        target = folder / file
        try:
            found = download(lambda start: self._open(file, start), target, self.sizes.get(file))
        except BROKEN as error:
            raise self._unreachable(file, error) from error
        check_digest(file, self.sums, found, where=file)
        return target

    def _read(self, file: str) -> bytes:
        try:
            with self._open(file).stream as stream:
                return bytes(stream.read(1 << 20))
        except BROKEN as error:
            raise self._unreachable(file, error) from error

    def _open(self, file: str, start: int = 0) -> Part:
        """A file from a byte on; from its beginning if the server cannot do that."""
        if not URL.match(self.place):
            stream = (Path(self.place).expanduser() / file).open("rb")
            stream.seek(start)
            return Part(stream, start, None)
        headers = {"Range": f"bytes={start}-"} if start else {}
        request = urllib.request.Request(f"{self.place}/{quote(file)}", headers=headers)
        answer = urllib.request.urlopen(request, timeout=WAIT)
        length = answer.headers.get("Content-Length", "")
        resumed = str(answer.headers.get("Content-Range", "")).startswith(f"bytes {start}-")
        known = int(length) if length.isdecimal() else None
        return Part(cast(BinaryIO, answer), start if resumed else 0, known)

    def _unreachable(self, file: str, error: Exception) -> InputError:
        status = f"HTTP {error.code}" if isinstance(error, urllib.error.HTTPError) else ""
        found = status or getattr(error, "strerror", "") or error
        remedy = "check the address, and that the server runs"
        expected = "what `zoo package` wrote"
        return InputError("cannot be had", where=f"{self.place}/{file}", found=found, remedy=remedy, expected=expected)


def numeric(version: str) -> tuple[int, ...]:
    """ "0.10.0" -> (0, 10, 0). InputError for anything else."""
    if not re.fullmatch(r"\d+(\.\d+)*", version):
        raise InputError("is no version", where="version", expected="numbers and dots, such as 0.2.0", found=version)
    return tuple(int(part) for part in version.split("."))
