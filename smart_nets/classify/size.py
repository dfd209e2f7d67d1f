"""What lesion size alone tells of the class: large nodules are more often malignant, and a network may only measure them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from smart_nets.errors import InputError
from smart_nets.statistics.bootstrap import PatientBootstrap, intervals
from smart_nets.statistics.delong import delong
from smart_nets.statistics.metrics import Floats, FoldRankings, average_precision, roc_auc
from smart_nets.statistics.predictions import Predictions

RANGE_MM = (8.0, 15.0)  # where size decides least: smaller nodules are mostly benign, larger ones mostly malignant


def size_only(predictions: Predictions, rounds: int, seed: int) -> dict[str, Any] | None:
    """AUC and average precision of the diameter as score, and whether the model's AUC differs (`delong`).

    Lesions of unknown size are left out on both sides; "cases" says how many remain. "delong_p" is None, with "why",
    where there is no such test. None without sizes, or if the lesions with a size lack a class in some fold.
    """
    known = ~np.isnan(predictions.sizes)
    if _lacking(predictions, known):
        return None
    part = predictions.where(known)
    told: dict[str, Any] = {"cases": len(np.unique(part.rows)), **_rank(part, {"": part.sizes}, rounds, seed)}
    try:
        test = delong(part.labels, part.probabilities, part.sizes, part.patients, part.folds)
    except InputError as error:
        return {**told, "delong_p": None, "why": str(error)}
    return {**told, "delong_p": test["p"], **{name: test[name] for name in ("why",) if name in test}}


def size_matched(predictions: Predictions, rounds: int, seed: int) -> dict[str, Any]:
    """The model among lesions of 8 to 15 mm, where size tells less: AUC, average precision, and the AUC of size there.

    The three are None, with "why", if lesions of that size lack a class in some fold.
    """
    low, high = RANGE_MM
    inside = (predictions.sizes >= low) & (predictions.sizes <= high)
    lesions = np.flatnonzero(inside)[np.unique(predictions.rows[inside], return_index=True)[1]]
    positives = int(predictions.labels[lesions].sum())
    told: dict[str, Any] = {"range_mm": [low, high], "cases": len(lesions), "positives": positives}
    why = _lacking(predictions, inside)
    if why:
        return {**told, "auc": None, "average_precision": None, "size_only_auc": None, "why": why}
    part = predictions.where(inside)
    found = _rank(part, {"": part.probabilities, "size_only_": part.sizes}, rounds, seed)
    del found["size_only_average_precision"]
    return {**told, **found}


def _lacking(predictions: Predictions, chosen: NDArray[np.bool_]) -> str:
    """Why the lesions chosen cannot be ranked; empty if they can."""
    for fold in np.unique(predictions.folds):
        inside = chosen & (predictions.folds == fold)
        if len(np.unique(predictions.labels[inside])) < 2:
            return f"fold {fold} has {int(inside.sum())} such lesions, and not of both classes"
    if len(np.unique(predictions.patients[chosen])) < 2:
        return "all such lesions are of one patient"
    return ""


def _rank(part: Predictions, scores: Mapping[str, Floats], rounds: int, seed: int) -> dict[str, Any]:
    """{prefix + "auc", prefix + "average_precision"} of each score."""
    rankings = {prefix: FoldRankings(part.labels, score, part.folds) for prefix, score in scores.items()}

    def statistics(weights: Floats) -> dict[str, Floats]:
        found = {}
        for prefix, ranking in rankings.items():
            found[f"{prefix}auc"] = ranking.mean(roc_auc, weights)
            found[f"{prefix}average_precision"] = ranking.mean(average_precision, weights)
        return found

    fewer = min(part.patient_count(part.labels == 0), part.patient_count(part.labels == 1))
    behind = {prefix + name: fewer for prefix in scores for name in ("auc", "average_precision")}
    bootstrap = PatientBootstrap(part.patients, part.folds, rounds, seed)
    return {name: found.as_dict() for name, found in intervals(statistics, bootstrap, behind).items()}
