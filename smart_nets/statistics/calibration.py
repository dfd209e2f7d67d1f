"""Do probabilities mean what they say? Bins of probability against the share found, and Cox's slope and intercept."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from smart_nets.optional import needed
from smart_nets.statistics.bootstrap import Z
from smart_nets.statistics.metrics import CALIBRATION_BINS, calibration_bin
from smart_nets.statistics.predictions import Predictions

SUREST = 1e-6  # a probability of 0 or 1 has no logit; nearer than this to them counts as this


def calibration(predictions: Predictions) -> dict[str, Any]:
    """{"bins": [{"mean", "share", "low", "high", "count"}], "error_if_calibrated", "slope", "intercept"}.

    Empty bins are left out. Bins are those of the calibration error. Their 95 % intervals are Wilson's for as many answers
    as a bin has patients: that takes the lesions of a patient for copies, which errs on the safe side.

    Slope and intercept are those of the logistic regression of the label on the probability's logit (Cox, Biometrika
    1958): 1 and 0 if calibrated, a slope below 1 if the probabilities are too sure. They are None, with "why", where
    there is no such fit. "error_if_calibrated" is the calibration error that perfect probabilities of as many lesions
    would show by chance.
    """
    bins = calibration_bin(predictions.probabilities)
    members = [np.flatnonzero(bins == number) for number in range(CALIBRATION_BINS)]
    doubt = predictions.probabilities * (1 - predictions.probabilities)  # variance of each label
    spread = np.sqrt(np.bincount(bins, doubt)) / len(bins)  # of each bin's gap, which is nearly normal with mean 0 ...
    chance = float(spread.sum() * np.sqrt(2 / np.pi))  # ... and the mean of its absolute value is this much of it
    drawn = [_bin(predictions, rows) for rows in members if len(rows)]
    return {"bins": drawn, "error_if_calibrated": chance, **_cox(predictions)}


def _bin(predictions: Predictions, rows: NDArray[np.intp]) -> dict[str, Any]:
    share = float(predictions.labels[rows].mean())
    low, high = wilson(share, len(np.unique(predictions.patients[rows])))
    mean = float(predictions.probabilities[rows].mean())
    return {"mean": mean, "share": share, "low": low, "high": high, "count": len(rows)}


def wilson(share: float, count: int) -> tuple[float, float]:
    """95 % interval of a share of `count` independent answers (Wilson, J Am Stat Assoc 1927)."""
    weight = 1 + Z**2 / count
    middle = (share + Z**2 / (2 * count)) / weight
    reach = Z / weight * np.sqrt(share * (1 - share) / count + Z**2 / (4 * count**2))
    return (float(middle - reach) if share > 0 else 0.0), (float(middle + reach) if share < 1 else 1.0)


def _cox(predictions: Predictions) -> dict[str, Any]:
    sure = np.clip(predictions.probabilities, SUREST, 1 - SUREST)
    logits, labels = np.log(sure / (1 - sure)), predictions.labels
    why = ""
    if np.ptp(logits) == 0:
        why = "all probabilities are alike"
    else:
        positive, negative = logits[labels == 1], logits[labels == 0]
        if positive.min() >= negative.max() or positive.max() <= negative.min():
            why = "the probabilities separate the classes, so that the slope has no limit"
    if why:
        return {"slope": None, "intercept": None, "why": why}
    linear_model = needed("sklearn.linear_model", "calibration")
    model = linear_model.LogisticRegression(C=np.inf, solver="newton-cholesky", tol=1e-10, max_iter=1000)
    model.fit(logits[:, None], labels)
    return {"slope": float(model.coef_[0, 0]), "intercept": float(model.intercept_[0])}
