"""A threshold that finds the share of class 1 asked for, judged on patients who did not choose it."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from smart_nets.statistics.predictions import Predictions

PARTS = 5


def highest_threshold(labels: NDArray[np.int64], scores: NDArray[np.float64], sensitivity: float) -> float:
    """The highest score at or above which at least this share of class 1 lies."""
    ranked = -np.sort(-scores[labels == 1])
    needed = math.ceil(sensitivity * len(ranked) - 1e-9)  # 0.9 of 10 is 9, whatever the rounding
    return float(ranked[max(needed, 1) - 1])


def crossfitted_thresholds(predictions: Predictions, sensitivity: float, seed: int) -> NDArray[np.float64] | None:
    """For each prediction (n,) a threshold chosen on other patients of the same fold; None if a fold has too few.

    The patients of each fold are dealt into 5 parts (fewer if fewer have a lesion of class 1, but at least 2): first
    those with a lesion of class 1, then the others.
    """
    thresholds = np.empty(len(predictions))
    for fold in np.unique(predictions.folds):
        inside = np.flatnonzero(predictions.folds == fold)
        names, owner = np.unique(predictions.patients[inside], return_inverse=True)
        has_positive = np.bincount(owner, predictions.labels[inside]) > 0
        parts = min(PARTS, int(has_positive.sum()))
        if parts < 2:
            return None
        shuffled = np.random.default_rng(seed).permutation(len(names))
        dealt = shuffled[np.argsort(~has_positive[shuffled], kind="stable")]
        part = np.empty(len(names), dtype=np.intp)
        part[dealt] = np.arange(len(names)) % parts
        for number in range(parts):
            held_out = part[owner] == number
            others = inside[~held_out]
            thresholds[inside[held_out]] = highest_threshold(
                predictions.labels[others], predictions.probabilities[others], sensitivity
            )
    return thresholds
