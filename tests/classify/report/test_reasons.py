"""What the maps of a report say in words, and where they say that there is nothing to see."""

from __future__ import annotations

import numpy as np
import pytest

from smart_nets.classify.report.reasons import (
    attention_top,
    block_in_words,
    change_bar,
    change_in_words,
    is_noticeable,
    reason_in_words,
    reasons_intro,
)

SPACING = np.array([2.0, 2.0, 1.25])


def change(low: float, high: float) -> np.ndarray:
    """A map of a crop that is 0 but for two places."""
    voxels = np.zeros((32, 32, 32), np.float32)
    voxels[1, 2, 3], voxels[4, 5, 6] = low, high
    return voxels


@pytest.mark.parametrize(
    ("low", "high", "says"),
    [
        (0.0, 0.124, "hiding a place takes up to 12 points"),
        (-0.2, 0.013, "hiding a place takes up to 1 point or adds up to 20 points"),
        (-0.05, 0.0, "hiding a place adds up to 5 points"),
        (-0.009, 0.009, "hiding a place changes the answer by less than 1 point"),
        (0.0, 0.0, "hiding a place changes the answer by less than 1 point"),
    ],
)
def test_one_lesion_in_words(low: float, high: float, says: str) -> None:
    found = change(low, high)
    assert change_in_words(found) == says
    assert (
        is_noticeable(found, "occlusion") == ("less than" not in says) and reason_in_words(found, "occlusion") == says
    )


def test_the_block_in_mm() -> None:
    assert block_in_words((32, 32, 32), SPACING.tolist()) == "16 × 16 × 10 mm"


def test_where_no_place_matters_words_stand_in_place_of_colours() -> None:
    html = reasons_intro([change(-0.009, 0.009)] * 2, "occlusion", SPACING)
    assert "changes the probability of no answer below by as much as 1 point" in html and "none is coloured" in html
    html = reasons_intro([change(0, 0), change(0, 0.3)], "occlusion", SPACING)
    assert "blocks of 16 × 16 × 10 mm" in html and "orange where it falls" in html


def test_attention_has_one_scale_for_all() -> None:
    html = reasons_intro([np.ones((5, 5, 4))], "attention", SPACING)
    assert "10% of the attention" in html and "2 times that or more" in html
    assert attention_top([np.full((4, 4, 4), 4.2)]) == 5.0 and np.isnan(attention_top([]))


@pytest.mark.parametrize(("most", "says"), [(1.0, "attention is the same everywhere"), (1.06, "")])
def test_even_attention_is_told(most: float, says: str) -> None:
    found = np.ones((4, 4, 4))
    found[0, 0, 0] = most
    assert reason_in_words(found, "attention") == says and is_noticeable(found, "attention") == (says == "")


def test_no_maps() -> None:
    assert "kept no maps" in reasons_intro([], "", SPACING)


def test_the_colour_bar_tells_its_unit() -> None:
    html = change_bar(0.2)
    assert "20 points surer" in html and "20 points less sure" in html and "linear-gradient" in html
