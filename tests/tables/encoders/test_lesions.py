"""Differences of AUCs on the same lesions: paired, within folds, with intervals over patients."""

import numpy as np
import pytest

from smart_nets.statistics.predictions import Predictions
from smart_nets.tables.encoders.lesions import against_size, auc_differences


def predictions(scores) -> Predictions:
    n = len(scores)
    labels, sizes = np.arange(n) % 2, np.linspace(5, 20, n)
    return Predictions(
        np.arange(n), np.array([f"p{i}" for i in range(n)]), np.zeros(n), labels, np.array(scores), sizes
    )


def test_by_hand():
    """Of labels 0 1 0 1 0 1: `good` ranks all 9 pairs rightly, `some` 6 of them, and sizes grow, so that 6 of 9 are right."""
    good, some = predictions([0, 1, 0, 1, 0, 1]), predictions([0.1, 0.2, 0.3, 0.4, 0.5, 0.6])
    (gap,) = auc_differences({"good": good, "some": some}, 500, 0)
    assert (gap["a"], gap["b"], gap["measure"]) == ("good", "some", "auc") and gap["value"] == pytest.approx(1 / 3)
    assert gap["low"] <= gap["value"] <= gap["high"]
    told = against_size({"good": good, "some": some}, 500, 0)
    assert [one["b"] for one in told] == ["size alone"] * 2
    assert [one["value"] for one in told] == pytest.approx([1 / 3, 0])


def test_a_model_does_not_differ_from_itself():
    one = predictions([0.3, 0.2, 0.5, 0.9, 0.1, 0.6])
    (gap,) = auc_differences({"a": one, "b": one}, 200, 0)
    assert gap["value"] == 0 and gap["low"] == gap["high"] == 0
