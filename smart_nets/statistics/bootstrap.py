"""Intervals by drawing whole patients with replacement, all draws at once.

A draw is a row of weights: how often each lesion is in it. A statistic takes weights (r, n) and gives its value in each
of the r draws, so that numpy does the work.

Shares near 1 have skewed distributions. There the plain percentiles of the draws hold the truth too seldom, so that they
are corrected for bias and acceleration (BCa; Efron, Better bootstrap confidence intervals, J Am Stat Assoc 1987).
benchmarks/interval_coverage.py measures both.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from smart_nets.optional import needed
from smart_nets.statistics.draws import Floats, PatientBootstrap

Statistics = Callable[[Floats], Mapping[str, Floats]]
TAIL = 0.025  # an interval of 95 % leaves this on either side
Z = 1.959963984540054  # standard deviations of a normal distribution that leave as much


@dataclass(frozen=True)
class Interval:
    """A value with its 95 % interval; NaN where it is not defined, with the reason, and draws that had to be left out."""

    value: float
    low: float
    high: float
    why: str = ""
    left_out: int = 0

    def as_dict(self) -> dict[str, Any]:
        """For JSON: None instead of NaN; "why" and "draws_left_out" only if there is something to say."""
        told: dict[str, Any] = {
            name: None if math.isnan(number) else float(number)
            for name, number in (("value", self.value), ("low", self.low), ("high", self.high))
        }
        remarks = {"why": self.why, "draws_left_out": self.left_out}
        return told | {name: remark for name, remark in remarks.items() if remark}


def intervals(
    statistics: Statistics,
    bootstrap: PatientBootstrap,
    behind: Mapping[str, int] | None = None,
    inflated: Collection[str] = (),
) -> dict[str, Interval]:
    """BCa intervals of statistics that lie in [0, 1].

    Draws vary less than samples of few patients do, and the spread is itself estimated. So the limits are moved out as
    Student's t does for a mean (Hesterberg, What teachers should know about the bootstrap, Am Stat 2015).

    Draws in which a statistic is not defined (NaN) are left out; if that is more than half, there is no interval.

    Args:
        statistics: weights (r, n) -> {name: (r,)}.
        behind: number of patients a statistic is made from, if not all.
        inflated: statistics that noise drives up, so that those of the draws lie above the value as the value lies above
            the truth. Their intervals mirror the draws at the value.
    """
    values = {name: float(value[0]) for name, value in statistics(np.ones((1, len(bootstrap.owner)))).items()}
    draws = _gathered(statistics, bootstrap.draws())
    jackknife = _gathered(statistics, bootstrap.without_one())
    found = {}
    for name, value in values.items():
        count = (behind or {}).get(name, bootstrap.patient_count)
        found[name] = _interval(value, draws[name], jackknife[name], count, bootstrap.strata, name in inflated)
    return found


def _interval(
    value: float, draws: Floats, jackknife: Floats, patients: int, strata: list[NDArray[np.intp]], inflated: bool
) -> Interval:
    defined = draws[~np.isnan(draws)]
    left_out, freedom = len(draws) - len(defined), patients - len(strata)
    if math.isnan(value):
        return Interval(value, math.nan, math.nan, "not defined for these lesions")
    if left_out > len(draws) / 2:
        return Interval(value, math.nan, math.nan, "not defined in most draws of patients", left_out)
    if freedom < 1:
        return Interval(value, math.nan, math.nan, "no more patients than folds to judge it by", left_out)
    if value in (0.0, 1.0) and (defined == value).all():
        # draws from perfect answers are perfect, and say nothing of what is possible; the exact binomial limit for as
        # many right answers as patients does
        limit = TAIL ** (1 / patients)
        low, high = (limit, 1.0) if value else (0.0, 1 - limit)
        return Interval(value, low, high, left_out=left_out)
    reach = float(needed("scipy.stats", "bootstrap").t.ppf(1 - TAIL, freedom)) * math.sqrt(patients / freedom)
    if inflated:
        ndtr = needed("scipy.special", "bootstrap").ndtr
        high, low = np.clip(2 * value - np.quantile(defined, ndtr([-reach, reach])), 0, 1)
    else:
        low, high = _bca(value, defined, _acceleration(jackknife, strata), reach)
    return Interval(value, min(float(low), value), max(float(high), value), left_out=left_out)


def bands(curves: Statistics, bootstrap: PatientBootstrap) -> dict[str, tuple[Floats, Floats, Floats]]:
    """Value, low and high (k,) of curves: weights (r, n) -> {name: (r, k)}. Percentiles of the draws, point by point.

    Draws in which a curve is not defined (NaN) are left out.
    """
    values = curves(np.ones((1, len(bootstrap.owner))))
    draws = _gathered(curves, bootstrap.draws())
    found = {}
    for name, value in values.items():
        defined = draws[name][~np.isnan(draws[name]).any(axis=1)]
        low, high = (
            np.quantile(defined, [TAIL, 1 - TAIL], axis=0) if len(defined) else np.full((2, *value[0].shape), np.nan)
        )
        found[name] = (value[0], low, high)
    return found


def bootstrap_interval(
    statistic: Callable[[NDArray[np.intp]], float],
    patients: Sequence[str] | NDArray[Any],
    rounds: int = 1000,
    seed: int = 0,
) -> tuple[float, float]:
    """Plain 95 % percentile interval of any statistic of row numbers, one draw of whole patients after the other.

    Rounds in which the statistic is not defined (NaN) are left out.
    """
    rows = np.arange(len(patients))
    batches = PatientBootstrap(np.asarray(patients), rounds=rounds, seed=seed).draws()
    found = [statistic(np.repeat(rows, weights.astype(int))) for batch in batches for weights in batch]
    low, high = np.percentile([value for value in found if not math.isnan(value)], [100 * TAIL, 100 * (1 - TAIL)])
    return float(low), float(high)


def _gathered(statistics: Statistics, batches: Iterator[Floats]) -> dict[str, Floats]:
    parts = [statistics(weights) for weights in batches]
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def _acceleration(jackknife: Floats, strata: list[NDArray[np.intp]]) -> float:
    """Skewness of the patients' influence, over strata (Davison and Hinkley, Bootstrap Methods and their Application, 1997).

    0, no correction, if the statistic is not defined without one of the patients.
    """
    third = second = 0.0
    for stratum in strata:
        influence = (len(stratum) - 1) * (jackknife[stratum].mean() - jackknife[stratum])
        third += float((influence**3).sum()) / len(stratum) ** 3
        second += float((influence**2).sum()) / len(stratum) ** 2
    return third / (6 * second**1.5) if second > 0 else 0.0


def _bca(value: float, draws: Floats, acceleration: float, reach: float) -> Floats:
    """Low and high (2,): the percentiles of the draws that are right after correction."""
    below = ((draws < value).mean() + (draws <= value).mean()) / 2
    special = needed("scipy.special", "bootstrap")
    bias = special.ndtri(np.clip(below, 0.5 / len(draws), 1 - 0.5 / len(draws)))
    shifted = bias + np.array([-reach, reach])
    skewed = np.minimum(acceleration * shifted, 0.9)  # the correction has no limit at 1, where few patients may lead it
    return np.quantile(draws, special.ndtr(bias + shifted / (1 - skewed)))
