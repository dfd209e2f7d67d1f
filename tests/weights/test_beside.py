"""What a run is told of beside its weights."""

import pytest

from smart_nets.weights.beside import outside_card, settings_beside

CARD = {"spacing": [4.0, 4.0, 4.0], "hu_window": [-175, 250]}


@pytest.mark.parametrize(
    ("spacing", "window", "says"),
    [
        ((4, 4, 4), (-175.0, 250.0), []),
        ((1.25, 1.25, 1.25), (-175, 250), ["voxels of 4 x 4 x 4 mm and is used with 1.25 x 1.25 x 1.25 mm"]),
        ((4, 4, 4), (-1000, 400), ["the window of -175 to 250 HU and is used with -1000 to 400 HU"]),
    ],
)
def test_an_encoder_used_unlike_its_card_says_so_in_one_line(spacing, window, says, caplog):
    told = outside_card(CARD, spacing, window)
    assert len(told) == len(says) == len(caplog.records)
    assert all(part in one for part, one in zip(says, told, strict=True))


def test_a_fold_and_a_seed_are_no_difference():
    assert settings_beside({"a": {"fold": 0, "seed": 1, "folds": 3}, "b": {"fold": 1, "seed": 2, "folds": 3}}) == []
    assert settings_beside({"a": {"folds": 3}, "b": {"folds": 4}}) == ["folds: 3 in “a”, 4 in “b”"]
    assert settings_beside({"a": {"folds": 3}, "b": {}}) == []  # an evaluation does not tell how it was trained
    assert settings_beside({}) == []


@pytest.mark.parametrize("spacing", [3, None, "fine", "123", [2, 2], [[2], [2], [2]], [None] * 3])
def test_what_is_no_spacing_is_left_to_whoever_refuses_it(spacing):
    assert all("is used with" in line for line in outside_card(CARD, spacing, CARD["hu_window"]))
