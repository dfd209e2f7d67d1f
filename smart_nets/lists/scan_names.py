"""What results of a scan are called: after its file, or, since folders of DICOM series tell the patient, by a number."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from smart_nets.lists.pseudonym import pseudonym


def with_names(items: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The items of a datalist, each with a "name" of its own for the files that are made of it.

    A file gives its own name without the ending. The folder of a DICOM series is often called after the patient, so that
    such a scan is called "series_" and twelve digits made of the path, the same in every run.
    """
    names = [_name(item) for item in items]
    taken = Counter(names)
    seen: Counter[str] = Counter()
    named = []
    for item, name in zip(items, names, strict=True):
        free = name
        while taken[name] > 1 and (free == name or free in taken):
            seen[name] += 1
            free = f"{name}_{seen[name]}"
        named.append({**item, "name": free})
    return named


def _name(item: Mapping[str, Any]) -> str:
    path = Path(str(item["image"]))
    if path.is_dir():
        return f"series_{pseudonym(str(path.resolve()))}"
    return path.name.removesuffix(".gz").rsplit(".", 1)[0]
