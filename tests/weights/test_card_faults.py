"""Weights without their card, with half of one, or of another kind of network."""

import pytest
import torch

from smart_nets.errors import CheckpointError
from smart_nets.training.run_record import evaluation_record
from smart_nets.weights.build import build_classifier, card_or, find_encoder
from smart_nets.weights.io import load_weights, save_weights

FED = {"crop_size": [32] * 3, "spacing": [1.0] * 3, "hu_window": [-1000, 400]}
FULL = {"architecture": {"name": "SmartEncoder"}, "feature": "cls", "classes": ["a", "b"], **FED}


@pytest.fixture
def saved(tmp_path):
    """Saves one small layer with a card."""

    def save(card):
        save_weights(torch.nn.Linear(2, 2), tmp_path / "model.pt", card)
        return tmp_path / "model.pt"

    return save


def test_weights_without_a_card_are_not_fed_by_default(saved):
    path = saved(FULL)
    path.with_suffix(".json").unlink()
    with pytest.raises(CheckpointError, match="there is no card here"):
        card_or(path, {"spacing": [9.0] * 3})


@pytest.mark.parametrize("lost", sorted(FULL))
def test_a_classifiers_card_must_tell_how_to_feed_it(lost):
    with pytest.raises(CheckpointError, match=f"is no classifier .expected .*{lost}"):
        build_classifier({name: value for name, value in FULL.items() if name != lost})


@pytest.mark.parametrize(("card", "found"), [(FULL, "a classifier"), ({"spacing": [1.0] * 3}, "spacing")])
def test_only_encoders_start_a_classifier(saved, card, found):
    path = saved(card)
    for told, own in ((str(path), "none.pt"), ("auto", path)):
        with pytest.raises(CheckpointError, match=f"is no encoder's card .*found {found}"):
            find_encoder(told, own)


def test_an_empty_file_of_weights(tmp_path):
    (tmp_path / "model.pt").write_bytes(b"")
    with pytest.raises(CheckpointError, match="cannot be read as weights"):
        load_weights(torch.nn.Linear(2, 2), tmp_path / "model.pt")


def test_an_evaluation_needs_to_know_the_training_data(tmp_path):
    with pytest.raises(CheckpointError, match="does not tell the model's training data"):
        evaluation_record(tmp_path / "run.json", FULL, [], None)
    assert not list(tmp_path.iterdir())
