"""What label maps call things: as a user says, as nnU-Net and the Decathlon write it, and for phantoms."""

import json

import pytest

from smart_nets.errors import ConfigError, InputError
from smart_nets.segment.cases.names import PHANTOM_LABELS, card_values, channels, label_values, may_flip


def test_names_of_a_user_become_channels_in_their_order():
    values = label_values({"liver": 5, "kidneys": [2, 3]}, None)
    assert values == {"liver": [5], "kidneys": [2, 3]} and channels(values) == ["background", "liver", "kidneys"]


def test_without_names_phantoms_have_six_and_anything_else_is_a_tumour(tmp_path):
    assert label_values(None, None) == PHANTOM_LABELS and len(PHANTOM_LABELS) == 6
    assert label_values(None, tmp_path) == {"tumour": [1]}


@pytest.mark.parametrize(
    "labels", [{"background": 0, "pancreas": 1, "mass": 2}, {"0": "background", "1": "pancreas", "2": "mass"}]
)
def test_nnunet_and_the_decathlon_tell_their_own(tmp_path, labels):
    (tmp_path / "dataset.json").write_text(json.dumps({"labels": labels}))
    assert (
        label_values(None, tmp_path) == label_values(None, tmp_path / "dataset.json") == {"pancreas": [1], "mass": [2]}
    )


@pytest.mark.parametrize(
    ("labels", "says"),
    [
        ({}, "nothing to outline"),
        ({"background": 0}, "nothing to outline"),
        ({"liver": 0}, "0 is the background"),
        ({"liver": 1.5}, "a whole number"),
        ({"liver": "2"}, "found '2'.*write a number"),
        ({"liver": True}, "a whole number"),
        ({"liver": []}, "a whole number"),
        ({"liver": 1, "tumour": [1, 2]}, "stands for two labels"),
        ({"": 1}, "is no name"),
        (["liver"], "are no names"),
        ({"liver": 1, "ignore": 2}, "cannot be left out"),
        ({"liver": 1, "liver ": 2}, "is named twice"),
    ],
)
def test_labels_that_cannot_be(labels, says):
    with pytest.raises(ConfigError, match=says):
        label_values(labels, None)


@pytest.mark.parametrize(("text", "says"), [("{", "is no JSON"), ("{}", "names no labels"), ("[1]", "names no labels")])
def test_a_damaged_dataset_json(tmp_path, text, says):
    (tmp_path / "dataset.json").write_text(text)
    with pytest.raises(InputError, match=says):
        label_values(None, tmp_path)


def test_a_model_finds_its_labels_under_other_numbers(tmp_path):
    own = {"kidney": [1], "tumour": [2]}
    (tmp_path / "dataset.json").write_text(json.dumps({"labels": {"tumour": 1, "kidney": 2, "cyst": 3}}))
    assert card_values(own, None, tmp_path) == {"kidney": [2], "tumour": [1]}
    assert card_values(own, {"kidney": [4, 5], "tumour": 6}, tmp_path / "x.csv") == {"kidney": [4, 5], "tumour": [6]}
    assert card_values(own, None, None) == own
    with pytest.raises(ConfigError, match="has other labels than the model"):
        card_values({"liver": [1]}, None, tmp_path)


def test_a_server_names_labels_without_a_source():
    assert label_values(None, None, {"liver": 1}) == {"liver": [1]}


def test_another_name_for_a_value_is_told(tmp_path, caplog):
    (tmp_path / "dataset.json").write_text(json.dumps({"labels": {"pancreas": 1, "cancer": 2}}))
    label_values({"liver": 1}, tmp_path)
    assert "value 1 is liver as asked, pancreas in the data set" in caplog.text


@pytest.mark.parametrize(
    ("names", "may"),
    [(["liver", "tumour"], True), (["Left kidney"], False), (["Lung_L"], False), (["kidney right"], False),
     (["rkidney"], False), (["Rt kidney"], False), (["gallbladder", "colon", "rectum"], True)],
)  # fmt: skip
def test_sides_are_not_mirrored(names, may):
    assert may_flip({name: [1] for name in names}) is may
