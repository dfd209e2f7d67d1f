"""Numbers with their intervals as the JSON files of evaluations hold them; what could not be computed is NaN, and why."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

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


def measure_of(value: Any) -> Measure:
    """A number, null, or a table of value, low, high and why as a Measure; TypeError or ValueError for anything else."""
    if not isinstance(value, Mapping):
        return Measure(_number(value))
    number, low, high = (_number(value.get(part)) for part in ("value", "low", "high"))
    return Measure(number, low, high, str(value.get("why") or ""))


def measures_of(table: Mapping[str, Any], names: tuple[str, ...] | None = None) -> dict[str, Measure]:
    """The table's measures; one without a number gets the table's reason if it has none of its own."""
    found = {name: measure_of(table[name]) for name in names or table if name in table}
    why = str(table.get("why") or "")
    return {name: one if one.known or one.why else replace(one, why=why) for name, one in found.items()}


def column_of(values: Iterable[Any]) -> Array:
    """Numbers (n,), NaN for null; TypeError or ValueError for anything else."""
    return np.array([_number(value) for value in values], dtype=np.float64)


def _number(value: Any) -> float:
    number = math.nan if value is None else float(value)
    return number if math.isfinite(number) else math.nan


def _text(value: float, percent: bool) -> str:
    return (f"{value:.1%}" if percent else f"{value:.3f}").replace("-", "−")
