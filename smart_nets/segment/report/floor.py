"""How a report tells of the floor of place alone."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from smart_nets.pages.measures import measure_of
from smart_nets.pages.words import CLEAR

MEANING = (
    "Place alone: what most training cases show at the same share of a scan's length, width and height, without a look at "
    "the image."
)


def place_notes(metrics: Mapping[str, Any]) -> list[str]:
    """A sentence if the network is not shown to be better than the floor."""
    told = metrics.get("place")
    if not told:
        return []
    floor, gap = measure_of(told["mean_dice"]), measure_of(told["difference"])
    p = told["difference"]["p"]
    if gap.known and gap.low > 0 and p is not None and p < CLEAR:
        return []
    few = "; too few patients for a test" if p is None else ""
    told_gap = f": the difference is {gap.text()}{few}" if gap.interval() else ": too few patients to tell"
    value = floor.number()
    known = f"Knowing only where in a scan things lie gives a mean Dice of {value}"
    return [f"{known}, and this network is not shown to be better{told_gap}."]


def place_cell(metrics: Mapping[str, Any], name: str) -> list[tuple[str, str]]:
    """The cell of a name in the table of all numbers, none without a floor."""
    if "place" not in metrics:
        return []
    one = measure_of(metrics["place"]["classes"][name])
    return [(one.number(), one.interval())]
