"""Each instrument's rule at and around its bounds, and what an epoch says of itself."""

from __future__ import annotations

import math

import pytest

from smart_nets.pretrain.health.verdicts import Finding, judge, summary


@pytest.mark.parametrize(
    ("values", "kind", "words"),
    [
        ({"mask_lost": 0.73, "lost": 0.7}, "good", "does not repeat the teacher's noise: 73%"),
        ({"mask_lost": 0.78, "lost": 0.7}, "watch", "leans on the teacher's noise"),
        ({"mask_lost": 0.98, "lost": 0.7}, "bad", "The mask repeats the teacher's noise: 98% of the hidden cells"),
        ({"mask_lost": 0.98, "lost": 0.7}, "bad", "cells are cells the teacher never saw, chance is 70%."),
        ({"mask_lost": 0.4, "lost": 0.7}, "bad", "avoids what the teacher has lost"),
        ({"instruments/rank_cls": 10}, "good", "[CLS] has 10 dimensions"),
        ({"instruments/rank_cls": 4}, "watch", "4.0 dimensions: it tells crops apart in a few ways only"),
        ({"instruments/rank_cls": 1.04}, "bad", "[CLS] has one dimension: as a rule it says how bright a crop is"),
        ({"instruments/rank_pooled": 20}, "good", "The pooled feature has 20"),
        ({"instruments/rank_pooled": 19}, "watch", "a few ways"),
        ({"instruments/rank_pooled": 7.9}, "bad", "little else"),
        ({"teacher_information/ampd": 1.2, "teacher_information/gitd": 1}, "good", "they tell 1.20 and 1.00 nats"),
        ({"teacher_information/ampd": 1.2, "teacher_information/gitd": 0.3}, "watch", "little on what it sees (GITD)"),
        (
            {"teacher_information/ampd": 0.2, "teacher_information/aitd": 0.1},
            "bad",
            "hardly depend on what it sees (AMPD and AITD)",
        ),
        ({"gain/aitd": 0.5}, "good", "beats one answer by 0.50 nats"),
        ({"gain/aitd": 0.01}, "watch", "hardly does better"),
        ({"gain/aitd": 0.0, "gain/ampd": 2.0}, "bad", "no better than one answer for everything (AITD)"),
        ({"gain/aitd": -0.2}, "bad", "falls behind that answer by 0.20 nats"),
        ({"amip_relative": 0.75}, "good", "25% less"),
        ({"amip_relative": 0.9}, "watch", "10% less than one grey value per crop would miss"),
        ({"amip_relative": 1.0}, "bad", "One grey value would do better: painting misses 100%"),
        ({"instruments/attention_brightness": -0.29}, "good", "more than brightness"),
        ({"instruments/attention_brightness": -0.3}, "watch", "leans towards dark cells: its correlation with"),
        ({"instruments/attention_brightness": -0.3}, "watch", "the intensity of a cell is −0.30."),
        ({"instruments/attention_brightness": 0.6}, "bad", "follows bright cells, whatever they show"),
        ({"instruments/attention_variation": 0.019}, "bad", "flat"),
        ({"instruments/attention_variation": 0.02}, "good", "from cell to cell"),
        ({"instruments/attention_variation": 3.1}, "bad", "a few cells"),
        ({"instruments/mask_overlap": 0.81}, "good", "81% of the top cells are the same, chance is 70%"),
        ({"mask_overlap": 0.79}, "watch", "noise decides"),
        ({"instruments/teacher_moved": 0.049}, "watch", "random start: its weights moved by 4.9%"),
        ({"instruments/teacher_moved": 0.05}, "good", "has left"),
        ({"teacher_entropy/aitd": 9.0}, "bad", "for AITD the teacher gives all outputs nearly the same"),
        ({"teacher_entropy/aitd": 4.0}, "good", "44% of the entropy"),
    ],
)
def test_rules(values: dict[str, float], kind: str, words: str) -> None:
    (found,) = judge(values, mask_ratio=0.7, uniform=9.01)
    assert found.kind == kind and words in found.sentence


def test_what_is_missing_or_no_number_is_left_out() -> None:
    numbers = {"instruments/attention_brightness": math.nan, "gain/aitd": math.nan, "lost": 0.7, "loss": 1.0}
    assert judge(numbers) == []
    assert judge({"mask_overlap": 0.7, "teacher_entropy/aitd": 9.0}) == [], "neither r nor K is known"


def finding(name: str, kind: str) -> Finding:
    return Finding(name, kind, f"{name} is {kind}", "")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("kinds", "kind", "sentence"),
    [
        (["good", "watch", "bad"], "bad", "The method does not do what it says: n2 is bad."),
        (["good", "watch", "good"], "watch", "The method is in doubt: n1 is watch."),
        (["good", "good"], "good", "The method does what it says, by all of 2 checks."),
        (["bad"] * 6, "bad", "n3 is bad; and 2 more."),
        ([], "quiet", "cannot be judged"),
    ],
)
def test_the_worst_decides(kinds: list[str], kind: str, sentence: str) -> None:
    found = summary([finding(f"n{i}", each) for i, each in enumerate(kinds)])
    assert found.kind == kind and sentence in found.sentence


def test_a_teacher_without_collapse_is_not_yet_a_method_that_works() -> None:
    assert summary([finding("entropy", "good")]).kind == "quiet"
    assert summary([finding("entropy", "bad")]).kind == "bad"
