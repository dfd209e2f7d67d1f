"""What results of a scan are called: after its file, or, since folders of DICOM series tell the patient, by a number."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from smart_nets.errors import InputError
from smart_nets.lists.pseudonym import pseudonym

FORBIDDEN = re.compile(r"[^\w .+()=,@#~-]")  # some disk, shell or table cannot hold what is none of these
LONGEST = 120  # bytes of UTF-8: endings are added, and disks take 255


def with_names(items: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The items of a datalist, each with a "name" of its own for the files that are made of it.

    A file gives its own name without the ending, and a "row" of a table is added to it. The folder of a DICOM series is
    often called after the patient, so that such a scan is called "series_" and twelve digits made of the path. Where
    names are the same (on some disks "CT" is "ct"), each gets twelve digits made of its path and series, whatever the
    order: the same scan has the same name in every run. `claim_names` leaves the table that tells which is which.

    Raises:
        InputError: a scan is listed twice, so that the results of one would overwrite those of the other.
    """
    names = [_name(item) for item in items]
    taken = Counter(map(key_of, names))
    named = [
        {**item, "name": name if taken[key_of(name)] == 1 else _unlike(item, name)}
        for item, name in zip(items, names, strict=True)
    ]
    first: dict[str, int] = {}
    for number, item in enumerate(named, start=1):
        before = first.setdefault(key_of(item["name"]), number)
        if before != number:
            raise InputError("the same scan is listed twice, and its results would overwrite each other",
                             where=f"scans {before} and {number} of the list", expected="every scan once",
                             found=item["name"], remedy="remove one of them")  # fmt: skip
    return named


def key_of(name: str) -> str:
    """The same text for names that some disks take for one."""
    return unicodedata.normalize("NFC", name).casefold()


def source_of(item: Mapping[str, Any]) -> str:
    """The absolute path of an item's scan, in characters that a table can hold."""
    return str(Path(str(item["image"])).expanduser().resolve()).encode("utf-8", "backslashreplace").decode()


def _name(item: Mapping[str, Any]) -> str:
    path = Path(str(item["image"])).expanduser()
    if path.is_dir():
        stem = f"series_{pseudonym(source_of(item))}"
    else:
        told = path.name.removesuffix(".gz").rsplit(".", 1)[0]
        stem = FORBIDDEN.sub("_", told).strip() or "scan"
        if len(stem.encode()) > LONGEST:
            stem = f"{stem.encode()[: LONGEST - 13].decode(errors='ignore')}_{pseudonym(told)}"
    row = int(item.get("row", -1))
    return stem if row < 0 else f"{stem}_{row}"


def _unlike(item: Mapping[str, Any], name: str) -> str:
    series = item.get("series")
    digits = pseudonym(source_of(item) if series is None else f"{source_of(item)}\n{series}")
    return f"series_{digits}" if name.startswith("series_") and series is not None else f"{name}_{digits}"
