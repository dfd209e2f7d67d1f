"""Which region of a mask's file is the tumour: named, the only one, or the only one whose name looks like a tumour's."""

from __future__ import annotations

import logging
import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from smart_nets.errors import GeometryError, InputError
from smart_nets.scans.dicom.folder import is_dicom
from smart_nets.scans.dicom.masks import Masks, read_masks, region_names
from smart_nets.scans.labels import read_labels
from smart_nets.scans.read import FILES
from smart_nets.scans.volume import Volume

logger = logging.getLogger(__name__)
_REMEDY = "name the region (region in a datalist, --tumour-region)"


def choose_region(path: str | Path, wanted: str | None, pattern: re.Pattern[str] | None = None) -> str | None:
    """The full name of a region in a mask's file; None where the file is a label map and no label is asked for.

    Args:
        path: RTSTRUCT, SEG or label map.
        wanted: its name, or the number of a label; upper and lower case are alike. None leaves it to the pattern.
        pattern: what names of tumours look like; without one, a file that holds several regions is refused.

    Raises:
        InputError: no region fits, or several do; the message has their names.
    """
    if not is_structure(path):
        if wanted is not None and not wanted.strip().isdigit():
            remedy = "name a label by its number"
            raise InputError(
                "is a label map", where=path, expected="the number of a label", found=wanted, remedy=remedy
            )
        return None if wanted is None else wanted.strip()
    names = region_names(path)
    if wanted is not None:
        exact = [name for name in names if name == wanted]
        fitting = exact or [name for name in names if name.strip().lower() == wanted.strip().lower()]
    else:
        fitting = [name for name in names if pattern is None or pattern.search(name)]
    return _only(fitting, names, path, wanted or (pattern.pattern if pattern else "one region"))


def pair_regions(region: Any, files: list[str], place: str) -> list[tuple[str, str | None]]:
    """File and region of each reader: one name for all files, one name each, or several of one file.

    Raises:
        InputError: as many names as files, or one file or name for all, is what there must be.
    """
    names = region if isinstance(region, list) else [region] * len(files)
    files = files * len(names) if len(files) == 1 else files
    sound = all(name is None or (isinstance(name, str | int) and str(name)) for name in names)
    if len(names) != len(files) or not names or not sound:
        wanted = '"region": name, or one name per reader'
        raise InputError("region is no name", where=place, expected=wanted, found=region, remedy="correct the entry")
    return [(file, None if name is None else str(name)) for file, name in zip(files, names, strict=True)]


def _only(fitting: Sequence[str], names: Sequence[str], path: str | Path, expected: str) -> str:
    if len(fitting) == 1:
        return fitting[0]
    what = f"holds {'several regions' if fitting else 'no such region'}"
    found = shorten(", ".join(fitting or names) or "none")
    raise InputError(what, where=path, expected=expected, found=found, remedy=_REMEDY)


def shorten(names: str, most: int = 200) -> str:
    """A list of names that leaves a message readable."""
    return names if len(names) <= most else names[:most] + " ..."


def is_structure(path: str | Path) -> bool:
    """Whether a mask's file is DICOM, whose regions have names."""
    return not Path(path).name.lower().endswith(FILES) and is_dicom(Path(path))


def read_regions(path: Path, wanted: set[str | None], scan: Volume) -> dict[str | None, np.ndarray]:
    """The masks (X, Y, Z) of one file by the names that were asked for, on the scan as it is given.

    Raises:
        InputError: the file is damaged, or holds no such region, or several and none is named.
        GeometryError: it does not fit the scan, or nothing of what was drawn can be used.
    """
    if not is_structure(path):
        return _read_labels(path, wanted, scan)
    full = {name: choose_region(path, name) for name in wanted}
    found = read_masks(path, scan, {name for name in full.values() if name is not None})
    return {name: _mask_of(found, str(chosen), path) for name, chosen in full.items()}


def _read_labels(path: Path, wanted: set[str | None], scan: Volume) -> dict[str | None, np.ndarray]:
    labels = read_labels(path, scan.to_ras())
    values = np.unique(labels[labels > 0])
    masks: dict[str | None, np.ndarray] = {}
    for name in wanted:
        number = None if name is None else int(str(choose_region(path, name)))
        if number is None and len(values) > 1:
            several, remedy = ", ".join(map(str, values[:5])), "keep the tumour's label only, or name it"
            raise InputError("holds several labels", where=path, expected="one", found=several, remedy=remedy)
        if number is not None and number not in values:
            there = ", ".join(map(str, values[:5])) or "none"
            raise InputError("holds no such label", where=path, expected=number, found=there, remedy=_REMEDY)
        masks[name] = np.zeros(scan.array.shape, bool)
        upright = replace(scan, array=masks[name]).to_ras()  # a view: what is written into it lands in the mask
        upright.array[...] = labels > 0 if number is None else labels == number
    return masks


def _mask_of(found: Masks, name: str, path: Path) -> np.ndarray:
    if name in found.unusable:
        what, remedy = "nothing of what was drawn can be used", "give the series it was drawn on, or draw it again"
        raise GeometryError(what, where=path, expected="closed contours", found=found.unusable[name], remedy=remedy)
    for note in found.notes:  # a name that somebody gave to a region may hold that of a patient
        if note.startswith(f"{name}: "):
            logger.warning("drawing of a tumour: %s", note.removeprefix(f"{name}: "))
    return found.masks[name]
