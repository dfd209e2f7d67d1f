"""Metrics of binary classification for many weightings of the same lesions at once; with weights of 1 they are scikit-learn's.

Weights are (r, n): r weightings of n lesions. Every metric is (r,), NaN where it is not defined (0 / 0).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from smart_nets.errors import InputError

Floats = NDArray[np.float64]
CALIBRATION_BINS = 10  # of equal width


def ratio(part: Floats, whole: Floats) -> Floats:
    """part / whole, NaN where the whole is 0."""
    part, whole = np.broadcast_arrays(part, whole)
    return np.divide(part, whole, out=np.full(part.shape, np.nan), where=whole > 0)


def check_both_classes(labels: NDArray[Any], where: object) -> None:
    """Raises InputError when there are lesions of one class only, so that there is no AUC."""
    if len(np.unique(labels)) < 2:
        what, remedy = "has lesions of one class only, so that there is no AUC", "use fewer folds, stratified by label"
        raise InputError(what, where=where, remedy=remedy)


class Ranking:
    """Lesions from the highest score to the lowest, tied ones together: all that ROC and PR curves need.

    Args:
        labels: (n,) 0 or 1.
        scores: (n,) higher means rather 1.
    """

    def __init__(self, labels: NDArray[Any], scores: NDArray[Any]) -> None:
        self.order = np.argsort(-np.asarray(scores), kind="stable")
        ranked = np.asarray(scores)[self.order]
        self.ends = np.flatnonzero(np.append(np.diff(ranked) != 0, True))  # last lesion of each distinct score
        self.positive = np.asarray(labels)[self.order] == 1

    def counts(self, weights: Floats) -> tuple[Floats, Floats]:
        """Weight of the positives and of the negatives at or above each distinct score: (r, g) each, from 0 on."""
        ranked = weights[:, self.order]
        positives = np.cumsum(ranked * self.positive, axis=1)[:, self.ends]
        negatives = np.cumsum(ranked * ~self.positive, axis=1)[:, self.ends]
        return np.pad(positives, ((0, 0), (1, 0))), np.pad(negatives, ((0, 0), (1, 0)))


class FoldRankings:
    """Lesions ranked within each fold, as scores of different models do not compare.

    Args:
        labels, scores: see `Ranking`.
        folds: (n,) numbers.
    """

    def __init__(self, labels: NDArray[Any], scores: NDArray[Any], folds: NDArray[Any]) -> None:
        self.rows = [np.flatnonzero(folds == fold) for fold in np.unique(folds)]
        self.rankings = [Ranking(labels[rows], scores[rows]) for rows in self.rows]

    def mean(self, metric: Callable[..., Floats], weights: Floats, *grid: Floats) -> Floats:
        """Mean over the folds of one of the metrics below, (r,) or (r, k)."""
        parts = zip(self.rankings, self.rows, strict=True)
        return np.mean([metric(*ranking.counts(weights[:, rows]), *grid) for ranking, rows in parts], axis=0)


def roc_auc(hits: Floats, alarms: Floats) -> Floats:
    """Area under the ROC curve by trapezes, so that a tie counts half."""
    area = (np.diff(alarms) * (hits[:, 1:] + hits[:, :-1])).sum(axis=1) / 2
    return ratio(area, hits[:, -1] * alarms[:, -1])


def average_precision(hits: Floats, alarms: Floats) -> Floats:
    """Sum of precision times the step in recall."""
    precision = np.nan_to_num(ratio(hits[:, 1:], hits[:, 1:] + alarms[:, 1:]))  # 0 / 0 has a step of 0
    area = ratio((np.diff(hits) * precision).sum(axis=1), hits[:, -1])
    return np.where(alarms[:, -1] > 0, area, np.nan)


def roc_curve(hits: Floats, alarms: Floats, grid: Floats) -> Floats:
    """True positive rate at the false positive rates of the grid, (r, k): the highest one where the curve is upright."""
    tpr, fpr = ratio(hits, hits[:, -1:]), ratio(alarms, alarms[:, -1:])
    curves = np.full((len(hits), len(grid)), np.nan)
    for line in _both_classes(hits, alarms):
        curves[line] = np.interp(grid, fpr[line], tpr[line])
    return curves


def precision_curve(hits: Floats, alarms: Floats, grid: Floats) -> Floats:
    """Precision at the highest score that reaches each recall of the grid, (r, k); at recall 0, of the first hits.

    No straight lines between points: on precision-recall curves they promise too much (Davis and Goadrich, ICML 2006).
    """
    precision = ratio(hits, hits + alarms)
    curves = np.full((len(hits), len(grid)), np.nan)
    for line in _both_classes(hits, alarms):
        found, most = hits[line], hits[line, -1]
        # recall 0 needs some hit as well; a billionth of a lesion is rounding
        wanted = np.maximum(grid * most, found[found > 0][0]) - 1e-9 * most
        curves[line] = precision[line, np.searchsorted(found, wanted)]
    return curves


def _both_classes(hits: Floats, alarms: Floats) -> NDArray[np.intp]:
    """Weightings in which both classes have lesions, so that there are curves."""
    return np.flatnonzero((hits[:, -1] > 0) & (alarms[:, -1] > 0))


def decision_rates(labels: NDArray[Any], called: NDArray[np.bool_], weights: Floats) -> dict[str, Floats]:
    """Rates of yes-or-no answers: `called` (n,) is True where the answer is class 1."""
    positive = np.asarray(labels) == 1
    hits, alarms = weights @ (called & positive), weights @ (called & ~positive)
    positives, negatives = weights @ positive, weights @ ~positive
    recall, specificity = ratio(hits, positives), ratio(negatives - alarms, negatives)
    return {
        "precision": ratio(hits, hits + alarms),
        "recall": recall,
        "specificity": specificity,
        "accuracy": ratio(hits + negatives - alarms, positives + negatives),
        "balanced_accuracy": (recall + specificity) / 2,
    }


def brier(labels: NDArray[Any], probabilities: Floats, weights: Floats) -> Floats:
    """Mean squared difference of probability and label."""
    return ratio(weights @ (probabilities - labels) ** 2, weights.sum(axis=1))


def calibration_bin(probabilities: Floats) -> NDArray[np.intp]:
    """Number of the bin of each probability: [0, 0.1), [0.1, 0.2) ... [0.9, 1]."""
    return np.minimum(np.asarray(probabilities) * CALIBRATION_BINS, CALIBRATION_BINS - 1).astype(np.intp)


def calibration_error(labels: NDArray[Any], probabilities: Floats, weights: Floats) -> Floats:
    """Expected calibration error: |mean probability - share of class 1| of each bin, weighted by its lesions."""
    member = np.equal.outer(calibration_bin(probabilities), np.arange(CALIBRATION_BINS))  # (n, bins)
    gaps = np.abs(weights @ (member * (probabilities - labels)[:, None]))  # (r, n) @ (n, bins)
    return ratio(gaps.sum(axis=1), weights.sum(axis=1))
