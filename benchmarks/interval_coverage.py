"""Do 95 % intervals hold the truth 95 times in 100? Simulated studies with a known AUC, patients with 1 to 3 lesions.

Beside the intervals in use stand plain percentiles of the bootstrap, which near 1 hold it too seldom; and the time that all
numbers of 600 lesions take.

python benchmarks/interval_coverage.py          prints the result, writes benchmarks/results/coverage.json
"""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

from smart_nets.classify.evaluate import evaluate
from smart_nets.statistics.bootstrap import PatientBootstrap, intervals
from smart_nets.statistics.delong import delong
from smart_nets.statistics.metrics import FoldRankings, roc_auc
from smart_nets.statistics.predictions import Predictions
from smart_nets.training.run_record import hardware

STUDIES = 1000  # of each AUC; 4 times as many of each difference, which are quick
ROUNDS = 500  # draws per study; more change the limits, not how often they hold
RESULTS = Path(__file__).parent / "results" / "coverage.json"


class Study(NamedTuple):
    """n lesions: patients, labels, folds (n,), and the scores of two models (2, n)."""

    patients: NDArray[np.intp]
    labels: NDArray[np.intp]
    folds: NDArray[np.intp]
    scores: NDArray[np.float64]


def simulate(
    rng: np.random.Generator,
    patients: int,
    aucs: tuple[float, float],
    most: int = 3,
    folds: int = 1,
    share: float = 0.3,
) -> Study:
    """Binormal scores: class 1 lies sqrt(2) * probit(AUC) standard deviations higher.

    Half of the variance of every score is the patient's, half of the rest is the same for both models; the labels of a
    patient go together as well. A model of another fold scores on another scale.
    """
    owner = np.repeat(np.arange(patients), rng.integers(1, most + 1, patients))
    n = len(owner)

    def shared(lines: int) -> NDArray[np.float64]:
        return math.sqrt(0.5) * (rng.normal(size=(lines, patients))[:, owner] + rng.normal(size=(lines, n)))

    labels = (shared(1)[0] > ndtri(1 - share)).astype(np.intp)
    shifts = math.sqrt(2) * ndtri(aucs)
    scores = math.sqrt(0.5) * (shared(1) + shared(2)) + shifts[:, None] * labels
    fold = owner % folds
    return Study(owner, labels, fold, scores * (1 + fold) + 3 * fold)


def auc_holds(study: Study, aucs: tuple[float, float], plain: bool = False) -> bool:
    """Whether the bootstrap's interval for the first model's AUC holds the truth."""
    ranking = FoldRankings(study.labels, study.scores[0], study.folds)
    few = min(len(np.unique(study.patients[study.labels == label])) for label in (0, 1))
    bootstrap = PatientBootstrap(study.patients, study.folds, ROUNDS)
    if plain:
        draws = np.concatenate([ranking.mean(roc_auc, weights) for weights in bootstrap.draws()])
        low, high = np.nanquantile(draws, [0.025, 0.975])
        return bool(low <= aucs[0] <= high)
    found = intervals(lambda weights: {"auc": ranking.mean(roc_auc, weights)}, bootstrap, {"auc": few})["auc"]
    return found.low <= aucs[0] <= found.high


def plain_auc_holds(study: Study, aucs: tuple[float, float]) -> bool:
    """As `auc_holds`, by the percentiles without correction."""
    return auc_holds(study, aucs, plain=True)


def difference_holds(study: Study, aucs: tuple[float, float]) -> bool:
    """Whether the interval of `delong` holds the true difference."""
    found = delong(study.labels, study.scores[0], study.scores[1], study.patients, study.folds)
    return found["low"] <= aucs[0] - aucs[1] <= found["high"]


def coverage(holds: Callable[[Study, tuple[float, float]], bool], studies: int, **setting: Any) -> float:
    """Share of the studies whose interval holds the truth."""
    rng = np.random.default_rng(0)
    return float(np.mean([holds(simulate(rng, **setting), setting["aucs"]) for _ in range(studies)]))


def seconds_to_evaluate(patients: int = 300) -> float:
    """All numbers, curves and intervals of `evaluate` with 2000 draws, for about 600 lesions in 5 folds."""
    study = simulate(np.random.default_rng(0), patients, (0.9, 0.8), folds=5)
    rows, probabilities = np.arange(len(study.labels)), 1 / (1 + np.exp(-study.scores[0]))
    sizes = 10 * np.exp(study.scores[1] / 20)
    predictions = Predictions(rows, study.patients.astype(str), study.folds, study.labels, probabilities, sizes)
    clock = time.perf_counter()
    evaluate(predictions)
    return time.perf_counter() - clock


SETTINGS: dict[str, tuple[Callable[[Study, tuple[float, float]], bool], dict[str, Any]]] = {
    "AUC 0.75, 150 patients": (auc_holds, {"patients": 150, "aucs": (0.75, 0.5)}),
    "AUC 0.90, 150 patients": (auc_holds, {"patients": 150, "aucs": (0.90, 0.5)}),
    "AUC 0.95, 150 patients": (auc_holds, {"patients": 150, "aucs": (0.95, 0.5)}),
    "AUC 0.98, 150 patients": (auc_holds, {"patients": 150, "aucs": (0.98, 0.5)}),
    "AUC 0.90, 60 patients": (auc_holds, {"patients": 60, "aucs": (0.90, 0.5)}),
    "AUC 0.95, 60 patients": (auc_holds, {"patients": 60, "aucs": (0.95, 0.5)}),
    "AUC 0.95, 60 patients, plain percentiles": (plain_auc_holds, {"patients": 60, "aucs": (0.95, 0.5)}),
    "AUC 0.90, 300 patients in 5 folds": (auc_holds, {"patients": 300, "aucs": (0.90, 0.5), "folds": 5}),
    "difference 0, 150 patients, one lesion each": (difference_holds, {"patients": 150, "aucs": (0.8, 0.8), "most": 1}),
    "difference 0, 150 patients": (difference_holds, {"patients": 150, "aucs": (0.8, 0.8)}),
    "difference 0.10, 150 patients": (difference_holds, {"patients": 150, "aucs": (0.90, 0.80)}),
    "difference 0.10, 60 patients": (difference_holds, {"patients": 60, "aucs": (0.90, 0.80)}),
    "difference 0.05, 300 patients in 5 folds": (
        difference_holds, {"patients": 300, "aucs": (0.90, 0.85), "folds": 5},
    ),
}  # fmt: skip


def main() -> None:
    clock = time.perf_counter()
    found = {}
    for name, (holds, setting) in SETTINGS.items():
        studies = 4 * STUDIES if holds is difference_holds else STUDIES
        share = coverage(holds, studies, **setting)
        found[name] = {
            "coverage": share,
            "standard_error": round(math.sqrt(share * (1 - share) / studies), 4),
            "studies": studies,
        }
    record = {
        "command": "python benchmarks/interval_coverage.py", "date": date.today().isoformat(), "hardware": hardware(),
        "draws": ROUNDS, "coverage_of_95_percent_intervals": found,
        "seconds": round(time.perf_counter() - clock, 1),
        "seconds_to_evaluate_600_lesions": round(seconds_to_evaluate(), 2),
    }  # fmt: skip
    print(json.dumps(record, indent=2))
    RESULTS.write_text(json.dumps(record, indent=2) + "\n")


if __name__ == "__main__":
    main()
