"""A model's held-out lesions are those of its training, or none."""

import pytest

from smart_nets.classify.lesions.split_modes import held_out, split_card
from smart_nets.errors import ConfigError


def lesions(first, second):
    """Four patients with a lesion of each label; the first two and the last two go to one side each."""
    return [
        {"patient_id": f"p{n}", "image": f"{n}.nii", "label": label, "split": first if n < 2 else second}
        for n in range(4)
        for label in (0, 1)
    ]


def test_the_same_column_gives_the_same_lesions():
    items = lesions("train", "val")
    found = held_out(items, "held_out", split_card(items, "column", 3, 0, 0))
    assert {item["patient_id"] for item in found} == {"p2", "p3"}


def test_a_column_that_changed_would_give_trained_lesions():
    card = split_card(lesions("train", "val"), "column", 3, 0, 0)
    with pytest.raises(ConfigError, match="other lesions are held out than in training"):
        held_out(lesions("val", "train"), "held_out", card)


def test_new_lesions_are_taken_with_a_warning(caplog):
    card = split_card(lesions("train", "val"), "patient", 2, 0, 0)
    held_out(lesions("train", "val")[:6], "all", card)
    assert "only you know that the model was not trained on their patients" in caplog.text
