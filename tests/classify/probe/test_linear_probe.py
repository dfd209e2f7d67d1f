"""Probes of frozen features: right by hand, and never the same patient learnt from and judged."""

import time

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from smart_nets.classify.probe.linear_probe import (
    NEIGHBOURS,
    STRENGTHS,
    choose_setting,
    knn_probe,
    linear_probe,
    linear_scores,
)
from smart_nets.errors import ConfigError, InputError
from smart_nets.statistics.knn import knn_scores

PROBES = pytest.mark.parametrize("probe", [linear_probe, knn_probe])


def cohort(patients: int = 40, lesions: int = 3, dimensions: int = 16, shift: float = 2.0, seed: int = 0):
    """Features (n, C), labels and patients; the label moves the first feature by `shift` standard deviations."""
    rng = np.random.default_rng(seed)
    names = np.repeat([f"p{k:03d}" for k in range(patients)], lesions)
    labels = rng.integers(0, 2, patients * lesions)
    features = rng.normal(size=(len(labels), dimensions))
    features[:, 0] += shift * labels
    return features, labels, names


def test_logistic_regression_by_hand():
    # one feature, -5 and 5, standardised to -1 and 1. The minimum of w^2/2 + C (log(1+e^-w) + log(1+e^-w)) has
    # w = 2 C / (1 + e^w); for C = 1 that is w = 0.6749: 2 / (1 + e^0.6749) = 2 / 2.9638
    scores = linear_scores(np.array([[-5.0], [5.0]]), np.array([0, 1]), np.array([[5.0], [0.0], [-5.0]]), 1.0)
    np.testing.assert_allclose(scores, [1 / (1 + np.exp(-0.6749)), 0.5, 1 / (1 + np.exp(0.6749))], atol=1e-4)


@PROBES
def test_a_signal_is_found_and_noise_is_not(probe):
    features, labels, patients = cohort(shift=3.0, dimensions=4)
    found = probe(features, labels, patients)
    assert roc_auc_score(found.labels, found.probabilities) > 0.9
    features, labels, patients = cohort(shift=0.0)
    found = probe(features, labels, patients)
    folds = [found.where(found.folds == fold) for fold in range(3)]
    assert np.mean([roc_auc_score(one.labels, one.probabilities) for one in folds]) == pytest.approx(0.5, abs=0.15)


@PROBES
def test_the_predictions_keep_the_order_of_the_lesions(probe):
    features, labels, patients = cohort()
    rows, sizes = np.arange(len(labels)) * 2 + 5, np.linspace(8, 20, len(labels))
    found = probe(features, labels, patients, rows=rows, sizes=sizes)
    np.testing.assert_array_equal(found.rows, rows)
    np.testing.assert_array_equal(found.labels, labels)
    np.testing.assert_array_equal(found.patients, patients)
    np.testing.assert_array_equal(found.sizes, sizes)
    assert sorted(set(found.folds)) == [0, 1, 2]
    again = probe(features, labels, patients)
    np.testing.assert_array_equal(again.probabilities, found.probabilities)
    np.testing.assert_array_equal(again.rows, np.arange(len(labels)))
    assert np.isnan(again.sizes).all()


@PROBES
def test_a_patient_is_never_learnt_from_and_judged(probe):
    """Features that tell the patient and nothing else: whoever met the patient before knows the label."""
    rng = np.random.default_rng(3)
    names = np.repeat([f"p{k:02d}" for k in range(90)], 4)
    labels = np.repeat(rng.permutation(np.arange(90) % 2), 4)
    features = np.repeat(rng.normal(size=(90, 64)), 4, axis=0)
    honest = probe(features, labels, names)
    assert all(len(np.unique(honest.folds[names == name])) == 1 for name in names)
    folds = [honest.where(honest.folds == fold) for fold in range(3)]
    assert np.mean([roc_auc_score(one.labels, one.probabilities) for one in folds]) < 0.7
    leaking = probe(features, labels, [f"{name}-{k}" for k, name in enumerate(names)])  # each lesion its own patient
    # a lesion whose three twins fell into its own fold has met nobody
    assert roc_auc_score(leaking.labels, leaking.probabilities) > 0.95


def test_the_setting_too_is_chosen_without_meeting_a_patient_twice():
    rng = np.random.default_rng(3)
    names = np.repeat([f"p{k:02d}" for k in range(30)], 4)
    labels = np.repeat(rng.permutation(np.arange(30) % 2), 4)
    features = np.repeat(rng.normal(size=(30, 64)), 4, axis=0)
    each_its_own = np.array([f"{name}-{k}" for k, name in enumerate(names)])
    assert choose_setting(linear_scores, STRENGTHS, features, labels, names, 0) == STRENGTHS[0]  # nothing to learn
    assert choose_setting(linear_scores, STRENGTHS, features, labels, each_its_own, 0) == STRENGTHS[-1]


def test_few_patients_take_the_most_cautious_setting(caplog):
    features, labels, patients = np.eye(4), np.array([0, 0, 0, 1]), np.array(["a", "b", "c", "d"])
    assert choose_setting(linear_scores, STRENGTHS, features, labels, patients, 0) == STRENGTHS[0]
    assert choose_setting(knn_scores, NEIGHBOURS, features, labels, patients, 0) == NEIGHBOURS[0]
    assert "too few training patients" in caplog.text


@PROBES
def test_the_scale_of_features_does_not_matter(probe):
    features, labels, patients = cohort(patients=20)
    first, scaled = probe(features, labels, patients), probe(features * 1000, labels, patients)
    np.testing.assert_allclose(scaled.probabilities, first.probabilities, atol=1e-3)
    constant = np.hstack([features, np.full((len(features), 2), 7.0)])
    assert np.isfinite(linear_probe(constant, labels, patients).probabilities).all()


@PROBES
def test_folds_of_another_run_are_repeated(probe):
    features, labels, patients = cohort(patients=12)
    given = np.array([{0: 4, 1: 7}[int(name[1:]) % 2] for name in patients])
    found = probe(features, labels, patients, folds=given)
    np.testing.assert_array_equal(found.folds, given)
    assert found.probabilities[0] == probe(features, labels, patients, folds=given.tolist()).probabilities[0]


@pytest.mark.parametrize(
    ("change", "error", "says"),
    [
        ({"features": np.ones((11, 2))}, InputError, "do not match"),
        ({"features": np.ones(12)}, InputError, "do not match"),
        ({"features": np.ones((12, 0))}, InputError, "do not match"),
        ({"patients": ["a"] * 11}, InputError, "do not match"),
        ({"features": np.where(np.arange(24).reshape(12, 2) < 3, np.nan, 1.0)}, InputError, "not finite .*2 of 12"),
        ({"labels": np.arange(12) % 3}, InputError, "0 or 1"),
        ({"labels": np.full(12, np.nan)}, InputError, "0 or 1"),
        ({"labels": np.zeros(12, int)}, ConfigError, "only one class"),
        ({"labels": (np.arange(12) < 2).astype(int)}, ConfigError, "lacks a class"),  # two positives, three folds
        ({"labels": (np.arange(12) < 2).astype(int), "folds": np.arange(12) % 2 * 0}, ConfigError, "lacks a class"),
        ({"labels": (np.arange(12) < 6).astype(int), "folds": (np.arange(12) < 6) * 1}, ConfigError, "lacks a class"),
        ({"folds": 1}, ConfigError, "cannot make that many folds"),
        ({"folds": 13}, ConfigError, "cannot make that many folds"),
        ({"folds": np.arange(11)}, InputError, "one fold per lesion"),
        ({"folds": np.linspace(0, 1, 12)}, InputError, "one fold per lesion"),
        ({"patients": ["a", "a", *"bcdefghijk"], "folds": np.arange(12) % 2}, ConfigError, "share 1 patients .*a"),
    ],
)
@PROBES
def test_what_cannot_be_judged(probe, change, error, says):
    given = {
        "features": np.random.default_rng(0).normal(size=(12, 2)),
        "labels": np.arange(12) % 2,
        "patients": list("abcdefghijkl"),
    }
    with pytest.raises(error, match=says):
        probe(**{**given, **change})


@PROBES
def test_a_probe_of_600_lesions_takes_seconds(probe):
    features, labels, patients = cohort(patients=300, lesions=2, dimensions=768)
    start = time.process_time()
    probe(features, labels, patients)
    assert time.process_time() - start < 10
