"""All numbers of a binary classifier from its predictions, each with an interval over patients, ready for JSON."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from smart_nets.classify.size import size_matched, size_only
from smart_nets.errors import ConfigError
from smart_nets.statistics import metrics
from smart_nets.statistics.bootstrap import PatientBootstrap, bands, intervals
from smart_nets.statistics.calibration import calibration
from smart_nets.statistics.metrics import Floats, FoldRankings, Ranking
from smart_nets.statistics.operating import PARTS, crossfitted_thresholds
from smart_nets.statistics.predictions import Predictions

GRID = np.linspace(0, 1, 101)


def evaluate(
    predictions: Predictions, threshold: float = 0.5, sensitivity: float = 0.9, rounds: int = 2000, seed: int = 0
) -> dict[str, Any]:
    """Metrics, operating point, curves, calibration and what size alone would give.

    AUC, average precision and curves are means over the folds, for probabilities of different models do not compare;
    "pooled_auc" ranks all together. Everything else counts all lesions once per model. Intervals are of 95 %, from
    draws of whole patients within folds. A number that is not defined, as the precision of a model that never says 1, is None
    with a "why".

    Args:
        predictions: of held-out lesions, of one or several folds.
        threshold: probability from which a lesion is called 1.
        sensitivity: asked of the operating point, whose threshold is chosen on other patients than it is judged on.
            Its intervals hold for the thresholds chosen.
        rounds: draws of the bootstrap.
        seed: of the draws and of the parts for the operating point.

    Raises:
        InputError: a fold has lesions of one class only, or there are fewer than two patients.
        ConfigError: threshold or sensitivity out of range, or too few rounds.
    """
    for name, value in (("threshold", threshold), ("sensitivity", sensitivity)):
        if not 0 < value <= 1:
            raise ConfigError("is out of range", where=name, expected="above 0, up to 1", found=value)
    ordered = predictions.sorted()  # so that no order of rows matters
    for fold in np.unique(ordered.folds):
        metrics.check_both_classes(ordered.labels[ordered.folds == fold], f"fold {fold}")
    bootstrap = PatientBootstrap(ordered.patients, ordered.folds, rounds, seed)
    lesions = np.unique(ordered.rows, return_index=True)[1]
    return {
        "cases": len(lesions),
        "patients": bootstrap.patient_count,
        "positives": int(ordered.labels[lesions].sum()),
        "folds": np.unique(ordered.folds).tolist(),
        "metrics": _metrics(ordered, threshold, bootstrap),
        "operating_point": _operating_point(ordered, sensitivity, bootstrap),
        "curves": _curves(ordered, bootstrap),
        "calibration": calibration(ordered),
        "size_only": size_only(ordered, rounds, seed),
        "size_matched": size_matched(ordered, rounds, seed),
    }


def _metrics(predictions: Predictions, threshold: float, bootstrap: PatientBootstrap) -> dict[str, Any]:
    labels, probabilities = predictions.labels, predictions.probabilities
    folds = FoldRankings(labels, probabilities, predictions.folds)
    pooled = Ranking(labels, probabilities)
    called = probabilities >= threshold

    def statistics(weights: Floats) -> dict[str, Floats]:
        return {
            "auc": folds.mean(metrics.roc_auc, weights),
            "pooled_auc": metrics.roc_auc(*pooled.counts(weights)),
            "average_precision": folds.mean(metrics.average_precision, weights),
            **metrics.decision_rates(labels, called, weights),
            "brier": metrics.brier(labels, probabilities, weights),
            "calibration_error": metrics.calibration_error(labels, probabilities, weights),
        }

    behind = _patients_behind(predictions, called)
    found = intervals(statistics, bootstrap, behind, inflated=("calibration_error",))
    if not called.any():
        found["precision"] = replace(found["precision"], why=f"no probability reaches {threshold:g}")
    return {name: interval.as_dict() for name, interval in found.items()}


def _operating_point(predictions: Predictions, sensitivity: float, bootstrap: PatientBootstrap) -> dict[str, Any]:
    """{"rule", "threshold", "sensitivity", "specificity", "precision"}; the threshold is the median of those chosen."""
    rule = f"sensitivity >= {sensitivity:g}, threshold chosen on other patients ({PARTS}-fold cross-fitting)"
    thresholds = crossfitted_thresholds(predictions, sensitivity, bootstrap.seed)
    names = {"sensitivity": "recall", "specificity": "specificity", "precision": "precision"}
    if thresholds is None:
        why = "a fold has lesions of class 1 in one patient only, so that no others can choose a threshold"
        return {"rule": rule, "threshold": None, **dict.fromkeys(names), "why": why}
    called = predictions.probabilities >= thresholds

    def statistics(weights: Floats) -> dict[str, Floats]:
        return metrics.decision_rates(predictions.labels, called, weights)

    found = intervals(statistics, bootstrap, _patients_behind(predictions, called))
    return {
        "rule": rule,
        "threshold": float(np.median(thresholds)),
        **{name: found[rate].as_dict() for name, rate in names.items()},
    }


def _patients_behind(predictions: Predictions, called: NDArray[np.bool_]) -> dict[str, int]:
    """How many patients each metric is made from, where not from all."""
    positive = predictions.labels == 1
    positives, negatives = predictions.patient_count(positive), predictions.patient_count(~positive)
    ranking = dict.fromkeys(("auc", "pooled_auc", "average_precision", "balanced_accuracy"), min(positives, negatives))
    rates = {"recall": positives, "specificity": negatives, "precision": max(1, predictions.patient_count(called))}
    return ranking | rates


def _curves(predictions: Predictions, bootstrap: PatientBootstrap) -> dict[str, Any]:
    """101 points of the ROC and the precision-recall curve, with 95 % bands that hold point by point."""
    folds = FoldRankings(predictions.labels, predictions.probabilities, predictions.folds)

    def statistics(weights: Floats) -> dict[str, Floats]:
        return {
            "roc": folds.mean(metrics.roc_curve, weights, GRID),
            "pr": folds.mean(metrics.precision_curve, weights, GRID),
        }

    told = {}
    names = {"roc": ("fpr", "tpr"), "pr": ("recall", "precision")}
    for curve, (value, low, high) in bands(statistics, bootstrap).items():
        x, y = names[curve]
        told[curve] = {x: GRID.tolist(), y: value.tolist(), "low": _listed(low), "high": _listed(high)}
    return told


def _listed(numbers: Floats) -> list[float | None]:
    return [None if np.isnan(number) else float(number) for number in numbers]
