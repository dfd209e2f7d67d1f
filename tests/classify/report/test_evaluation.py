from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from smart_nets.classify.report.evaluation import read_curve, read_results
from smart_nets.errors import InputError
from smart_nets.pages.measures import Measure, measure_of
from smart_nets.pages.record import record_of

COUNTS = {"cases": 10, "patients": 8, "positives": 4}


@pytest.mark.parametrize(
    ("one", "text"),
    [
        (Measure(0.87349, 0.82, 0.912), "0.873 (0.820–0.912)"),
        (Measure(0.5), "0.500"),
        (Measure(-0.01, -0.02, 0.003), "−0.010 (−0.020 to 0.003)"),
        (Measure(why="one class"), "no number (one class)"),
        (Measure(), "no number"),
    ],
)
def test_a_measure_in_words(one: Measure, text: str) -> None:
    assert one.text() == text


def test_a_share_is_told_in_percent() -> None:
    assert Measure(0.8, 0.75, 0.85).text(percent=True) == "80.0% (75.0%–85.0%)"


@pytest.mark.parametrize("value", [None, math.nan, {"value": None}, {"value": math.inf}])
def test_what_is_no_number_is_not_known(value: Any) -> None:
    assert not measure_of(value).known


def test_counts_are_enough() -> None:
    results = read_results(COUNTS)
    assert (results.cases, results.patients, results.positives) == (10, 8, 4)
    assert results.roc is None and not results.bins and not results.size and not results.measure("auc").known


def test_parts_find_their_place() -> None:
    results = read_results(
        {
            **COUNTS,
            "metrics": {"auc": {"value": 0.8, "low": 0.7, "high": 0.9}},
            "curves": {"roc": {"fpr": [0, 1], "tpr": [0, 1], "low": [0, None], "high": [0, 1]}},
            "calibration": {
                "bins": [
                    {"mean": 0.2, "share": 0.1, "low": 0, "high": 0.3, "count": 7},
                    {"mean": None, "share": None, "low": None, "high": None, "count": 0},
                ],
                "slope": 1.1,
                "intercept": None,
                "why": "reason",
            },
            "size_only": {"auc": 0.6, "delong_p": None, "why": "one patient"},
            "size_matched": {"range_mm": [8, 15], "cases": 5, "auc": {"value": 0.7}},
        },
    )
    assert results.measure("auc") == Measure(0.8, 0.7, 0.9)
    assert results.roc is not None and np.isnan(results.roc.low[1])
    assert results.bins["count"].tolist() == [7], "a bin without lesions is no point"
    assert results.fit["slope"].value == 1.1 and results.fit["intercept"].why == "reason"
    assert results.size["auc"].value == 0.6 and results.size["delong_p"].why == "one patient"
    assert results.matched["auc"].value == 0.7 and results.matched_range == (8, 15)


@pytest.mark.parametrize(
    "parts",
    [
        {"cases": None},
        {"metrics": [1]},
        {"metrics": {"auc": "good"}},
        {"curves": {"roc": {"fpr": [0, 1], "tpr": [1]}}},
        {"calibration": {"bins": [1]}},
        {"size_matched": {"range_mm": [8]}},
    ],
)
def test_another_form_is_one_sentence_that_names_the_file(parts: dict[str, Any]) -> None:
    message = r"^metrics\.json: is no record of an evaluation .*evaluate again\.$"
    with pytest.raises(InputError, match=message), record_of("an evaluation", Path("metrics.json")):
        read_results({**COUNTS, **parts})


def test_a_curve_without_its_columns_is_none() -> None:
    assert read_curve({"fpr": [0]}, "fpr", "tpr") is None
    assert read_curve(None, "fpr", "tpr") is None
