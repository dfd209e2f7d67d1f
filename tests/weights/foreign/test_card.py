"""The card of somebody else's encoder: what it may say, and a sentence for each thing it may not."""

import json

import pytest
from fixtures.foreign import CARD, write_card

from smart_nets.errors import CheckpointError
from smart_nets.weights.foreign.card import EXAMPLE, handling_of, in_ras, read_foreign_card


def test_a_card_and_how_it_says_to_read(tmp_path):
    path = write_card(
        tmp_path / "a.json", orientation="SPL", input_range=[-1, 1], feature="pooler_output", repeat_channels=3
    )
    reading = handling_of(read_foreign_card(path, "a"), batch_size=4)
    assert (reading.orientation, reading.input_range, reading.feature) == ("SPL", (-1.0, 1.0), "pooler_output")
    assert (reading.axes, reading.repeat_channels, reading.input, reading.batch_size) == ("B C D H W", 3, "", 4)


def test_numbers_in_the_order_of_the_model_become_those_of_a_crop():
    assert in_ras([3, 1, 2], "SPL") == [2, 1, 3]  # S 3 mm, P 1 mm, L 2 mm
    assert in_ras([3, 1, 2], "RAS") == [3, 1, 2] and in_ras([3, 1, 2], "ASR") == [2, 3, 1]


def test_without_a_card_one_sentence_tells_the_fields_and_an_example_that_is_one(tmp_path):
    with pytest.raises(CheckpointError) as caught:
        read_foreign_card(tmp_path / "smart_nets.json", "hf:model")
    told = str(caught.value)
    assert all(name in told for name in EXAMPLE) and json.dumps(EXAMPLE) in told and "has no card" in told
    (tmp_path / "b.json").write_text(json.dumps(EXAMPLE))
    assert read_foreign_card(tmp_path / "b.json", "b") == EXAMPLE


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"spacing": [2, 2]}, "spacing: cannot be .expected three numbers of mm from 0.1 to 20"),
        ({"spacing": "2 mm"}, "spacing: cannot be"),
        ({"spacing": [2, 2, 0]}, "spacing#2: cannot be"),
        ({"spacing": None}, "lacks a field .found 'spacing' is a required property.*docs/encoders.md"),
        ({"hu_window": [400, -1000]}, "hu_window: cannot be .expected .low, high. in HU, low below high"),
        ({"hu_window": [0, True]}, "hu_window#1: cannot be"),
        ({"orientation": "RAX"}, "orientation: cannot be"),
        ({"orientation": "RLS"}, "orientation: cannot be .expected three letters of R or L, A or P, S or I"),
        ({"crop_size": [32.0, 32, 32]}, "crop_size#0: cannot be"),
        ({"crop_size": [0, 32, 32]}, "crop_size#0: cannot be"),
        ({"in_chans": 3}, "in_chans: cannot be .expected 1, for CT has one channel .repeat_channels gives"),
        ({"in_chans": None}, "'in_chans' is a required property"),
        ({"input_range": [1, 1]}, "input_range: cannot be .expected .low, high., low first"),
        ({"input_range": 1}, "input_range: cannot be .expected .low, high., what the ends of hu_window become"),
        ({"axes": "B C D H"}, 'axes: cannot be .expected the letters B C D H W'),
        ({"axes": "B C D D W"}, "axes: cannot be .expected B C D H W, each once"),
        ({"repeat_channels": 0}, "repeat_channels: cannot be"),
        ({"feature": "last_hidden_state:max"}, "feature: cannot be .expected an output and how to read it"),
        ({"feature": 3}, "feature: cannot be"),
        ({"input": "pixel values"}, "input: cannot be"),
        ({"batch_size": 0}, "batch_size: cannot be"),
        ({"stride": "32"}, "stride: cannot be"),
        ({"architecture": {"img_size": 96}}, "is no field of a card .expected feature_size"),
        ({"architecture": {"name": "SmartEncoder"}}, "name: is no field of a card"),
        ({"sha256": "abc"}, "sha256: cannot be"),
        ({"mean": 0.5}, "mean: is no field of a card"),
    ],
)  # fmt: skip
def test_what_a_card_may_not_say(tmp_path, change, says):
    with pytest.raises(CheckpointError, match=says):
        read_foreign_card(write_card(tmp_path / "a.json", **change), "a")


@pytest.mark.parametrize(
    ("text", "says"),
    [("{", "is no JSON"), ("[]", "expected a JSON object, found list"), ('{"a": 1, "a": 2}', "is given twice")],
)
def test_a_file_that_is_no_card(tmp_path, text, says):
    (tmp_path / "a.json").write_text(text)
    with pytest.raises(CheckpointError, match=says):
        read_foreign_card(tmp_path / "a.json", "a")


def test_the_card_of_the_tests_is_one(tmp_path):
    assert read_foreign_card(write_card(tmp_path / "a.json"), "a") == CARD
