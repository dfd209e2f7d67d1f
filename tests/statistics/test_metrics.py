"""Every metric equals scikit-learn's, weighted or not, and numbers worked out by hand."""

import numpy as np
import pytest
from sklearn import metrics as sk

from smart_nets.statistics import metrics
from smart_nets.statistics.metrics import FoldRankings, Ranking

ONES = np.ones((1, 6))
# positives score 3, 2, 0; negatives 2, 1, 0. Of the 9 pairs the positive is higher in 3 + 2 + 0 and tied in 0 + 1 + 1
LABELS, SCORES = np.array([1, 1, 1, 0, 0, 0]), np.array([3.0, 2, 0, 2, 1, 0])


def some_lesions(n: int = 80) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Labels, probabilities with many ties, and three weightings that leave lesions out and repeat others."""
    rng = np.random.default_rng(3)
    labels = (rng.random(n) < 0.4).astype(int)
    return labels, np.round(0.6 * rng.random(n) + 0.4 * labels * rng.random(n), 1), rng.poisson(1, (3, n)).astype(float)


def test_by_hand():
    hits, alarms = Ranking(LABELS, SCORES).counts(ONES)
    assert hits.tolist() == [[0, 1, 2, 2, 3]]  # at or above nothing, 3, 2, 1, 0
    assert alarms.tolist() == [[0, 0, 1, 2, 3]]
    assert metrics.roc_auc(hits, alarms) == pytest.approx((5 + 0.5 * 2) / 9)
    # recall steps of 1/3 at scores 3, 2 and 0, where precision is 1, 2/3 and 3/6
    assert metrics.average_precision(hits, alarms) == pytest.approx((1 + 2 / 3 + 1 / 2) / 3)
    grid = np.array([0, 1 / 6, 1 / 3, 1])
    assert metrics.roc_curve(hits, alarms, grid)[0] == pytest.approx([1 / 3, 1 / 2, 2 / 3, 1])
    assert metrics.precision_curve(hits, alarms, np.array([0, 1 / 3, 0.34, 2 / 3, 0.7, 1]))[0] == pytest.approx(
        [1, 1, 2 / 3, 2 / 3, 1 / 2, 1 / 2]
    )


def test_rates_by_hand():
    called = SCORES >= 2  # 2 of 3 positives, 1 of 3 negatives
    found = metrics.decision_rates(LABELS, called, ONES)
    assert {name: value.item() for name, value in found.items()} == pytest.approx(
        {"precision": 2 / 3, "recall": 2 / 3, "specificity": 2 / 3, "accuracy": 4 / 6, "balanced_accuracy": 2 / 3}
    )


def test_calibration_error_by_hand():
    probabilities = np.array([0.2, 0.2, 0.2, 0.2, 0.9, 1.0])
    labels = np.array([1, 0, 0, 0, 1, 0])
    # bin [0.2, 0.3): 4 lesions, mean 0.2, share 0.25; bin [0.9, 1]: 2 lesions, mean 0.95, share 0.5
    expected = 4 / 6 * 0.05 + 2 / 6 * 0.45
    assert metrics.calibration_error(labels, probabilities, ONES).item() == pytest.approx(expected)
    assert metrics.calibration_bin(np.array([0, 0.05, 0.1, 0.99, 1])).tolist() == [0, 0, 1, 9, 9]


def test_equals_scikit_learn_with_any_weights():
    labels, scores, weights = some_lesions()
    hits, alarms = Ranking(labels, scores).counts(weights)
    called = scores >= 0.5
    rates = metrics.decision_rates(labels, called, weights)
    for line, weight in enumerate(weights):
        given = {"sample_weight": weight}
        assert metrics.roc_auc(hits, alarms)[line] == pytest.approx(sk.roc_auc_score(labels, scores, **given))
        assert metrics.average_precision(hits, alarms)[line] == pytest.approx(
            sk.average_precision_score(labels, scores, **given)
        )
        assert metrics.brier(labels, scores, weights)[line] == pytest.approx(
            sk.brier_score_loss(labels, scores, **given)
        )
        for name, expected in (
            ("precision", sk.precision_score(labels, called, **given)),
            ("recall", sk.recall_score(labels, called, **given)),
            ("specificity", sk.recall_score(labels, called, pos_label=0, **given)),
            ("accuracy", sk.accuracy_score(labels, called, **given)),
            ("balanced_accuracy", sk.balanced_accuracy_score(labels, called, **given)),
        ):
            assert rates[name][line] == pytest.approx(expected), name


def test_curves_equal_scikit_learn():
    labels, scores, _ = some_lesions()
    hits, alarms = Ranking(labels, scores).counts(np.ones((1, len(labels))))
    grid = np.linspace(0, 1, 101)
    fpr, tpr, _ = sk.roc_curve(labels, scores, drop_intermediate=False)
    np.testing.assert_allclose(metrics.roc_curve(hits, alarms, grid)[0], np.interp(grid, fpr, tpr))
    precision, recall, _ = sk.precision_recall_curve(labels, scores)
    expected = [precision[recall >= max(r, recall[recall > 0].min()) - 1e-12][-1] for r in grid]
    # scikit-learn lists thresholds upwards: the last one that still has the recall is the highest
    np.testing.assert_allclose(metrics.precision_curve(hits, alarms, grid)[0], expected)


def test_folds_are_ranked_apart():
    """Perfect within each of two folds, whose scores lie far apart: together they would be worse."""
    labels, folds = np.array([0, 1, 0, 1]), np.array([0, 0, 1, 1])
    scores = np.array([0.1, 0.2, 0.8, 0.9])
    weights = np.ones((1, 4))
    assert FoldRankings(labels, scores, folds).mean(metrics.roc_auc, weights) == 1
    assert metrics.roc_auc(*Ranking(labels, scores).counts(weights)) == 0.75


@pytest.mark.filterwarnings("error")
def test_what_is_not_defined_is_nan():
    only = np.array([[1.0, 1, 1, 0, 0, 0], [0, 0, 0, 1, 1, 1]])  # weightings of one class
    hits, alarms = Ranking(LABELS, SCORES).counts(only)
    grid = np.array([0.0, 0.5])
    for metric in (metrics.roc_auc, metrics.average_precision):
        assert np.isnan(metric(hits, alarms)).all()
    for curve in (metrics.roc_curve, metrics.precision_curve):
        assert np.isnan(curve(hits, alarms, grid)).all()
    never = metrics.decision_rates(LABELS, np.zeros(6, bool), ONES)
    assert np.isnan(never["precision"]).all()
    assert (never["recall"], never["specificity"]) == (0, 1)
    assert np.isnan(metrics.brier(LABELS, SCORES / 3, 0 * ONES)).all()
