"""Numbers with their intervals as the JSON files of evaluations hold them; what could not be computed is NaN, and why."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from smart_nets.errors import InputError

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Measure:
    """A number with its 95 % interval; NaN where there is none, and why."""

    value: float = math.nan
    low: float = math.nan
    high: float = math.nan
    why: str = ""

    @property
    def known(self) -> bool:
        return math.isfinite(self.value)

    def text(self, percent: bool = False) -> str:
        """ "0.873 (0.820–0.912)", or the reason why there is no number."""
        if not self.known:
            return f"no number ({self.why})" if self.why else "no number"
        interval = self.interval(percent)
        return self.number(percent) + (f" ({interval})" if interval else "")

    def number(self, percent: bool = False) -> str:
        """ "0.873", "87.3%" or "no number"."""
        return _text(self.value, percent) if self.known else "no number"

    def interval(self, percent: bool = False) -> str:
        """ "0.820–0.912", "−0.010 to 0.035", or nothing."""
        if not (math.isfinite(self.low) and math.isfinite(self.high)):
            return ""
        between = " to " if self.low < 0 else "–"
        return _text(self.low, percent) + between + _text(self.high, percent)


def measure(value: Any, name: str, where: Path) -> Measure:
    """A number, null, or a table of value, low and high as a Measure; InputError for anything else."""
    if not isinstance(value, Mapping):
        return Measure(number_of(value, name, where))
    number, low, high = (number_of(value.get(part), f"{name} {part}", where) for part in ("value", "low", "high"))
    return Measure(number, low, high, str(value.get("why") or ""))


def measures_of(table: Mapping[str, Any], where: Path, names: tuple[str, ...] | None = None) -> dict[str, Measure]:
    """The table's measures; one without a number gets the table's reason if it has none of its own."""
    found = {name: measure(table[name], name, where) for name in names or table if name in table}
    why = str(table.get("why") or "")
    return {name: one if one.known or one.why else replace(one, why=why) for name, one in found.items()}


def range_of(value: Any, where: Path) -> tuple[float, float] | None:
    if value is None:
        return None
    ends = column_of(value, "range_mm", where)
    if len(ends) != 2:
        raise InputError("range_mm is no range", where=where, expected="[low, high] in mm", found=value)
    return float(ends[0]), float(ends[1])


def count_of(content: Mapping[str, Any], name: str, where: Path) -> int:
    found = number_of(content.get(name), name, where)
    if not math.isfinite(found):
        raise InputError(f"has no number of {name}", where=where, remedy="evaluate the run again")
    return int(found)


def table_of(value: Any, name: str, where: Path) -> Mapping[str, Any]:
    if value is None:
        return {}
    if not isinstance(value, Mapping):
        raise InputError(f"{name} is not a table", where=where, expected="a JSON object", found=value)
    return value


def column_of(value: Any, name: str, where: Path) -> Array:
    if not isinstance(value, list):
        raise InputError(f"{name} is not a list of numbers", where=where, found=value)
    return np.array([number_of(entry, name, where) for entry in value], dtype=np.float64)


def number_of(value: Any, name: str, where: Path) -> float:
    if value is None:
        return math.nan
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise InputError(f"{name} is not a number", where=where, found=value, remedy="evaluate the run again")
    return float(value) if math.isfinite(value) else math.nan


def _text(value: float, percent: bool) -> str:
    return (f"{value:.1%}" if percent else f"{value:.3f}").replace("-", "−")
