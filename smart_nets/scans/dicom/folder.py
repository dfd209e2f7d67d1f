"""Find DICOM files and group them by series."""

from __future__ import annotations

import os
import struct
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from smart_nets.errors import InputError, SmartError
from smart_nets.files import is_litter
from smart_nets.scans.dicom.companions import CT_IMAGES, companion_kind, sop_class
from smart_nets.scans.dicom.geometry import SliceBox, slice_box

if TYPE_CHECKING:
    from pydicom import Dataset
    from pydicom.uid import UID

INSTALL = "pip install pylibjpeg pylibjpeg-openjpeg pylibjpeg-libjpeg"
UNNAMED = "without SeriesInstanceUID"
# what pydicom raises on damaged files, beside exceptions of its own
BROKEN = (OSError, EOFError, ValueError, KeyError, AttributeError, TypeError, IndexError, NotImplementedError)
_APPLE = b"\x00\x05\x16\x07"  # a resource fork, which zips of a Mac hold beside each file
_GROUPS = (2, 8)  # of the first tag of files without preamble
_LONGEST_SAID = 200  # characters of what a library says about a file


@dataclass
class DicomSeries:
    """One SeriesInstanceUID of a folder: what it shows, whose it is, and its files in order of their names.

    `kind` says what it is where it is no scan (`companion_kind`); `instances` are the SOPInstanceUIDs;
    `boxes` tells where the slices lie, of those whose headers do.
    """

    modality: str
    patient: str
    files: list[Path] = field(default_factory=list)
    study: str = ""
    kinds: Counter[str] = field(default_factory=Counter)
    instances: set[str] = field(default_factory=set)
    boxes: list[SliceBox] = field(default_factory=list)

    @property
    def kind(self) -> str:
        """Empty where any file is a slice, else what most of the files are."""
        return "" if self.kinds[""] or not self.kinds else self.kinds.most_common(1)[0][0]


def is_dicom(path: Path) -> bool:
    """Whether a file is DICOM by its mark (the letters DICM at byte 128), by its name, or by beginning with DICOM tags."""
    if path.name.upper() == "DICOMDIR" or not path.is_file():
        return False
    with path.open("rb") as file:
        head = file.read(512)
    if head.startswith(_APPLE):
        return False
    return path.suffix.lower() == ".dcm" or head[128:132] == b"DICM" or _begins_with_tags(head)


def _begins_with_tags(head: bytes) -> bool:
    """Whether bytes are two DICOM tags in ascending order, as where a file has no preamble."""
    for order in "<>":
        tags: list[tuple[int, int]] = []
        place = 0
        while len(tags) < 2 and place + 8 <= len(head):
            group, element, length = struct.unpack_from(order + "HHI", head, place)
            if head[place + 4 : place + 6].isalpha() and head[place + 4 : place + 6].isupper():
                length = struct.unpack_from(order + "H", head, place + 6)[0]
            tags.append((group, element))
            place += 8 + length
        if len(tags) == 2 and tags[0][0] in _GROUPS and tags[0] < tags[1] and tags[1][0] <= 0x20:
            return True
    return False


@contextmanager
def damage_told(where: object) -> Iterator[None]:
    """Turn what pydicom raises on damaged tags, which it parses only when they are asked for, into an InputError.

    Whatever it is, one file's fault must not end the check of a folder; only a want of memory passes.
    """
    try:
        import pydicom  # noqa: F401
    except ImportError as error:
        raise InputError("needs pydicom to be read", where=where, remedy="pip install pydicom") from error
    try:
        yield
    except (SmartError, MemoryError):
        raise
    except Exception as error:  # pydicom has dozens, some of them of the standard library
        what, found = "has DICOM tags that cannot be read", said(error)
        remedy = "export the series again, or leave this file out"
        raise InputError(what, where=where, expected="readable tags", found=found, remedy=remedy) from error


def said(error: BaseException) -> str:
    """The first line of what a library says, short enough for a message."""
    text = (str(error).strip().splitlines() or [""])[0] or type(error).__name__
    return text if len(text) <= _LONGEST_SAID else text[:_LONGEST_SAID] + " ..."


def read_file(path: Path, *, pixels: bool) -> Dataset:
    """One DICOM file, with or without its voxels, with a transfer syntax even if the file names none.

    Files without preamble, file meta information or transfer syntax are read as pydicom finds them to be written.

    Raises:
        InputError: pydicom is not installed, the file cannot be read, or it lacks the tags that say what it is.
    """
    with damage_told(path):
        import pydicom

        dataset = pydicom.dcmread(path, stop_before_pixels=not pixels, force=True)
        if sop_class(dataset) in CT_IMAGES and not dataset.get("Modality"):
            dataset.Modality = "CT"
        for tag in ("ImageType", "Modality", "SeriesInstanceUID", "PatientID"):
            dataset.get(tag)
        if not dataset.get("Modality") and not sop_class(dataset):
            what, found = "is no DICOM file: it lacks SOPClassUID and Modality", f"{len(dataset)} other tags"
            remedy = "export the series again, or take this file out of the folder"
            raise InputError(what, where=path, expected="tags that say what it is", found=found, remedy=remedy)
        if not dataset.file_meta.get("TransferSyntaxUID"):
            dataset.file_meta.TransferSyntaxUID = _uncompressed(dataset)
        return dataset


def _uncompressed(dataset: Dataset) -> UID:
    """The transfer syntax that pydicom found a file to be written in, which it keeps apart from the file's own words."""
    from pydicom.uid import ExplicitVRBigEndian, ExplicitVRLittleEndian, ImplicitVRLittleEndian

    implicit, little = dataset.original_encoding
    if implicit:
        return ImplicitVRLittleEndian
    return ExplicitVRBigEndian if little is False else ExplicitVRLittleEndian


def list_series(
    folder: Path, below: bool = False, damaged: dict[Path, SmartError] | None = None
) -> dict[str, DicomSeries]:
    """SeriesInstanceUID -> series, for all DICOM files that lie in this folder, and below it where that is asked for.

    Args:
        folder: where to look.
        below: whether to look into its folders, too.
        damaged: gets the files that cannot be read, with the reason; without it, one makes the folder unusable.

    Raises:
        InputError: there is no DICOM file, or one is damaged.
    """
    files = list(_files(folder, below))
    if not files:
        raise InputError(
            "holds no DICOM files", where=folder, expected="a series", found="none", remedy="give its folder"
        )
    groups: dict[str, DicomSeries] = {}
    for path in files:
        try:
            header = read_file(path, pixels=False)
        except SmartError as error:
            if damaged is None:
                raise
            damaged[path] = error
            continue
        with damage_told(path):
            kind = companion_kind(header)
            if kind == "index":
                continue
            # files of which anonymisation took the UID count as one series; whether they fit is checked by their geometry
            uid = str(header.get("SeriesInstanceUID") or UNNAMED)
            about = [str(header.get(tag) or "") for tag in ("Modality", "PatientID", "StudyInstanceUID")]
            series = groups.setdefault(uid, DicomSeries(about[0], about[1], study=about[2]))
            series.files.append(path)
            series.kinds[kind] += 1
            series.instances.add(str(header.get("SOPInstanceUID") or path))
            if not kind and (box := slice_box(header)) is not None:
                series.boxes.append(box)
    return groups


def _files(folder: Path, below: bool) -> Iterator[Path]:
    """The DICOM files of a folder in order of their names, those of its subfolders after them."""

    def closed(error: OSError) -> None:
        raise error

    for root, folders, names in os.walk(folder, onerror=closed):
        folders[:] = sorted(name for name in folders if below and not is_litter(name))
        paths = [Path(root) / name for name in sorted(names) if not is_litter(name)]
        yield from (path for path in paths if is_dicom(path))
