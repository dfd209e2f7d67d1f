"""What must be true before a DICOM SEG is written: a mask, names that DICOM holds, a target, slices that can be referred to."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from smart_nets.errors import InputError
from smart_nets.files import check_output

if TYPE_CHECKING:
    from pydicom import Dataset

LONGEST = 64  # characters of a name in DICOM (value representation LO)
NEEDED = ("SOPClassUID", "SOPInstanceUID", "StudyInstanceUID", "SeriesInstanceUID", "FrameOfReferenceUID")


def check_mask(mask: np.ndarray) -> None:
    if mask.dtype != bool or mask.ndim != 3:
        remedy = "compare it with a threshold first"
        raise InputError(
            "is no mask", where="mask", expected="bool (X, Y, Z)", found=f"{mask.dtype} {mask.shape}", remedy=remedy
        )
    if not mask.any():
        expected = "at least one voxel"
        raise InputError(
            "mask is empty", where="mask", remedy="write no SEG: one without frames is not valid", expected=expected
        )


def check_texts(names: dict[str, str]) -> None:
    """Raise InputError for text that the character set of some series could not hold."""
    for name, text in names.items():
        if not (text.strip() and len(text) <= LONGEST and text.isascii() and text.isprintable() and "\\" not in text):
            expected = f"1 to {LONGEST} ASCII characters without backslash"
            raise InputError("cannot stand in a DICOM file", where=name, expected=expected, found=repr(text))


def check_paths(folder: Path, target: Path) -> None:
    if folder.is_file():
        expected = "the folder of a series"
        raise InputError(
            "is no DICOM series",
            where=folder,
            found="a file",
            remedy="write a NIfTI mask, or give the folder",
            expected=expected,
        )
    if target.suffix.lower() != ".dcm" or target.is_dir():
        found = "a folder" if target.is_dir() else target.suffix or "no ending"
        remedy = "give another target"
        raise InputError(
            "is no name for a DICOM file", where=target, expected="a file ending in .dcm", found=found, remedy=remedy
        )
    check_output(target.parent)


def check_slices(slices: list[Dataset], where: str, target: Path) -> None:
    """Raise InputError unless each slice can be referred to, and none would be overwritten."""
    missing = [tag for tag in NEEDED if any(not header.get(tag) for header in slices)]
    if missing:
        what, remedy = "lost the identifiers that a SEG refers to", "export the series again with them"
        expected, found = ", ".join(NEEDED), f"no {', '.join(missing)}"
        raise InputError(what, where=where, expected=expected, found=found, remedy=remedy)
    if len({str(header.SOPInstanceUID) for header in slices}) < len(slices):
        expected = "one each"
        raise InputError(
            "slices share a SOPInstanceUID", where=where, remedy="export the series again", expected=expected
        )
    if target.resolve() in {Path(str(header.filename)).resolve() for header in slices}:
        raise InputError("is a slice of the series", where=target, remedy="give another target")
