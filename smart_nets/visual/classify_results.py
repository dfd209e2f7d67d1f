"""The numbers of an evaluated classifier as metrics.json holds them, checked once so that no page stumbles later.

A number that could not be computed is NaN here, with its reason where the file gives one.
"""

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


@dataclass(frozen=True)
class Curve:
    """Points x, y of shape (n,) and the band low to high around y, which is NaN where it is not known."""

    x: Array
    y: Array
    low: Array
    high: Array


@dataclass(frozen=True)
class Results:
    """What one evaluation found.

    Attributes:
        folds: numbers of those tested, () if not recorded.
        metrics: name ("auc", "precision") -> Measure.
        operating: "threshold", "sensitivity", "specificity", "precision" -> Measure; {} if none was chosen.
        rule: how the operating point was chosen.
        bins: name ("mean", "share", "low", "high", "count") -> (k,); {} if there is no calibration.
        fit: "slope", "intercept" of the calibration -> Measure.
        size: of lesion size alone: "auc", "average_precision", "delong_p", "cases"; {} if no size is known.
        matched: among lesions of like size: "auc", "average_precision", "size_only_auc", "cases", "positives".
        matched_range: of sizes in mm, or None.
    """

    cases: int
    patients: int
    positives: int
    folds: tuple[int, ...]
    metrics: dict[str, Measure]
    operating: dict[str, Measure]
    rule: str
    roc: Curve | None
    pr: Curve | None
    bins: dict[str, Array]
    fit: dict[str, Measure]
    size: dict[str, Measure]
    matched: dict[str, Measure]
    matched_range: tuple[float, float] | None

    def measure(self, name: str) -> Measure:
        return self.metrics.get(name, Measure())


def read_results(content: Any, where: Path) -> Results:
    """The content of metrics.json as Results; every part but the number of cases may be missing.

    Raises:
        InputError: a part has another form than an evaluation writes.
    """
    if not isinstance(content, Mapping):
        raise InputError("holds no evaluation", where=where, expected="a JSON object", found=type(content).__name__)
    operating = _table(content.get("operating_point"), "operating_point", where)
    curves = _table(content.get("curves"), "curves", where)
    calibration = _table(content.get("calibration"), "calibration", where)
    matched = _table(content.get("size_matched"), "size_matched", where)
    return Results(
        cases=_count(content, "cases", where),
        patients=_count(content, "patients", where),
        positives=_count(content, "positives", where),
        folds=read_folds(content.get("folds"), where),
        metrics=_measures(_table(content.get("metrics"), "metrics", where), where),
        operating=_measures(operating, where, ("threshold", "sensitivity", "specificity", "precision")),
        rule=str(operating.get("rule", "")),
        roc=read_curve(curves.get("roc"), "fpr", "tpr", where),
        pr=read_curve(curves.get("pr"), "recall", "precision", where),
        bins=_bins(calibration.get("bins"), where),
        fit=_measures(calibration, where, ("slope", "intercept")),
        size=_measures(
            _table(content.get("size_only"), "size_only", where),
            where,
            ("auc", "average_precision", "delong_p", "cases"),
        ),
        matched=_measures(matched, where, ("auc", "average_precision", "size_only_auc", "cases", "positives")),
        matched_range=_range(matched.get("range_mm"), where),
    )


def read_curve(value: Any, x: str, y: str, where: Path) -> Curve | None:
    """A curve from its table, None if there is none; low and high may be missing.

    Raises:
        InputError: it is no table, or its columns are not numbers or of unlike length.
    """
    table = _table(value, f"curve {y}", where)
    if x not in table or y not in table:
        return None
    columns = [_column(table.get(name), name, where) for name in (x, y)]
    columns += [_column(table.get(name, [None] * len(columns[0])), name, where) for name in ("low", "high")]
    if len({len(column) for column in columns}) > 1:
        raise InputError(f"curve {y} has columns of unlike length", where=where, found=[len(c) for c in columns])
    return Curve(*columns)


def read_folds(value: Any, where: Path) -> tuple[int, ...]:
    """Fold numbers, () if there are none; InputError if they are not numbers."""
    found = np.array([], dtype=np.float64) if value is None else _column(value, "folds", where)
    return tuple(int(fold) for fold in found[np.isfinite(found)])


def measure(value: Any, name: str, where: Path) -> Measure:
    """A number, null, or a table of value, low and high as a Measure; InputError for anything else."""
    if not isinstance(value, Mapping):
        return Measure(_number(value, name, where))
    number, low, high = (_number(value.get(part), f"{name} {part}", where) for part in ("value", "low", "high"))
    return Measure(number, low, high, str(value.get("why") or ""))


def _measures(table: Mapping[str, Any], where: Path, names: tuple[str, ...] | None = None) -> dict[str, Measure]:
    """The table's measures; one without a number gets the table's reason if it has none of its own."""
    found = {name: measure(table[name], name, where) for name in names or table if name in table}
    why = str(table.get("why") or "")
    return {name: one if one.known or one.why else replace(one, why=why) for name, one in found.items()}


def _bins(value: Any, where: Path) -> dict[str, Array]:
    if not value:
        return {}
    names = ("mean", "share", "low", "high", "count")
    if not isinstance(value, list) or not all(isinstance(entry, Mapping) for entry in value):
        raise InputError("calibration bins are not a list of tables", where=where, found=value)
    columns = {name: _column([entry.get(name) for entry in value], f"bin {name}", where) for name in names}
    full = np.isfinite(columns["mean"]) & np.isfinite(columns["share"])  # a bin without cases has no mean
    return {name: column[full] for name, column in columns.items()} if full.any() else {}


def _range(value: Any, where: Path) -> tuple[float, float] | None:
    if value is None:
        return None
    ends = _column(value, "range_mm", where)
    if len(ends) != 2:
        raise InputError("range_mm is no range", where=where, expected="[low, high] in mm", found=value)
    return float(ends[0]), float(ends[1])


def _count(content: Mapping[str, Any], name: str, where: Path) -> int:
    found = _number(content.get(name), name, where)
    if not math.isfinite(found):
        raise InputError(f"has no number of {name}", where=where, remedy="evaluate the run again")
    return int(found)


def _table(value: Any, name: str, where: Path) -> Mapping[str, Any]:
    if value is None:
        return {}
    if not isinstance(value, Mapping):
        raise InputError(f"{name} is not a table", where=where, expected="a JSON object", found=value)
    return value


def _column(value: Any, name: str, where: Path) -> Array:
    if not isinstance(value, list):
        raise InputError(f"{name} is not a list of numbers", where=where, found=value)
    return np.array([_number(entry, name, where) for entry in value], dtype=np.float64)


def _number(value: Any, name: str, where: Path) -> float:
    if value is None:
        return math.nan
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise InputError(f"{name} is not a number", where=where, found=value, remedy="evaluate the run again")
    return float(value) if math.isfinite(value) else math.nan


def _text(value: float, percent: bool) -> str:
    return (f"{value:.1%}" if percent else f"{value:.3f}").replace("-", "−")
