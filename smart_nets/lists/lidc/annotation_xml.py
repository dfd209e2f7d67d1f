"""Read the XML annotations that lie beside the series of LIDC-IDRI."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree
from pathlib import Path

import numpy as np

from smart_nets.errors import InputError
from smart_nets.lists.lidc.readings import Reading, reading_of


def read_lidc_xml(path: str | Path, to_ras: np.ndarray) -> list[Reading]:
    """All drawings of nodules of at least 3 mm; points (smaller nodules) and non-nodules carry no rating.

    Args:
        path: the annotation file.
        to_ras: affine (4, 4) to RAS mm from (column, row, z), as the file counts: pixels, and mm across slices.

    Raises:
        InputError: the file is missing or no LIDC annotation, a rating is not from 1 to 5, or a coordinate is missing.
    """
    try:
        root = ElementTree.parse(path).getroot()
    except (OSError, ElementTree.ParseError) as error:
        raise _no_xml(path, error) from error
    sessions = root.findall("{*}readingSession")
    if not sessions:
        found = root.tag.rpartition("}")[2]
        remedy = "give the XML that lies beside the series"
        raise InputError("is no LIDC annotation", where=path, expected="readingSession", found=found, remedy=remedy)
    readings = []
    for reader, session in enumerate(sessions, start=1):
        for nodule in session.findall("{*}unblindedReadNodule"):
            rois = [(_points(roi), roi.findtext("{*}inclusion", "TRUE").strip().upper() != "FALSE")
                    for roi in nodule.findall("{*}roi")]  # fmt: skip
            if sum(len(points) for points, _ in rois) > 1:
                name = nodule.findtext("{*}noduleID", "?")
                rating = (nodule.findtext("{*}characteristics/{*}malignancy") or "").strip()
                readings.append(reading_of(reader, name, rating, rois, to_ras, f"{path}, nodule {name}"))
    return readings


def _points(roi: ElementTree.Element) -> list[tuple[str | None, str | None, str | None]]:
    """Column, row and z in mm of each corner."""
    z = roi.findtext("{*}imageZposition")
    return [(edge.findtext("{*}xCoord"), edge.findtext("{*}yCoord"), z) for edge in roi.findall("{*}edgeMap")]


def xml_series(path: Path) -> str | None:
    """The SeriesInstanceUID that an XML annotates; None for what is no annotation of a CT (radiographs, other XML).

    Raises:
        InputError: the file is no XML up to there.
    """
    root = ""
    try:
        with path.open("rb") as file:
            for event, element in ElementTree.iterparse(file, events=("start", "end")):
                name = element.tag.rpartition("}")[2]
                root = root or name
                if root != "LidcReadMessage":
                    return None
                if event == "end" and name.lower() == "seriesinstanceuid":
                    return (element.text or "").strip() or None
    except (OSError, ElementTree.ParseError) as error:
        raise _no_xml(path, error) from error
    return None


def _no_xml(path: str | Path, error: Exception) -> InputError:
    return InputError("is no XML", where=path, expected="a LIDC annotation", found=error, remedy="download it again")
