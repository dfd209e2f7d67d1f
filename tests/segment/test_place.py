"""What place alone is worth: organs that always lie alike are found without a look at the image."""

from types import SimpleNamespace

import numpy as np
import pytest

from smart_nets.segment.paired import dice_by_patient, dice_difference
from smart_nets.segment.place import PlaceFloor, place_means
from smart_nets.segment.report.floor import place_notes

VALUES = {"liver": [1], "tumour": [2]}


def cases(shape: tuple[int, int, int], places: list[slice]) -> SimpleNamespace:
    """Prepared cases with the liver in the lower half, and a tumour somewhere above."""
    targets = []
    for place in places:
        target = np.zeros(shape, np.int16)
        target[:, :, : shape[2] // 2] = 1
        target[place, 2:4, shape[2] - 4 :] = 2
        targets.append(target)
    return SimpleNamespace(values=VALUES, get=lambda item: SimpleNamespace(target=targets[item["at"]]))


def test_what_lies_alike_is_found_in_a_scan_of_another_size():
    volumes = cases((16, 16, 32), [slice(0, 2), slice(6, 8), slice(12, 14)])
    answer = PlaceFloor(volumes, [{"at": at} for at in range(3)])((20, 24, 40))
    assert answer.shape == (20, 24, 40) and answer.dtype == np.uint8
    assert (answer[:, :, :19] == 1).all() and not (answer == 2).any()  # no place shows the tumour in most cases
    assert not answer[:, :, 21:].any()


def test_a_network_is_judged_beside_it():
    rows = [
        {"case": at, "patient": f"p{at}", "class": name, "dice": 0.7, "place_dice": 0.5 + 0.05 * at, "nsd": 0.5, "hd95": 3.0,
         "reference_ml": 9.0, "predicted_ml": 9.0, "lesions": 1, "found": 1, "false_positives": 0, "small": 0, "small_found": 0}
        for at in range(4) for name in VALUES
    ]  # fmt: skip
    told = place_means(rows, [*VALUES], [f"p{at}" for at in range(4)])
    assert told["mean_dice"]["value"] == pytest.approx(0.575) and told["classes"]["liver"]["value"] == pytest.approx(
        0.575
    )
    assert told["difference"]["value"] == pytest.approx(0.125) and told["difference"]["better"] == 4
    (note,) = place_notes({"place": told})  # better in all of four patients, which proves nothing
    assert "difference is 0.125" in note and "too few patients for a test" in note
    clear = {**told, "difference": told["difference"] | {"p": 0.01}}
    assert place_notes({"place": clear}) == []
    assert place_notes({}) == []


@pytest.mark.parametrize(
    ("gap", "says"),
    [
        (
            {"value": -0.1, "low": -0.2, "high": 0.05, "p": 0.3},
            "not shown to be better: the difference is −0.100 (−0.200 to 0.050)",
        ),
        ({"value": None, "low": None, "high": None, "p": None}, "not shown to be better: too few patients to tell"),
    ],
)
def test_a_network_that_is_not_better_is_told(gap, says):
    floor = {"mean_dice": {"value": 0.56, "low": 0.5, "high": 0.6}, "difference": gap}
    (note,) = place_notes({"place": floor})
    assert "a mean Dice of 0.560" in note and says in note


def test_patients_without_a_figure_do_not_count():
    rows = [{"patient": "a", "class": "liver", "dice": 0.5}, {"patient": "b", "class": "liver", "dice": float("nan")}]
    assert dice_by_patient(rows, {"liver"}) == {"a": 0.5}
    assert dice_difference({"a": 0.5}, {"b": 0.5}) == {
        "value": None, "low": None, "high": None, "p": None, "patients": 0, "better": 0
    }  # fmt: skip
