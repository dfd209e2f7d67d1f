"""The test of DeLong: by hand, by brute force over all pairs, and with patients who have several lesions."""

import math

import numpy as np
import pytest
from scipy.stats import norm
from sklearn.metrics import roc_auc_score

from smart_nets.errors import InputError
from smart_nets.statistics.delong import delong

pytestmark = pytest.mark.filterwarnings("error")


def variance(found: dict) -> float:
    """Of the difference, out of the width of its interval."""
    return ((found["high"] - found["low"]) / (2 * norm.ppf(0.975))) ** 2


def kernel(labels, scores) -> np.ndarray:
    """1, 1/2 or 0 for each pair of a positive (row) and a negative (column)."""
    x, y = scores[labels == 1][:, None], scores[labels == 0][None]
    return (x > y) + 0.5 * (x == y)


def by_definition(labels, a, b, patients) -> float:
    """Variance of the difference as in Obuchowski 1997, sum by sum; with one lesion per patient that of DeLong 1988."""
    pairs = kernel(labels, a) - kernel(labels, b)
    theta, (m, n) = pairs.mean(), pairs.shape
    v10, v01 = pairs.mean(axis=1) - theta, pairs.mean(axis=0) - theta
    of_x, of_y = patients[labels == 1], patients[labels == 0]
    names = sorted(set(patients))
    s10 = sum(v10[of_x == name].sum() ** 2 for name in names) * len(set(of_x)) / ((len(set(of_x)) - 1) * m)
    s01 = sum(v01[of_y == name].sum() ** 2 for name in names) * len(set(of_y)) / ((len(set(of_y)) - 1) * n)
    s11 = sum(v10[of_x == name].sum() * v01[of_y == name].sum() for name in names) * len(names) / (len(names) - 1)
    return s10 / m + s01 / n + 2 * s11 / (m * n)


def some_lesions(patients: int = 30, seed: int = 0):
    """Labels, two scores with ties, and patients of 1 to 4 lesions."""
    rng = np.random.default_rng(seed)
    owner = np.repeat(np.arange(patients), rng.integers(1, 5, patients))
    labels = (rng.random(len(owner)) < 0.4).astype(int)
    common = rng.normal(size=patients)[owner] + rng.normal(size=len(owner)) + labels
    a, b = (np.round(common + rng.normal(size=len(owner)), 1) for _ in range(2))
    return labels, a, b, np.array([f"p{number}" for number in owner])


def test_by_hand():
    """Positives score 3 and 1, negatives 2 and 0; the other score is constant.

    3 outranks both negatives and 1 outranks one: placements 1 and 1/2, mean 3/4, variance (1/4^2 + 1/4^2) / 1 = 1/8. The
    negatives are outranked by 1/2 and all of the positives: 1/8 again. A constant score has placements of 1/2 without
    variance, so that the difference of 1/4 has variance 1/8 / 2 + 1/8 / 2 = 1/8.
    """
    found = delong([1, 1, 0, 0], [3, 1, 2, 0], [5, 5, 5, 5])
    assert (found["auc_a"], found["auc_b"], found["difference"]) == (0.75, 0.5, 0.25)
    reach = 1.959964 * math.sqrt(1 / 8)
    assert (found["low"], found["high"]) == pytest.approx((0.25 - reach, 0.25 + reach))
    assert found["p"] == pytest.approx(2 * norm.sf(0.25 / math.sqrt(1 / 8)))  # 0.4795


@pytest.mark.parametrize("seed", range(5))
def test_equals_the_covariances_of_delong(seed):
    labels, a, b, _ = some_lesions(seed=seed)
    found = delong(labels, a, b)
    assert (found["auc_a"], found["auc_b"]) == pytest.approx((roc_auc_score(labels, a), roc_auc_score(labels, b)))
    ka, kb = kernel(labels, a), kernel(labels, b)
    s10 = np.cov(ka.mean(axis=1), kb.mean(axis=1))
    s01 = np.cov(ka.mean(axis=0), kb.mean(axis=0))
    total = s10 / len(ka) + s01 / ka.shape[1]  # (2, 2), covariances of the two AUCs
    expected = total[0, 0] + total[1, 1] - 2 * total[0, 1]
    assert variance(found) == pytest.approx(expected)
    assert found["p"] == pytest.approx(2 * norm.sf(abs(found["difference"]) / math.sqrt(expected)))


@pytest.mark.parametrize("seed", range(5))
def test_clustered_equals_obuchowski(seed):
    labels, a, b, patients = some_lesions(seed=seed)
    found = delong(labels, a, b, patients)
    assert variance(found) == pytest.approx(by_definition(labels, a, b, patients))
    single = np.arange(len(labels))
    assert variance(delong(labels, a, b)) == pytest.approx(by_definition(labels, a, b, single))


def test_copies_of_a_lesion_add_no_certainty():
    labels, a, b, _ = some_lesions()
    once = delong(labels, a, b)
    patients = np.arange(len(labels))
    twice = delong(*(np.tile(values, 2) for values in (labels, a, b, patients)))
    assert twice == pytest.approx(once)
    assert delong(*(np.tile(values, 2) for values in (labels, a, b)))["p"] < once["p"]  # as if they were others


def test_folds_are_independent_studies():
    """Mean of the differences, and the sum of the variances over the square of the number."""
    parts = [some_lesions(patients, seed) for patients, seed in ((30, 0), (20, 1), (40, 2))]
    alone = [delong(*part) for part in parts]
    joined = [np.concatenate(columns) for columns in zip(*parts, strict=True)]
    folds = np.repeat([0, 1, 2], [len(part[0]) for part in parts])
    patients = np.char.add(joined[3], folds.astype(str))  # others in each fold
    found = delong(*joined[:3], patients, folds)
    assert found["difference"] == pytest.approx(np.mean([one["difference"] for one in alone]))
    assert variance(found) == pytest.approx(sum(map(variance, alone)) / 9)


def test_several_models_of_the_same_patients_are_not():
    """The same predictions given as three folds of the same patients are one study, not three."""
    labels, a, b, patients = some_lesions()
    tripled = [np.tile(values, 3) for values in (labels, a, b, patients)]
    assert delong(*tripled, np.repeat([0, 1, 2], len(labels))) == pytest.approx(delong(labels, a, b, patients))


def test_what_must_not_matter():
    labels, a, b, patients = some_lesions()
    found = delong(labels, a, b, patients)
    order = np.random.default_rng(1).permutation(len(labels))
    assert delong(labels[order], a[order], b[order], patients[order]) == pytest.approx(found)
    assert delong(labels, np.exp(a), 7 * b - 3, patients) == pytest.approx(found)
    turned = delong(labels, b, a, patients)
    assert (turned["difference"], turned["p"]) == pytest.approx((-found["difference"], found["p"]))
    assert delong(1 - labels, -a, -b, patients) == pytest.approx(found)  # the other class as class 1


def test_no_variance():
    same = delong([1, 1, 0, 0], [4, 3, 2, 1], [40, 30, 20, 10])
    assert (same["difference"], same["low"], same["high"], same["p"]) == (0, 0, 0, 1)
    perfect = delong([1, 1, 0, 0], [4, 3, 2, 1], [5, 5, 5, 5])
    assert (perfect["difference"], perfect["low"], perfect["high"], perfect["p"]) == (0.5, None, None, None)
    assert "no variance" in perfect["why"]


@pytest.mark.parametrize(
    ("given", "says"),
    [
        (([1, 0, 1], [1, 2], [1, 2, 3]), "scores_a: differs in length"),
        (([1, 0, 1], [1, 2, 3], [1, 2]), "scores_b: differs in length"),
        (([1, 0, 1], [1, 2, 3], [1, 2, 3], ["p"]), "patients: differs in length"),
        (([1, 0, 1], [1, 2, 3], [1, 2, 3], None, [0]), "folds: differs in length"),
        (([1, 0, 2], [1, 2, 3], [1, 2, 3]), "not binary"),
        (([1, 0, np.nan], [1, 2, 3], [1, 2, 3]), "not binary"),
        (([1, 0, 1], [1, np.nan, 3], [1, 2, 3]), "scores_a: scores are not finite .found 1"),
        (([1, 0, 1], [1, 2, 3], [1, np.inf, 3]), "scores_b: scores are not finite"),
        (([1, 1, 1], [1, 2, 3], [1, 2, 3]), "one class only"),
        (([], [], []), "there are no lesions"),
        (([1, 0, 1, 1], [1, 2, 3, 4], [1, 2, 3, 4], None, [0, 0, 1, 1]), "fold 1: has lesions of one class only"),
        (([1, 0, 1, 0], [1, 2, 3, 4], [1, 2, 3, 4], ["p", "p", "p", "q"]), "too few patients .*found 1 of class 1"),
    ],
)
def test_what_cannot_be_tested(given, says):
    with pytest.raises(InputError, match=says):
        delong(*given)
