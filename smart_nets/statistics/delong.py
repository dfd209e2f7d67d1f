"""Is one AUC better than another on the same lesions? The test of DeLong, also for patients with several lesions."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from smart_nets.errors import InputError
from smart_nets.optional import needed
from smart_nets.statistics.bootstrap import Z
from smart_nets.statistics.draws import Floats, independent_strata
from smart_nets.statistics.metrics import check_both_classes


def delong(
    labels: Sequence[int] | NDArray[Any],
    scores_a: Sequence[float] | NDArray[Any],
    scores_b: Sequence[float] | NDArray[Any],
    patients: Sequence[str] | NDArray[Any] | None = None,
    folds: Sequence[int] | NDArray[Any] | None = None,
) -> dict[str, Any]:
    """Difference of two AUCs on the same n lesions, its 95 % interval and two-sided p.

    With one lesion per patient this is the test of DeLong et al. (Biometrics 1988), by the midranks of Sun and Xu (IEEE
    Signal Process. Lett. 2014). Lesions of a patient go together: then it is the clustered form of Obuchowski (Biometrics
    1997). Over folds the AUC is the mean of the folds' AUCs, for scores of different models cannot be compared; folds
    without a patient in common are independent. With few patients the interval is a little narrow
    (benchmarks/interval_coverage.py).

    Args:
        labels: (n,) 0 or 1.
        scores_a, scores_b: (n,) higher means rather 1.
        patients: (n,) names; every lesion is a patient of its own if None.
        folds: (n,) numbers; all lesions are of one fold if None.

    Returns:
        {"auc_a", "auc_b", "difference", "low", "high", "p"}; the last three are None, with "why", where the variance is
        0 and says nothing: both scores are perfect, perfectly wrong or constant, but not alike.

    Raises:
        InputError: lengths differ, a score is not finite, a label is not 0 or 1, a fold lacks a class, or a class
            has less than two patients in a fold.
    """
    y, a, b = np.asarray(labels), np.asarray(scores_a, dtype=np.float64), np.asarray(scores_b, dtype=np.float64)
    owner = np.arange(len(y)) if patients is None else np.unique(np.asarray(patients), return_inverse=True)[1]
    fold = np.zeros(len(y)) if folds is None else np.asarray(folds)
    _check(y, {"scores_a": a, "scores_b": b, "patients": owner, "folds": fold})
    auc_a, share_a = _placements(y, a, fold)
    auc_b, share_b = _placements(y, b, fold)
    variance = _variance(y == 1, share_a - share_b, owner, fold)
    difference = auc_a - auc_b
    told = {"auc_a": auc_a, "auc_b": auc_b, "difference": difference}
    if variance < 1e-20:  # 0, but for rounding
        if difference == 0:
            return {**told, "low": 0.0, "high": 0.0, "p": 1.0}
        return {**told, "low": None, "high": None, "p": None, "why": "no variance to judge the difference by"}
    error = math.sqrt(variance)
    ndtr = needed("scipy.special", "DeLong's test").ndtr
    p = 2 * float(ndtr(-abs(difference) / error))
    return {**told, "low": difference - Z * error, "high": difference + Z * error, "p": p}


def _check(labels: NDArray[Any], others: dict[str, NDArray[Any]]) -> None:
    if not labels.size:
        raise InputError("there are no lesions to compare scores on", expected="lesions of both classes")
    for name, values in others.items():
        if values.shape != labels.shape or labels.ndim != 1:
            raise InputError("differs in length from labels", where=name, expected=labels.shape, found=values.shape)
    if not np.isin(labels, (0, 1)).all():
        raise InputError("labels are not binary", expected="0 or 1", found=np.unique(labels).tolist())
    for name in ("scores_a", "scores_b"):
        if not np.isfinite(others[name]).all():
            raise InputError("scores are not finite", where=name, found=f"{(~np.isfinite(others[name])).sum()} values")
    for fold in np.unique(others["folds"]):
        check_both_classes(labels[others["folds"] == fold], f"fold {fold:g}")


def _placements(labels: NDArray[Any], scores: Floats, folds: NDArray[Any]) -> tuple[float, Floats]:
    """AUC, and what each lesion adds to its error (n,).

    A positive's placement is the share of negatives that it outranks, a negative's the share of positives that outrank
    it; both have the AUC as mean. What is above or below, over the number of the class, is the lesion's contribution.
    """
    aucs, added = [], np.zeros(len(labels))
    numbers = np.unique(folds)
    for number in numbers:
        inside = folds == number
        positive = labels[inside] == 1
        rankdata = needed("scipy.stats", "DeLong's test").rankdata
        ranks, score = rankdata(scores[inside]), scores[inside]
        above = ranks[positive] - rankdata(score[positive])  # negatives below each positive
        below = ranks[~positive] - rankdata(score[~positive])  # positives below each negative
        placements = np.empty(len(ranks))
        placements[positive], placements[~positive] = above / len(below), 1 - below / len(above)
        auc = float(placements[positive].mean())
        aucs.append(auc)
        added[inside] = (placements - auc) / np.where(positive, len(above), len(below)) / len(numbers)
    return float(np.mean(aucs)), added


def _variance(positive: NDArray[np.bool_], added: Floats, owner: NDArray[np.intp], folds: NDArray[Any]) -> float:
    """Obuchowski's S10 / M + S01 / N + 2 S11 / (M N), from sums over each patient's lesions; strata are independent."""
    of_positives, of_negatives = np.bincount(owner, added * positive), np.bincount(owner, added * ~positive)
    has_positive, has_negative = np.bincount(owner, positive) > 0, np.bincount(owner, ~positive) > 0
    variance = 0.0
    for stratum in independent_strata(owner, folds):
        x, y = of_positives[stratum], of_negatives[stratum]
        m, n, count = int(has_positive[stratum].sum()), int(has_negative[stratum].sum()), len(stratum)
        if min(m, n) < 2:
            expected, found = "2 or more of each class in each fold", f"{m} of class 1, {n} of class 0"
            remedy = "test on more patients"
            raise InputError("too few patients for a test", expected=expected, found=found, remedy=remedy)
        variance += m / (m - 1) * (x @ x) + n / (n - 1) * (y @ y) + 2 * count / (count - 1) * (x @ y)
    return float(variance)
