"""Intervals hold the truth as often as they say: a short form of benchmarks/interval_coverage.py."""

import importlib.util
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import binom

from smart_nets.statistics.bootstrap import intervals
from smart_nets.statistics.draws import PatientBootstrap
from smart_nets.statistics.metrics import Ranking, roc_auc

STUDIES = 200
# of 200 intervals that hold with 95 %, 177 to 198 do in 999 of 1000 series; the seed is fixed, so it is one series
FEWEST, MOST = binom.ppf([0.0005, 0.9995], STUDIES, 0.95)
TRUE = (0.90, 0.80)
FILE = Path(__file__).parents[2] / "benchmarks" / "interval_coverage.py"


@pytest.fixture(scope="module")
def benchmark():
    spec = importlib.util.spec_from_file_location("coverage_benchmark", FILE)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    module.ROUNDS = 300
    return module


def test_simulated_scores_have_the_auc_that_they_should(benchmark):
    study = benchmark.simulate(np.random.default_rng(0), 20_000, TRUE)
    ones = np.ones((1, len(study.labels)))
    for scores, true in zip(study.scores, TRUE, strict=True):
        assert roc_auc(*Ranking(study.labels, scores).counts(ones)) == pytest.approx(true, abs=0.005)
    assert np.bincount(np.bincount(study.patients))[1:] == pytest.approx(20_000 / 3, rel=0.05)  # 1, 2 or 3 lesions


@pytest.mark.parametrize("patients", [60, 150])
def test_auc(benchmark, patients):
    assert FEWEST <= STUDIES * benchmark.coverage(benchmark.auc_holds, STUDIES, patients=patients, aucs=TRUE) <= MOST


def test_difference_of_two_aucs(benchmark):
    found = benchmark.coverage(benchmark.difference_holds, 5 * STUDIES, patients=150, aucs=TRUE)
    few, many = binom.ppf([0.0005, 0.9995], 5 * STUDIES, 0.95)
    assert few <= 5 * STUDIES * found <= many


def test_lesions_taken_for_patients_hold_too_seldom(benchmark):
    """The test above can fail: patients of four lesions each, all counted as independent."""

    def holds(study, aucs, patients):
        ranking = Ranking(study.labels, study.scores[0])
        bootstrap = PatientBootstrap(patients, rounds=benchmark.ROUNDS)
        found = intervals(lambda weights: {"auc": roc_auc(*ranking.counts(weights))}, bootstrap)["auc"]
        return found.low <= aucs[0] <= found.high

    def alike(study):
        """Every lesion four times."""
        return study._replace(**{name: np.repeat(getattr(study, name), 4, axis=-1) for name in study._fields})

    setting = {"patients": 60, "aucs": TRUE, "most": 1}
    naive = benchmark.coverage(
        lambda study, aucs: holds(alike(study), aucs, np.arange(4 * len(study.labels))), STUDIES, **setting
    )
    honest = benchmark.coverage(
        lambda study, aucs: holds(alike(study), aucs, alike(study).patients), STUDIES, **setting
    )
    assert STUDIES * naive < FEWEST <= STUDIES * honest <= MOST
