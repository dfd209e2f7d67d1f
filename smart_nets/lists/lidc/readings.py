"""The readings of LIDC-IDRI: which drawings of up to four readers are of one nodule, and one label from their ratings."""

from __future__ import annotations

import statistics
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from smart_nets.errors import InputError
from smart_nets.settings import one_of

READERS = 4  # of each scan
LOWEST_REACH = 3.0  # mm; two drawings nearer than this are of one nodule, however small
RULES = ("median", "mean", "drop 3")


class Outline(NamedTuple):
    """One polygon of a drawing: corners (n, 3) as column, row and z in mm, and whether it encloses or cuts out."""

    corners: np.ndarray
    inclusion: bool


@dataclass(frozen=True)
class Reading:
    """One reader's drawing of one nodule.

    Attributes:
        reader: 1 to 4, or None where the source does not tell the readers apart.
        nodule: what this reader called it.
        malignancy: 1 to 5, or None where it was not rated.
        centre: middle of the drawing's bounding box, in RAS mm of the patient.
        reach: half the largest extent along an axis, in mm. Readers outlined just outside the nodule.
        outlines: the polygons themselves.
    """

    reader: int | None
    nodule: str
    malignancy: int | None
    centre: tuple[float, float, float]
    reach: float
    outlines: tuple[Outline, ...] = field(default=(), compare=False, repr=False)


def reading_of(
    reader: int | None,
    nodule: str,
    rating: str,
    rois: Sequence[tuple[Sequence[Sequence[object]], bool]],
    to_ras: np.ndarray,
    where: str,
) -> Reading:
    """The reading of one drawing: its rating, and its polygons as the source writes them.

    Args:
        rois: points (column, row, z mm) of each polygon, and whether it is one of inclusion.

    Raises:
        InputError: the rating is not from 1 to 5 or empty, or a coordinate is no number.
    """
    if rating not in ("", "1", "2", "3", "4", "5"):
        remedy = "download the annotation again"
        raise InputError(
            "rating is out of range", where=where, expected="malignancy from 1 to 5", found=rating, remedy=remedy
        )
    try:
        corners = [np.array(points, dtype=float).reshape(-1, 3) for points, _ in rois]
        places = np.concatenate(corners)
    except (TypeError, ValueError):
        corners, places = [], np.full((1, 3), np.nan)
    if places.ndim != 2 or places.shape[1] != 3 or not np.isfinite(places).all():
        remedy = "download the annotation again"
        raise InputError(
            "outline has a point that is no place", where=where, expected="column, row and z in mm", remedy=remedy
        )
    places = places @ to_ras[:3, :3].T + to_ras[:3, 3]  # (n, 3)
    low, high = places.min(axis=0), places.max(axis=0)
    x, y, z = ((low + high) / 2).tolist()
    outlines = tuple(Outline(one, inclusion) for one, (_, inclusion) in zip(corners, rois, strict=True))
    reach = float((high - low).max() / 2)
    return Reading(reader, nodule, int(rating) if rating else None, (x, y, z), reach, outlines)


def group_readings(readings: Sequence[Reading]) -> list[list[Reading]]:
    """The drawings of each nodule, the largest nodule first: those of different readers whose centres lie within the
    larger one's half extent. Where the readers are not told apart a nodule has at most four drawings.

    On all of LIDC-IDRI (6859 drawings without readers) this gives 2672 nodules; 2633 of them are the same as by the
    distance between outlines, which joins neighbours and so finds 2651, some with up to eight drawings.
    """
    groups: list[list[Reading]] = []
    for reading in sorted(readings, key=lambda one: -one.reach):
        for group in groups:
            near = np.linalg.norm(np.subtract(group[0].centre, reading.centre)) <= max(group[0].reach, LOWEST_REACH)
            if near and _may_join(reading, group):
                group.append(reading)
                break
        else:
            groups.append([reading])
    return groups


def _may_join(reading: Reading, group: Sequence[Reading]) -> bool:
    """Nobody draws a nodule twice, and there were four readers."""
    readers = {other.reader for other in group}
    return len(group) < READERS and (reading.reader is None or reading.reader not in readers)


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
    one_of("rule", rule, RULES)
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
