"""The threshold of the operating point comes from other patients."""

from dataclasses import replace

import numpy as np
import pytest

from smart_nets.statistics.operating import crossfitted_thresholds, highest_threshold
from smart_nets.statistics.predictions import Predictions


def some_predictions(patients: int = 40, folds: int = 2) -> Predictions:
    rng = np.random.default_rng(0)
    owner = np.repeat(np.arange(patients), 2)
    labels = rng.integers(0, 2, 2 * patients)
    probabilities = np.clip(0.5 * rng.random(2 * patients) + 0.4 * labels, 0, 1)
    return Predictions(
        np.arange(2 * patients), owner, owner % folds, labels, probabilities, np.full(len(owner), np.nan)
    )


@pytest.mark.parametrize(
    ("sensitivity", "expected"),
    [(0.2, 0.9), (0.21, 0.8), (0.6, 0.7), (0.8, 0.4), (0.81, 0.2), (1.0, 0.2), (0.001, 0.9)],
)
def test_by_hand(sensitivity, expected):
    """Five positives at 0.9, 0.8, 0.7, 0.4, 0.2: each adds 20 %."""
    labels = np.array([1, 1, 0, 1, 0, 1, 0, 1])
    scores = np.array([0.2, 0.9, 0.95, 0.4, 0.3, 0.8, 0.1, 0.7])
    assert highest_threshold(labels, scores, sensitivity) == expected


def test_ten_of_ten_are_not_asked_for_by_rounding():
    assert highest_threshold(np.ones(10), np.arange(10) / 10, 0.9) == 0.1  # 9 of 10; 0.9 x 10 is 9.0000...


def test_a_patient_never_chooses_its_own_threshold():
    said = some_predictions()
    before = crossfitted_thresholds(said, 0.9, seed=0)
    others_changed = False
    for patient in np.unique(said.patients):
        own = said.patients == patient
        after = crossfitted_thresholds(replace(said, probabilities=np.where(own, 0.0, said.probabilities)), 0.9, seed=0)
        np.testing.assert_array_equal(after[own], before[own])
        others_changed |= (after != before).any()
    assert others_changed  # their scores do choose for others


@pytest.mark.parametrize("seed", range(5))
def test_two_patients_of_class_1_choose_for_each_other(seed):
    labels = np.arange(30) < 2
    scores = np.where(labels, [0.7] + [0.9] * 29, 0.1)
    said = Predictions(np.arange(30), np.arange(30), np.zeros(30), labels, scores, np.full(30, np.nan))
    assert crossfitted_thresholds(said, 0.9, seed)[:2].tolist() == [0.9, 0.7]


def test_folds_choose_apart():
    said = some_predictions()
    first = said.folds == 0
    before = crossfitted_thresholds(said, 0.9, seed=0)
    after = crossfitted_thresholds(replace(said, probabilities=np.where(first, said.probabilities, 0.5)), 0.9, seed=0)
    np.testing.assert_array_equal(after[first], before[first])
    assert (after[~first] == 0.5).all()


def test_too_few_patients_to_choose():
    said = some_predictions()
    one = (said.labels == 0) | (said.patients == said.patients[said.labels == 1][0])
    assert crossfitted_thresholds(said.where(one), 0.9, seed=0) is None
