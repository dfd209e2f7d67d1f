"""Calibration: bins, slope and intercept by hand."""

import math

import numpy as np
import pytest
from scipy.stats import binomtest

from smart_nets.statistics.calibration import calibration, wilson
from smart_nets.statistics.predictions import Predictions

pytestmark = pytest.mark.filterwarnings("error")


def said(labels, probabilities, patients=None) -> Predictions:
    rows = np.arange(len(labels))
    return Predictions(rows, rows if patients is None else patients, 0 * rows, labels, probabilities, np.nan * rows)


def test_by_hand():
    """Of 4 lesions at 0.2 one is positive, of 4 at 0.8 three are: the right slope of the logits is log 3 / log 4."""
    found = calibration(said([1, 0, 0, 0, 1, 1, 1, 0], [0.2] * 4 + [0.8] * 4))
    low, high = found["bins"]
    assert (low["mean"], low["share"], low["count"]) == (0.2, 0.25, 4)
    assert (high["mean"], high["share"], high["count"]) == (0.8, 0.75, 4)
    assert found["slope"] == pytest.approx(math.log(3) / math.log(4), rel=1e-6)
    assert found["intercept"] == pytest.approx(0, abs=1e-6)
    # each bin's gap has a standard deviation of sqrt(4 x 0.16) lesions; a normal one's mean size is sqrt(2 / pi) of it
    assert found["error_if_calibrated"] == pytest.approx(2 * 0.8 * math.sqrt(2 / math.pi) / 8)


def test_shifted_by_hand():
    """At 0.5 a share of 1/4, at 0.8 of 4/7: logits 0 and log 4 become -log 3 and log 4/3, so slope 1 and -log 3."""
    found = calibration(said([1, 0, 0, 0] + [1] * 4 + [0] * 3, [0.5] * 4 + [0.8] * 7))
    assert found["slope"] == pytest.approx(1, rel=1e-6)
    assert found["intercept"] == pytest.approx(-math.log(3), rel=1e-6)


@pytest.mark.parametrize(("right", "of"), [(0, 7), (1, 7), (5, 10), (10, 10)])
def test_wilson(right, of):
    theirs = binomtest(right, of).proportion_ci(method="wilson")
    assert wilson(right / of, of) == pytest.approx((theirs.low, theirs.high), abs=1e-12)
    assert wilson(0.5, 4) == pytest.approx((0.15, 0.85), abs=1e-4)  # by hand: 0.5 +- 1.96 / 1.96 x 0.35


def test_lesions_of_a_patient_are_one_answer_in_a_bins_interval():
    labels, probabilities = [1, 0, 1, 0, 1, 0], [0.5] * 6
    several = calibration(said(labels, probabilities))["bins"][0]
    two = calibration(said(labels, probabilities, ["p", "p", "p", "q", "q", "q"]))["bins"][0]
    assert (several["low"], several["high"]) == pytest.approx(wilson(0.5, 6))
    assert (two["low"], two["high"]) == pytest.approx(wilson(0.5, 2))


@pytest.mark.parametrize(
    ("labels", "probabilities", "why"),
    [
        ([0, 1, 0, 1], [0.3, 0.3, 0.3, 0.3], "all probabilities are alike"),
        ([0, 0, 1, 1], [0.1, 0.2, 0.2, 0.9], "separate the classes"),
        ([0, 0, 1, 1], [0.9, 0.8, 0.2, 0.1], "separate the classes"),
    ],
)
def test_no_slope(labels, probabilities, why):
    found = calibration(said(labels, probabilities))
    assert (found["slope"], found["intercept"]) == (None, None)
    assert why in found["why"]


def test_certain_answers_have_a_slope():
    found = calibration(said([0, 1, 1, 0], [0.0, 1.0, 0.4, 0.6]))
    assert 0 < found["slope"] < 1
