"""Do 95 % intervals hold the truth 95 times in 100? Simulated studies with a known AUC, patients with 1 to 3 lesions.

python benchmarks/coverage.py          prints the result, writes benchmarks/results/coverage.json
"""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

from smart_nets.evaluation.bootstrap import PatientBootstrap, intervals
from smart_nets.evaluation.delong import delong
from smart_nets.evaluation.metrics import FoldRankings, roc_auc
from smart_nets.training.run_record import hardware

STUDIES = 1000
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


def auc_holds(study: Study, aucs: tuple[float, float]) -> bool:
    """Whether the bootstrap's interval for the first model's AUC holds the truth."""
    ranking = FoldRankings(study.labels, study.scores[0], study.folds)
    few = min(len(np.unique(study.patients[study.labels == label])) for label in (0, 1))
    bootstrap = PatientBootstrap(study.patients, study.folds, ROUNDS)
    found = intervals(lambda weights: {"auc": ranking.mean(roc_auc, weights)}, bootstrap, {"auc": few})["auc"]
    return found.low <= aucs[0] <= found.high


def difference_holds(study: Study, aucs: tuple[float, float]) -> bool:
    """Whether the interval of `delong` holds the true difference."""
    found = delong(study.labels, *study.scores, study.patients, study.folds)
    return found["low"] <= aucs[0] - aucs[1] <= found["high"]


def coverage(holds: Callable[[Study, tuple[float, float]], bool], studies: int = STUDIES, **setting: object) -> float:
    """Share of the studies whose interval holds the truth."""
    rng = np.random.default_rng(0)
    aucs = setting["aucs"]
    return float(np.mean([holds(simulate(rng, **setting), aucs) for _ in range(studies)]))  # type: ignore[arg-type]


SETTINGS = {
    "AUC 0.75, 150 patients": (auc_holds, {"patients": 150, "aucs": (0.75, 0.5)}),
    "AUC 0.90, 150 patients": (auc_holds, {"patients": 150, "aucs": (0.90, 0.5)}),
    "AUC 0.95, 150 patients": (auc_holds, {"patients": 150, "aucs": (0.95, 0.5)}),
    "AUC 0.98, 150 patients": (auc_holds, {"patients": 150, "aucs": (0.98, 0.5)}),
    "AUC 0.90, 60 patients": (auc_holds, {"patients": 60, "aucs": (0.90, 0.5)}),
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
    found = {name: coverage(holds, **setting) for name, (holds, setting) in SETTINGS.items()}  # type: ignore[arg-type]
    record = {
        "command": "python benchmarks/coverage.py", "date": date.today().isoformat(), "hardware": hardware(),
        "studies": STUDIES, "standard_error": round(math.sqrt(0.95 * 0.05 / STUDIES), 4), "coverage": found,
        "seconds": round(time.perf_counter() - clock, 1),
    }  # fmt: skip
    print(json.dumps(record, indent=2))
    RESULTS.write_text(json.dumps(record, indent=2) + "\n")


if __name__ == "__main__":
    main()
