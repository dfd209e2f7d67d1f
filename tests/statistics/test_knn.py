"""kNN with the patient left out, and intervals that draw whole patients."""

import numpy as np
import pytest
from sklearn.model_selection import LeaveOneGroupOut, cross_val_predict
from sklearn.neighbors import KNeighborsClassifier
from sklearn.preprocessing import normalize

from smart_nets.errors import InputError
from smart_nets.statistics.knn import bootstrap_interval, knn_accuracy, knn_scores


def test_by_hand():
    # two patients, directions 0 and 90 degrees; the third crop of patient b points the wrong way
    features = np.array([[1, 0], [0, 1], [1, 0.1], [0.1, 1], [1, 0.2]], dtype=np.float32)
    result = knn_accuracy(features, ["liver", "lung", "liver", "lung", "lung"], ["a", "a", "b", "b", "b"], k=1)
    assert result.accuracy == pytest.approx(4 / 5)
    assert (result.crops, result.classes, result.patients, result.chance) == (5, 2, 2, 0.6)


def test_a_patients_own_crops_never_vote():
    # every crop's nearest neighbour is its patient's other crop of another organ
    features = np.array([[1, 0], [1, 0.01], [0, 1], [0.01, 1]], dtype=np.float32)
    result = knn_accuracy(features, ["x", "y", "y", "x"], ["a", "a", "b", "b"], k=1)
    assert result.accuracy == 0.5  # of the other patient's crops, two point the right way; own crops would make it 0
    shuffled = knn_accuracy(features * 7, ["x", "y", "y", "x"], ["a", "a", "b", "b"], k=1)
    assert shuffled == result  # cosine: length does not matter


def test_equals_scikit_learn():
    rng = np.random.default_rng(0)
    features, labels = rng.normal(size=(60, 8)), rng.integers(0, 3, 60)
    groups = np.repeat(np.arange(6), 10)
    expected = cross_val_predict(
        KNeighborsClassifier(5, weights="distance"), normalize(features), labels, groups=groups, cv=LeaveOneGroupOut()
    )
    assert knn_accuracy(features, labels, groups).accuracy == pytest.approx(float((expected == labels).mean()))


def test_shares_by_hand():
    # unit vectors at 60, 90 and 180 degrees to the test crop are 1, sqrt(2) and 2 away
    train = np.array([[0.5, np.sqrt(3) / 2], [0.0, 2.0], [-1.0, 0.0]])
    votes = 1 / np.array([1, np.sqrt(2), 2])
    for k in (3, 20):  # more neighbours than there are: all vote
        shares = knn_scores(train, np.array([1, 0, 1]), np.array([[7.0, 0.0]]), k)
        np.testing.assert_allclose(shares, [(votes[0] + votes[2]) / votes.sum()], rtol=1e-12)
    assert knn_scores(train, np.array([0, 1, 1]), np.array([[7.0, 0.0]]), 1) == 0
    same = np.vstack([train, [[3.0, 0.0]]])  # at distance 0 it outvotes the others
    assert knn_scores(same, np.array([1, 1, 1, 0]), np.array([[7.0, 0.0]]), 4) == 0


def test_the_interval_knows_that_crops_of_a_patient_go_together():
    patients = np.repeat(np.arange(10), 20)
    right = np.repeat(np.arange(10) < 5, 20)  # whole patients right or wrong
    low, high = bootstrap_interval(lambda rows: float(right[rows].mean()), patients)
    # ten independent patients: a standard error of sqrt(.25 / 10) = .158, so about .5 +- .31; as 200 crops it would be .07
    assert low == pytest.approx(0.2, abs=0.05)
    assert high == pytest.approx(0.8, abs=0.05)


@pytest.mark.parametrize(
    ("features", "labels", "patients", "says"),
    [
        (np.ones((2, 3)), ["a"], ["p", "q"], "differ in number"),
        (np.array([[np.nan], [1.0]]), ["a", "b"], ["p", "q"], "not finite"),
        (np.ones((2, 3)), ["a", "b"], ["p", "p"], "another patient"),
        (np.ones((2, 3)), ["a", "a"], ["p", "q"], "another patient"),
    ],
)
def test_what_cannot_be_judged(features, labels, patients, says):
    with pytest.raises(InputError, match=says):
        knn_accuracy(features, labels, patients)
