"""Read the annotation files of LIDC-IDRI: which nodules up to four readers saw, and one label from their ratings."""

from __future__ import annotations

import statistics
import xml.etree.ElementTree as ElementTree
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from smart_nets.errors import ConfigError, InputError

LOWEST_REACH = 3.0  # mm; two drawings nearer than this are of one nodule, however small
RULES = ("median", "mean", "drop 3")


@dataclass(frozen=True)
class Reading:
    """One reader's drawing of one nodule: who, the malignancy from 1 to 5 or None, centre and half extent in LPS mm."""

    reader: int
    nodule: str
    malignancy: int | None
    centre: tuple[float, float, float]
    reach: float


def read_lidc_xml(path: str | Path, pixel_spacing: tuple[float, float]) -> list[Reading]:
    """All drawings of nodules of at least 3 mm; points (smaller nodules) and non-nodules carry no rating.

    Args:
        path: the annotation file.
        pixel_spacing: (x, y) in mm; the file counts pixels in a slice and millimetres across slices.

    Raises:
        InputError: the file is missing or no LIDC annotation, or a rating is not from 1 to 5.
    """
    try:
        root = ElementTree.parse(path).getroot()
    except (OSError, ElementTree.ParseError) as error:
        raise InputError(f"is no XML ({error})", where=path, expected="a LIDC annotation", found="unreadable content",
                         remedy="download it again") from error  # fmt: skip
    sessions = root.findall("{*}readingSession")
    if not sessions:
        found = root.tag.rpartition("}")[2]
        raise InputError("is no LIDC annotation", where=path, expected="readingSession", found=found,
                         remedy="give the XML that lies beside the series")  # fmt: skip
    readings = []
    for reader, session in enumerate(sessions, start=1):
        for nodule in session.findall("{*}unblindedReadNodule"):
            points = _points(nodule, pixel_spacing)
            if len(points) > 1:
                readings.append(_reading(nodule, reader, points, path))
    return readings


def _points(nodule: ElementTree.Element, spacing: tuple[float, float]) -> np.ndarray:
    """Outline points (n, 3) in mm."""
    points = [
        (
            float(edge.findtext("{*}xCoord", "nan")) * spacing[0],
            float(edge.findtext("{*}yCoord", "nan")) * spacing[1],
            float(roi.findtext("{*}imageZposition", "nan")),
        )
        for roi in nodule.findall("{*}roi")
        for edge in roi.findall("{*}edgeMap")
    ]
    return np.array(points).reshape(-1, 3)


def _reading(nodule: ElementTree.Element, reader: int, points: np.ndarray, path: str | Path) -> Reading:
    name, text = nodule.findtext("{*}noduleID", "?"), nodule.findtext("{*}characteristics/{*}malignancy")
    rating = None if text is None or not text.strip() else int(text) if text.strip().isdigit() else 0
    if rating is not None and not 1 <= rating <= 5:
        raise InputError("rating is out of range", where=f"{path}, nodule {name}", expected="malignancy from 1 to 5",
                         found=text, remedy="download the annotation again")  # fmt: skip
    low, high = points.min(axis=0), points.max(axis=0)
    x, y, z = ((low + high) / 2).tolist()
    return Reading(reader, name, rating, (x, y, z), float((high - low).max() / 2))


def group_readings(readings: Sequence[Reading]) -> list[list[Reading]]:
    """The drawings of each nodule: those of different readers whose centres lie within the larger one's half extent."""
    groups: list[list[Reading]] = []
    for reading in sorted(readings, key=lambda one: -one.reach):
        for group in groups:
            near = np.linalg.norm(np.subtract(group[0].centre, reading.centre)) <= max(group[0].reach, LOWEST_REACH)
            if near and reading.reader not in {other.reader for other in group}:
                group.append(reading)
                break
        else:
            groups.append([reading])
    return groups


def malignancy_label(
    ratings: Sequence[int | None], rule: str = "median", min_readers: int = 3
) -> tuple[int | None, str]:
    """1 malignant, 0 benign or None, with the reason for None.

    Ratings that a reader left out do not count. With fewer than `min_readers` ratings there is no label. "median": a
    median above 3 is malignant, so that the tie of 3 and 4 is; "mean": a mean above 3; "drop 3": as the median, but
    a median of exactly 3, indeterminate, gives no label.

    Raises:
        ConfigError: unknown rule.
    """
    if rule not in RULES:
        raise ConfigError("unknown rule", where="rule", expected=" or ".join(RULES), found=rule)
    given = [rating for rating in ratings if rating is not None]
    if not given:
        return None, "no rating"
    if len(given) < min_readers:
        return None, f"fewer than {min_readers} readers"
    middle = statistics.mean(given) if rule == "mean" else statistics.median(given)
    if rule == "drop 3" and middle == 3:
        return None, "indeterminate"
    return int(middle > 3), ""


def label_nodules(
    groups: Sequence[Sequence[Reading]], rule: str = "median", min_readers: int = 3
) -> tuple[list[tuple[int, Sequence[Reading]]], Counter[str]]:
    """(label, drawings) of each nodule that has a label, and how many have none, by reason. Arguments as above."""
    labelled, without = [], Counter[str]()
    for group in groups:
        label, reason = malignancy_label([reading.malignancy for reading in group], rule, min_readers)
        if label is None:
            without[reason] += 1
        else:
            labelled.append((label, group))
    return labelled, without
