"""Where archives come from: a folder, or a web server that hands out files."""

from __future__ import annotations

import re
import shutil
import urllib.error
import urllib.request
from http.client import HTTPException
from pathlib import Path
from typing import BinaryIO, cast
from urllib.parse import quote

from smart_nets.errors import InputError
from smart_nets.zoo.sums import SIGNATURE, SUMS, check_signature, check_sum, read_sums

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

    def versions(self, name: str) -> dict[tuple[int, ...], str]:
        """Version -> archive of a bundle, compared as numbers: 0.10.0 is newer than 0.9.0."""
        pattern = re.compile(re.escape(name) + r"_v(\d+(?:\.\d+)*)\.zip")
        matches = (pattern.fullmatch(file) for file in self.sums)
        return {numeric(match[1]): match[0] for match in matches if match}

    def fetch(self, file: str, folder: Path) -> Path:
        """Copy a file and compare its hash. InputError if it cannot be had or differs."""
        target = folder / file
        try:
            with self._open(file) as stream, target.open("wb") as out:
                shutil.copyfileobj(stream, out)
        except (OSError, ValueError, HTTPException) as error:
            raise self._unreachable(file, error) from error
        check_sum(target, self.sums, file)
        return target

    def _read(self, file: str) -> bytes:
        try:
            with self._open(file) as stream:
                return bytes(stream.read(1 << 20))
        except (OSError, ValueError, HTTPException) as error:
            raise self._unreachable(file, error) from error

    def _open(self, file: str) -> BinaryIO:
        if not URL.match(self.place):
            return (Path(self.place).expanduser() / file).open("rb")
        return cast(BinaryIO, urllib.request.urlopen(f"{self.place}/{quote(file)}", timeout=WAIT))

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
