"""Figures of many tumours, and of two maps on the same ones, worked out by hand."""

import json

import numpy as np
import pytest
from scipy import stats

from smart_nets.errors import InputError
from smart_nets.localize.summary import paired_difference, summarise

pytestmark = pytest.mark.filterwarnings("error")
ROWS = [{"dice": 0.2, "hd95": 10.0}, {"dice": 0.4, "hd95": float("nan")}, {"dice": 0.9, "hd95": 40.0}]


def column(key, values):
    return [{key: value} for value in values]


def test_by_hand():
    found = summarise(ROWS, ["a", "b", "c"])
    assert found["dice"].keys() == {"mean", "sd", "median", "n", "low", "high"}
    assert found["dice"]["mean"] == pytest.approx(1.5 / 3)
    assert found["dice"]["sd"] == pytest.approx(np.sqrt((0.3**2 + 0.1**2 + 0.4**2) / 2))
    assert (found["dice"]["median"], found["dice"]["n"]) == (0.4, 3)
    assert 0 <= found["dice"]["low"] < 0.5 < found["dice"]["high"] <= 1
    assert (found["hd95"]["mean"], found["hd95"]["median"], found["hd95"]["n"]) == (25, 25, 2)
    assert found["hd95"]["sd"] == pytest.approx(np.sqrt(2 * 15**2))
    assert 10 <= found["hd95"]["low"] < 25 < found["hd95"]["high"] <= 40


def test_what_is_not_defined_is_none_in_json():
    found = summarise([{"hd95": None}, {"hd95": float("nan")}], ["a", "b"])
    nothing = {"mean": None, "sd": None, "median": None, "n": 0, "low": None, "high": None}
    assert json.loads(json.dumps(found, allow_nan=False)) == {"hd95": nothing}
    once = summarise(column("dice", [0.5]), ["a"])
    assert once == {"dice": {"mean": 0.5, "sd": None, "median": 0.5, "n": 1, "low": None, "high": None}}


def test_two_tumours_of_one_patient_have_no_interval():
    found = summarise(column("dice", [0.2, 0.4]), ["a", "a"])["dice"]
    assert (found["mean"], found["low"], found["high"]) == (pytest.approx(0.3), None, None)
    # of the second patient nothing is defined
    found = summarise(column("dice", [None, 0.2, 0.4]), ["b", "a", "a"])["dice"]
    assert (found["n"], found["low"], found["high"]) == (2, None, None)


@pytest.mark.parametrize("key", ["dice", "hd95"])
def test_the_interval_is_students(key):
    """One tumour for each of 20 patients: t s / sqrt(n) either side of the mean, for shares and for mm."""
    values = np.random.default_rng(0).random(20) * (1 if key == "dice" else 50)
    found = summarise(column(key, values.tolist()), [str(number) for number in range(20)])[key]
    low, high = stats.t.interval(0.95, 19, values.mean(), stats.sem(values))
    assert (found["low"], found["high"]) == pytest.approx((low, high), abs=0.1 * (high - low))
    assert found["high"] - found["low"] == pytest.approx(high - low, rel=0.08)


def test_tumours_of_a_patient_go_together():
    """Ten patients of 20 like tumours, found in five: as 200 tumours the interval would be 0.43 to 0.57."""
    found = summarise(column("found", np.repeat([1.0, 0.0], 100).tolist()), np.repeat(np.arange(10), 20).tolist())[
        "found"
    ]
    reach = stats.t.ppf(0.975, 9) * np.sqrt(0.25 / 9)
    assert (found["low"], found["high"]) == pytest.approx((0.5 - reach, 0.5 + reach), abs=0.06)


def test_all_found_is_not_certain():
    """10 of 10: the share p with p^10 = 0.025 (Clopper and Pearson). Millimetres have no such limit."""
    patients = [str(number) for number in range(10)]
    found = summarise(column("found", [1.0] * 10), patients)["found"]
    assert (found["mean"], found["low"], found["high"]) == pytest.approx((1, 0.025**0.1, 1))
    same = summarise(column("pointing_mm", [1.0] * 10), patients)["pointing_mm"]
    assert (same["mean"], same["sd"], same["low"], same["high"]) == (1, 0, 1, 1)


def test_paired_by_hand():
    """Differences 0.3, -0.1, 0.4; the fourth tumour has no second figure, the fifth no first one."""
    ours, theirs = column("dice", [0.5, 0.3, 0.8, 0.9, None]), column("dice", [0.2, 0.4, 0.4, float("nan"), 0.1])
    found = paired_difference(ours, theirs, "dice", list("abcde"))
    assert (found["difference"], found["better"], found["n"]) == (pytest.approx(0.2), 2, 3)
    assert -0.1001 < found["low"] < 0.2 < found["high"] < 0.4001
    turned = paired_difference(theirs, ours, "dice", list("abcde"))
    assert (turned["difference"], turned["better"]) == (pytest.approx(-0.2), 1)
    assert turned["low"] < -0.2 < turned["high"]


def test_pairs_are_surer_than_their_sides():
    """Tumours differ by far more than the maps do: the interval is that of the differences, and leaves 0 out."""
    rng = np.random.default_rng(0)
    theirs = rng.random(20) * 80
    ours = theirs - 3 + rng.normal(size=20)  # mm nearer
    patients = [str(number) for number in range(20)]
    found = paired_difference(column("hd95", ours.tolist()), column("hd95", theirs.tolist()), "hd95", patients)
    low, high = stats.t.interval(0.95, 19, (ours - theirs).mean(), stats.sem(ours - theirs))
    assert (found["low"], found["high"]) == pytest.approx((low, high), abs=0.15 * (high - low))
    assert found["high"] < 0


def test_equal_maps_do_not_differ():
    rows = column("dice", [0.2, 0.4, 0.4])
    assert paired_difference(rows, rows, "dice", list("abc")) == {
        "difference": 0,
        "low": 0,
        "high": 0,
        "better": 0,
        "n": 3,
    }


def test_pairs_of_one_patient_or_none():
    found = paired_difference(column("hd95", [1.0, 2.0]), column("hd95", [0.5, 1.0]), "hd95", ["a", "a"])
    assert found == {"difference": 0.75, "low": None, "high": None, "better": 2, "n": 2}
    none = paired_difference(column("hd95", [1.0, None]), column("hd95", [None, 1.0]), "hd95", ["a", "b"])
    assert json.loads(json.dumps(none)) == {"difference": None, "low": None, "high": None, "better": 0, "n": 0}


@pytest.mark.parametrize(
    ("rows", "patients", "says"),
    [
        ([], [], "rows: there are no tumours"),
        (ROWS, ["a", "b"], "rows and patients: differ in number .*found 3 and 2"),
        ([*ROWS, {"dice": 0.1}], list("abcd"), "rows: have different figures"),
    ],
)
def test_what_cannot_be_summed_up(rows, patients, says):
    for call in (lambda: summarise(rows, patients), lambda: paired_difference(rows, rows, "dice", patients)):
        with pytest.raises(InputError, match=says):
            call()


@pytest.mark.parametrize(
    ("theirs", "key", "says"),
    [
        (ROWS[:2], "dice", "differ in number .*found 2 and 3"),
        (ROWS, "recall", "recall: is not measured .expected one of dice, hd95"),
        (column("hd95", [1, 2, 3]), "dice", "dice: is not measured"),
    ],
)
def test_what_cannot_be_paired(theirs, key, says):
    with pytest.raises(InputError, match=says):
        paired_difference(ROWS, theirs, key, list("abc"))
