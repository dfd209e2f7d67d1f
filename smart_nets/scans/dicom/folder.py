"""Find DICOM files and group them by series."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from smart_nets.errors import InputError

if TYPE_CHECKING:
    from pydicom import Dataset

INSTALL = "pip install pylibjpeg pylibjpeg-openjpeg pylibjpeg-libjpeg"
UNNAMED = "without SeriesInstanceUID"
# what pydicom raises on damaged files, beside exceptions of its own
BROKEN = (OSError, EOFError, ValueError, KeyError, AttributeError, TypeError, IndexError, NotImplementedError)


@dataclass
class DicomSeries:
    """One SeriesInstanceUID of a folder: what it shows, whose it is, and its files in order of their names."""

    modality: str
    patient: str
    files: list[Path] = field(default_factory=list)


def is_dicom(path: Path) -> bool:
    """Whether a file has DICOM's mark (the letters DICM at byte 128), or at least claims to by its name."""
    if path.name.upper() == "DICOMDIR" or not path.is_file():
        return False
    if path.suffix.lower() == ".dcm":
        return True
    with path.open("rb") as file:
        return file.read(132)[128:] == b"DICM"


@contextmanager
def damage_told(where: object) -> Iterator[None]:
    """Turn what pydicom raises on damaged tags, which it parses only when they are asked for, into an InputError."""
    try:
        from pydicom.errors import BytesLengthException, InvalidDicomError
    except ImportError as error:
        raise InputError("needs pydicom to be read", where=where, remedy="pip install pydicom") from error
    try:
        yield
    except InvalidDicomError as error:
        expected, found = "a DICOM header", "other content"
        raise InputError(
            "is no DICOM file",
            where=where,
            remedy="copy it again, or take it out of the folder",
            expected=expected,
            found=found,
        ) from error
    except (BytesLengthException, *BROKEN) as error:
        raise InputError(
            "is a damaged DICOM file", where=where, expected="readable tags", found=error, remedy="copy it again"
        ) from error


def read_file(path: Path, *, pixels: bool) -> Dataset:
    """One DICOM file, with or without its voxels.

    Raises:
        InputError: pydicom is not installed, or the file is no DICOM or damaged.
    """
    with damage_told(path):
        import pydicom

        dataset = pydicom.dcmread(path, stop_before_pixels=not pixels)
        for tag in ("ImageType", "Modality", "SeriesInstanceUID", "PatientID"):
            dataset.get(tag)
        return dataset


def list_series(folder: Path) -> dict[str, DicomSeries]:
    """SeriesInstanceUID -> series, for all DICOM files that lie in this folder (not below it).

    One damaged file makes the folder unusable: it cannot be known to which series it belonged.

    Raises:
        InputError: there is no DICOM file, or one is damaged.
    """
    files = sorted(path for path in folder.iterdir() if not path.name.startswith(".") and is_dicom(path))
    if not files:
        raise InputError(
            "holds no DICOM files", where=folder, expected="a series", found="none", remedy="give its folder"
        )
    groups: dict[str, DicomSeries] = {}
    for path in files:
        header = read_file(path, pixels=False)
        # files of which anonymisation took the UID count as one series; whether they fit is checked by their geometry
        uid = str(header.get("SeriesInstanceUID") or UNNAMED)
        series = groups.setdefault(uid, DicomSeries(str(header.get("Modality", "")), str(header.get("PatientID", ""))))
        series.files.append(path)
    return groups
