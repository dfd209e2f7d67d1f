"""The numbers of an evaluated classifier as metrics.json holds them, checked once so that no page stumbles later.

A number that could not be computed is NaN here, with its reason where the file gives one.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from smart_nets.errors import InputError
from smart_nets.pages.measures import Array, Measure, column_of, count_of, measures_of, range_of, table_of


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
    operating = table_of(content.get("operating_point"), "operating_point", where)
    curves = table_of(content.get("curves"), "curves", where)
    calibration = table_of(content.get("calibration"), "calibration", where)
    matched = table_of(content.get("size_matched"), "size_matched", where)
    return Results(
        cases=count_of(content, "cases", where),
        patients=count_of(content, "patients", where),
        positives=count_of(content, "positives", where),
        folds=read_folds(content.get("folds"), where),
        metrics=measures_of(table_of(content.get("metrics"), "metrics", where), where),
        operating=measures_of(operating, where, ("threshold", "sensitivity", "specificity", "precision")),
        rule=str(operating.get("rule", "")),
        roc=read_curve(curves.get("roc"), "fpr", "tpr", where),
        pr=read_curve(curves.get("pr"), "recall", "precision", where),
        bins=_bins(calibration.get("bins"), where),
        fit=measures_of(calibration, where, ("slope", "intercept")),
        size=measures_of(
            table_of(content.get("size_only"), "size_only", where),
            where,
            ("auc", "average_precision", "delong_p", "cases"),
        ),
        matched=measures_of(matched, where, ("auc", "average_precision", "size_only_auc", "cases", "positives")),
        matched_range=range_of(matched.get("range_mm"), where),
    )


def read_curve(value: Any, x: str, y: str, where: Path) -> Curve | None:
    """A curve from its table, None if there is none; low and high may be missing.

    Raises:
        InputError: it is no table, or its columns are not numbers or of unlike length.
    """
    table = table_of(value, f"curve {y}", where)
    if x not in table or y not in table:
        return None
    columns = [column_of(table.get(name), name, where) for name in (x, y)]
    columns += [column_of(table.get(name, [None] * len(columns[0])), name, where) for name in ("low", "high")]
    if len({len(column) for column in columns}) > 1:
        raise InputError(f"curve {y} has columns of unlike length", where=where, found=[len(c) for c in columns])
    return Curve(*columns)


def read_folds(value: Any, where: Path) -> tuple[int, ...]:
    """Fold numbers, () if there are none; InputError if they are not numbers."""
    found = np.array([], dtype=np.float64) if value is None else column_of(value, "folds", where)
    return tuple(int(fold) for fold in found[np.isfinite(found)])


def _bins(value: Any, where: Path) -> dict[str, Array]:
    if not value:
        return {}
    names = ("mean", "share", "low", "high", "count")
    if not isinstance(value, list) or not all(isinstance(entry, Mapping) for entry in value):
        raise InputError("calibration bins are not a list of tables", where=where, found=value)
    columns = {name: column_of([entry.get(name) for entry in value], f"bin {name}", where) for name in names}
    full = np.isfinite(columns["mean"]) & np.isfinite(columns["share"])  # a bin without cases has no mean
    return {name: column[full] for name, column in columns.items()} if full.any() else {}
