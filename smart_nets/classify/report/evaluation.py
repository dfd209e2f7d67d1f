"""The numbers of an evaluated classifier as metrics.json holds them.

A number that could not be computed is NaN here, with its reason where the file gives one.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from smart_nets.pages.measures import Array, Measure, column_of, measures_of


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


def read_results(content: Mapping[str, Any]) -> Results:
    """The content of metrics.json as Results; every part but the number of cases may be missing.

    Raises:
        what taking apart another content raises, see `pages.record.record_of`.
    """
    operating, curves, calibration, matched = (
        content.get(name) or {} for name in ("operating_point", "curves", "calibration", "size_matched")
    )
    span = matched.get("range_mm")
    return Results(
        cases=int(content["cases"]),
        patients=int(content["patients"]),
        positives=int(content["positives"]),
        folds=tuple(map(int, content.get("folds") or ())),
        metrics=measures_of(content.get("metrics") or {}),
        operating=measures_of(operating, ("threshold", "sensitivity", "specificity", "precision")),
        rule=str(operating.get("rule", "")),
        roc=read_curve(curves.get("roc"), "fpr", "tpr"),
        pr=read_curve(curves.get("pr"), "recall", "precision"),
        bins=_bins(calibration.get("bins")),
        fit=measures_of(calibration, ("slope", "intercept")),
        size=measures_of(content.get("size_only") or {}, ("auc", "average_precision", "delong_p", "cases")),
        matched=measures_of(matched, ("auc", "average_precision", "size_only_auc", "cases", "positives")),
        matched_range=None if span is None else (float(span[0]), float(span[1])),
    )


def read_curve(table: Mapping[str, Any] | None, x: str, y: str) -> Curve | None:
    """A curve from its table, None if there is none; low and high may be missing. Errors as of `read_results`."""
    if not table or x not in table or y not in table:
        return None
    unknown = [None] * len(table[x])
    return Curve(*np.stack([column_of(table.get(name, unknown)) for name in (x, y, "low", "high")]))


def _bins(bins: list[Mapping[str, Any]] | None) -> dict[str, Array]:
    names = ("mean", "share", "low", "high", "count")
    columns = {name: column_of(one[name] for one in bins or ()) for name in names}
    full = np.isfinite(columns["mean"]) & np.isfinite(columns["share"])  # a bin without cases has no mean
    return {name: column[full] for name, column in columns.items()} if full.any() else {}
