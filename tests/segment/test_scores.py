"""Figures of segmentation against voxels counted by hand."""

import numpy as np
import pytest

from smart_nets.errors import InputError
from smart_nets.segment.scores import case_scores, means_of_cases, volume_agreement

SPACING = np.array([2.0, 2.0, 2.0])  # 8 mm^3 a voxel


def cube(*places: tuple[slice, slice, slice], side: int = 20) -> np.ndarray:
    found = np.zeros((side, side, side), np.uint8)
    for place in places:
        found[place] = 1
    return found


BOX = (slice(2, 8), slice(2, 8), slice(2, 8))  # 216 voxels, 1.728 ml
MOVED = (slice(3, 9), slice(2, 8), slice(2, 8))  # 180 of them in common


def test_a_cube_moved_by_a_voxel():
    (row,) = case_scores(cube(MOVED), cube(BOX), SPACING, ["tumour"])
    assert row["dice"] == pytest.approx(180 / 216) and row["nsd"] == 1.0 and row["hd95"] == pytest.approx(2.0)
    assert row["reference_ml"] == row["predicted_ml"] == pytest.approx(1.728)
    assert [row[key] for key in ("lesions", "found", "false_positives", "small", "small_found")] == [1, 1, 0, 1, 1]


def test_two_pieces_of_which_one_is_found_and_one_false():
    far, other = (slice(14, 18),) * 3, (slice(14, 18), slice(2, 6), slice(2, 6))
    (row,) = case_scores(cube(BOX, other), cube(BOX, far), SPACING, ["tumour"])
    assert [row[key] for key in ("lesions", "found", "false_positives")] == [2, 1, 1]


def test_a_touch_is_no_finding():
    corner = (slice(2, 3), slice(2, 8), slice(2, 5))  # 18 of 216 voxels: less than a tenth
    (row,) = case_scores(cube(corner), cube(BOX), SPACING, ["tumour"])
    assert (row["found"], row["false_positives"]) == (0, 0)


def test_what_nobody_drew_and_what_nobody_found():
    (nothing,) = case_scores(cube(), cube(), SPACING, ["tumour"])
    assert np.isnan([nothing["dice"], nothing["nsd"], nothing["hd95"]]).all() and nothing["lesions"] == 0
    (false,) = case_scores(cube(BOX), cube(), SPACING, ["tumour"])
    assert np.isnan(false["dice"]) and false["false_positives"] == 1
    (missed,) = case_scores(cube(), cube(BOX), SPACING, ["tumour"])
    assert (missed["dice"], missed["nsd"], missed["found"]) == (0.0, 0.0, 0) and np.isnan(missed["hd95"])


def rows_of(dices: list[float], names=("liver",)) -> list[dict]:
    blank = dict.fromkeys(("lesions", "found", "false_positives", "small", "small_found"), 1)
    return [
        {"case": number, "class": name, "dice": value, "nsd": value, "hd95": 2.0, "reference_ml": 10.0,
         "predicted_ml": 10.0 + number, **blank}
        for number, value in enumerate(dices) for name in names
    ]  # fmt: skip


def test_means_leave_out_what_is_not_defined_and_count_it():
    found = means_of_cases(rows_of([0.8, 0.6, np.nan, 0.0]), ["liver"], ["a", "b", "c", "d"], rounds=200)
    liver = found["classes"]["liver"]
    assert liver["dice"]["value"] == pytest.approx(1.4 / 3) and (liver["without"], liver["missed"]) == (1, 1)
    assert liver["dice"]["low"] < 1.4 / 3 < liver["dice"]["high"] and found["cases"] == found["patients"] == 4
    assert found["mean_dice"]["value"] == pytest.approx(1.4 / 3)


def test_one_patient_has_no_interval():
    found = means_of_cases(rows_of([0.8, 0.6]), ["liver"], ["a", "a"], rounds=200)
    assert found["mean_dice"] == {"value": pytest.approx(0.7), "low": None, "high": None, "why": "one patient alone"}


def test_the_mean_over_names_is_taken_case_by_case():
    rows = rows_of([0.8, 0.6], ("liver", "spleen"))
    rows[1]["dice"] = np.nan  # no spleen in the first
    assert means_of_cases(rows, ["liver", "spleen"], ["a", "b"], rounds=200)["mean_dice"]["value"] == pytest.approx(
        (0.8 + 0.6) / 2
    )


def test_bias_and_limits_of_agreement_by_hand():
    """Gaps 0, 1, 2 ml: mean 1, standard deviation 1."""
    assert volume_agreement(rows_of([1, 1, 1])) == {
        "bias_ml": 1.0,
        "low_ml": pytest.approx(-0.96),
        "high_ml": pytest.approx(2.96),
    }
    assert volume_agreement([]) == {"bias_ml": None, "low_ml": None, "high_ml": None}


def test_shapes_must_agree():
    with pytest.raises(InputError, match="differ in shape"):
        case_scores(np.zeros((2, 2, 2)), np.zeros((2, 2, 3)), SPACING, ["a"])


def test_intervals_that_do_not_exist_are_not_told():
    """The same distance everywhere, a name in one patient alone, as many false pieces in each scan."""
    rows = rows_of([0.6, np.nan, np.nan, np.nan])
    for row in rows:
        row["hd95"] = 1.0
    found = means_of_cases(rows, ["liver"], ["a", "b", "c", "d"], rounds=200)["classes"]["liver"]
    assert found["dice"] == {"value": 0.6, "low": None, "high": None, "why": "one patient alone"}
    assert found["hd95"]["value"] == 1.0 and found["hd95"]["why"] == "the same in every case"
    assert found["lesions"]["false_positives"]["low"] is None
