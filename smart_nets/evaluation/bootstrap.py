"""Intervals by drawing whole patients with replacement, all draws at once.

A draw is a row of weights: how often each lesion is in it. A statistic takes weights (r, n) and gives its value in each
of the r draws, so that numpy does the work.

Shares near 1 have skewed distributions. There the plain percentiles of the draws hold the truth too seldom, so that they
are corrected for bias and acceleration (BCa; Efron, Better bootstrap confidence intervals, J Am Stat Assoc 1987).
benchmarks/coverage.py measures both.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from scipy.special import ndtr, ndtri
from scipy.stats import t as student

from smart_nets.errors import ConfigError, InputError

Floats = NDArray[np.float64]
Statistics = Callable[[Floats], Mapping[str, Floats]]
BATCH = 250  # draws at once: of 10,000 lesions they take 20 MB
TAIL = 0.025  # an interval of 95 % leaves this on either side
Z = 1.959963984540054  # standard deviations of a normal distribution that leave as much


@dataclass(frozen=True)
class Interval:
    """A value with its 95 % interval; NaN where it is not defined, with the reason."""

    value: float
    low: float
    high: float
    why: str = ""

    def as_dict(self) -> dict[str, Any]:
        """For JSON: None instead of NaN; "why" only if there is something to say."""
        told: dict[str, Any] = {
            name: None if math.isnan(number) else float(number)
            for name, number in (("value", self.value), ("low", self.low), ("high", self.high))
        }
        return {**told, "why": self.why} if self.why else told


@dataclass(frozen=True)
class PatientBootstrap:
    """How to draw from n lesions: whole patients, within the folds.

    Patients who occur in several folds tie these together: such folds are drawn from as one, for all lesions of a
    patient go with the patient.

    Args:
        patients: (n,) names.
        folds: (n,) numbers; all lesions are of one fold if None.
        rounds: number of draws.
        seed: of the draws.

    Raises:
        ConfigError: fewer than 100 rounds.
        InputError: lengths differ, or there are fewer than two patients.
    """

    patients: NDArray[Any]
    folds: NDArray[Any] | None = None
    rounds: int = 2000
    seed: int = 0
    owner: NDArray[np.intp] = field(init=False)  # (n,) number of the patient
    strata: list[NDArray[np.intp]] = field(init=False)  # of the patients' numbers

    def __post_init__(self) -> None:
        if self.rounds < 100:
            raise ConfigError("are too few for an interval", where="rounds", expected="100 or more", found=self.rounds)
        names, owner = np.unique(np.asarray(self.patients), return_inverse=True)
        folds = np.zeros(len(owner)) if self.folds is None else np.asarray(self.folds)
        if len(folds) != len(owner):
            raise InputError("patients and folds differ in number", found=f"{len(owner)} and {len(folds)}")
        if len(names) < 2:
            raise InputError("an interval needs several patients", expected="2 or more", found=len(names))
        numbers, fold = np.unique(folds, return_inverse=True)
        size = len(names) + len(numbers)
        links = coo_array((np.ones(len(owner)), (owner, len(names) + fold)), shape=(size, size))
        count, part = connected_components(links, directed=False)
        object.__setattr__(self, "owner", owner)
        object.__setattr__(self, "strata", [np.flatnonzero(part[: len(names)] == i) for i in range(count)])

    @property
    def patient_count(self) -> int:
        return sum(map(len, self.strata))

    def draws(self) -> Iterator[Floats]:
        """Weights (r, n) until `rounds` draws are through; the same every time."""
        rng = np.random.default_rng(self.seed)
        for start in range(0, self.rounds, BATCH):
            counts = np.zeros((min(BATCH, self.rounds - start), self.patient_count))
            lines = np.arange(len(counts))[:, None]
            for stratum in self.strata:
                drawn = rng.integers(len(stratum), size=(len(counts), len(stratum)))
                flat = np.bincount((lines * len(stratum) + drawn).ravel(), minlength=len(counts) * len(stratum))
                counts[:, stratum] = flat.reshape(len(counts), len(stratum))  # (r * patients) -> (r, patients)
            yield counts[:, self.owner]

    def without_one(self) -> Iterator[Floats]:
        """Weights (r, n) that leave out one patient each, in the order of the patients' numbers."""
        for start in range(0, self.patient_count, BATCH):
            left_out = np.arange(start, min(start + BATCH, self.patient_count))
            yield (self.owner != left_out[:, None]).astype(np.float64)


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
        defined = draws[name][~np.isnan(draws[name])]
        count = (behind or {}).get(name, bootstrap.patient_count)
        freedom = count - len(bootstrap.strata)
        if math.isnan(value):
            found[name] = Interval(value, math.nan, math.nan, "not defined for these lesions")
        elif len(defined) < bootstrap.rounds / 2:
            why = f"not defined in {bootstrap.rounds - len(defined)} of {bootstrap.rounds} draws of patients"
            found[name] = Interval(value, math.nan, math.nan, why)
        elif freedom < 1:
            found[name] = Interval(value, math.nan, math.nan, "no more patients than folds to judge it by")
        elif value in (0.0, 1.0) and (defined == value).all():
            # draws from perfect answers are perfect, and say nothing of what is possible: the exact binomial limit for
            # as many right answers as patients does
            limit = TAIL ** (1 / count)
            found[name] = Interval(value, limit, 1.0) if value else Interval(value, 0.0, 1 - limit)
        else:
            reach = float(student.ppf(1 - TAIL, freedom)) * math.sqrt(count / freedom)
            if name in inflated:
                high, low = np.clip(2 * value - np.quantile(defined, ndtr([-reach, reach])), 0, 1)
            else:
                low, high = _bca(value, defined, _acceleration(jackknife[name], bootstrap.strata), reach)
            found[name] = Interval(value, min(float(low), value), max(float(high), value))
    return found


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
    """Skewness of the patients' influence, over strata (Davison and Hinkley 1997, section 5.4).

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
    bias = ndtri(np.clip(below, 0.5 / len(draws), 1 - 0.5 / len(draws)))
    shifted = bias + np.array([-reach, reach])
    skewed = np.minimum(
        acceleration * shifted, 0.9
    )  # at 1 the correction has no limit; it stays below but for few patients
    return np.quantile(draws, ndtr(bias + shifted / (1 - skewed)))
