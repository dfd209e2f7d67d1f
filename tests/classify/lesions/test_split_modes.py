"""Folds without shared patients, whichever way they are asked for; small shares that lie inside larger ones."""

import json
import logging

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smart_nets.classify.lesions.split_modes import choose_split, held_out, judged_on, split_card, take_fraction
from smart_nets.errors import ConfigError


def cohort(patients: int, lesions: int = 2, positive: float = 0.5, split: str = "") -> list[dict]:
    """`lesions` of each patient in one scan; of the first share of them one lesion is malignant."""
    return [
        {
            "image": f"p{n}",
            "centre_mm": [k, 0, 0],
            "patient_id": f"p{n}",
            "label": int(k == 0 and n < positive * patients),
        }
        | ({"split": split} if split else {})
        for n in range(patients)
        for k in range(lesions)
    ]


def others(letter: str, split: str) -> list[dict]:
    """Two patients beside those of `cohort`."""
    return [
        item | {"patient_id": letter + item["patient_id"], "image": letter + item["image"]}
        for item in cohort(2, split=split)
    ]


def patients(items: list[dict]) -> set[str]:
    return {item["patient_id"] for item in items}


def key(item: dict) -> tuple:
    return item["image"], *item["centre_mm"]


def malignant(items: list[dict]) -> int:
    return sum(item["label"] for item in items)


many = given(st.integers(12, 50), st.integers(2, 4), st.integers(2, 5), st.integers(0, 1000))


@many
def test_by_patient_nobody_is_on_both_sides_and_each_lesion_is_validated_once(count, lesions, folds, seed):
    items = cohort(count, lesions)
    validated = []
    for fold in range(folds):
        parts = choose_split(items, "patient", folds, fold, seed)
        assert not patients(parts["training"]) & patients(parts["validation"])
        assert sorted(map(key, parts["training"] + parts["validation"])) == sorted(map(key, items))
        validated += parts["validation"]
    assert sorted(map(key, validated)) == sorted(map(key, items))


@many
def test_by_lesion_each_lesion_is_validated_once_and_labels_are_even(count, lesions, folds, seed):
    items = cohort(count, lesions)
    validated = []
    for fold in range(folds):
        parts = choose_split(items, "lesion", folds, fold, seed)
        assert abs(malignant(parts["validation"]) - malignant(items) / folds) < 1
        validated += parts["validation"]
    assert sorted(map(key, validated)) == sorted(map(key, items))


@given(st.lists(st.sampled_from(["train", "Training ", "val", "VALIDATION", "valid"]), min_size=8, max_size=20))
def test_by_column_nobody_is_on_both_sides(names):
    items = [item | {"split": names[int(item["patient_id"][1:])]} for item in cohort(len(names))]
    items = [item | {"label": place % 2} for place, item in enumerate(items)]  # both labels for everybody
    held_out = {f"p{n}" for n, name in enumerate(names) if name.startswith(("v", "V"))}
    if 0 < len(held_out) < len(names):
        parts = choose_split(items, "column")
        assert patients(parts["validation"]) == held_out and not patients(parts["training"]) & held_out
    else:
        with pytest.raises(ConfigError, match="has no scans"):
            choose_split(items, "column")


def test_a_fold_depends_on_the_seed_alone_and_not_on_the_order():
    items = cohort(20)
    first = choose_split(items, seed=3)
    assert choose_split(items, seed=3) == first
    assert patients(choose_split(items[::-1], seed=3)["validation"]) == patients(first["validation"])
    assert patients(choose_split(items, seed=4)["validation"]) != patients(first["validation"])


def test_labels_are_spread_over_folds_of_patients():
    for fold in range(5):
        parts = choose_split(cohort(50, lesions=1, positive=0.4), "patient", 5, fold)
        assert len(parts["validation"]) == 10 and malignant(parts["validation"]) == 4


def test_splitting_lesions_tells_how_many_patients_leak(caplog):
    items = cohort(10, lesions=4)
    with caplog.at_level(logging.WARNING):
        parts = choose_split(items, "lesion", folds=2)
    leaking = patients(parts["training"]) & patients(parts["validation"])
    assert len(leaking) > 5
    assert f"{len(leaking)} patients of the validation part (20 lesions) are in the training part too" in caplog.text
    caplog.clear()
    choose_split(cohort(10, lesions=1), "lesion", folds=2)  # one lesion each: nothing can leak
    assert not caplog.text


def test_a_column_that_shares_patients_is_refused_unless_allowed(caplog):
    items = cohort(3, split="train") + cohort(2, split="test")
    with pytest.raises(ConfigError, match=r"training and validation: share 2 patients .*found p0, p1.*allow_overlap"):
        choose_split(items, "column")
    with caplog.at_level(logging.WARNING):
        parts = choose_split(items, "column", allow_overlap=True)
    assert len(parts["validation"]) == 4 and "2 patients of the validation part (4 lesions)" in caplog.text


def test_a_column_with_validation_and_test_is_judged_on_the_test():
    items = cohort(2, split="train") + others("q", "val") + others("r", "test")
    parts = choose_split(items, "column")
    assert {name: len(part) for name, part in parts.items()} == {"training": 4, "validation": 4, "test": 4}
    assert judged_on(parts) == parts["test"]
    card = split_card(items, "column", 5, 0, 0)
    assert held_out(items, "held_out", card) == parts["test"]
    alone = choose_split([item for item in items if item["split"] != "val"], "column")
    assert set(alone) == {"training", "validation"} and judged_on(alone) == alone["validation"] == parts["test"]


def test_one_scan_under_two_patients_is_refused():
    items = [item | {"image": "same"} for item in cohort(10)]
    with pytest.raises(ConfigError, match=r"share 1 scans .*found same"):
        choose_split(items)


@pytest.mark.parametrize(
    ("items", "mode", "folds", "fold", "message"),
    [
        (cohort(10), "random", 5, 0, "patient or lesion or column, found random"),
        (cohort(10), "patient", 5, 5, "fold: there is no such fold .expected 0 to 4, found 5"),
        (cohort(10), "patient", 5, -1, "no such fold"),
        (cohort(10), "patient", 1, 0, "expected 2 to 10"),
        (cohort(10), "lesion", 21, 0, "expected 2 to 20"),
        (cohort(10, positive=0.2), "patient", 5, 0, r"of fold 1: lacks a class"),
        (cohort(10, positive=0.1), "lesion", 5, 0, r"lacks a class .*found no \[1\]"),
        (cohort(10, positive=0), "patient", 5, 0, "only one class"),
        (cohort(10, positive=0), "lesion", 5, 0, "only one class"),
        (cohort(10), "column", 5, 0, "20 of 20 lesions have no split"),
        (cohort(2, split="train") + cohort(4)[4:], "column", 5, 0, "4 of 8 lesions have no split"),
        (cohort(4, split="dev"), "column", 5, 0, "unknown split .*found dev"),
        (cohort(4, split="train"), "column", 5, 0, "validation: has no scans"),
        (
            cohort(2, split="train") + others("q", "val") + others("q", "test"),
            "column",
            5,
            0,
            "validation and test: share 2 patients",
        ),
        (
            cohort(2, positive=1, split="train") + cohort(4, positive=0, split="val")[4:],
            "column",
            5,
            0,
            r"validation: lacks a class .*found no \[1\]",
        ),
    ],
)
def test_impossible_splits_are_refused(items, mode, folds, fold, message):
    with pytest.raises(ConfigError, match=message):
        choose_split(items, mode, folds, fold)


@given(st.integers(20, 60), st.integers(1, 3), st.integers(0, 1000), st.floats(0.1, 1), st.floats(0.1, 1))
def test_shares_are_nested_stratified_and_of_whole_patients(count, lesions, seed, one, other):
    items = cohort(count, lesions)
    ill = {item["patient_id"] for item in items if item["label"]}
    parts = {fraction: take_fraction(items, fraction, seed) for fraction in (one, other)}
    assert patients(parts[min(one, other)]) <= patients(parts[max(one, other)])
    for fraction, part in parts.items():
        assert part == [item for item in items if item["patient_id"] in patients(part)]
        for group in (ill, patients(items) - ill):
            assert abs(len(group & patients(part)) - fraction * len(group)) <= 0.5


def test_all_is_all_in_order_and_other_seeds_choose_others():
    items = cohort(20)
    assert take_fraction(items, 1.0) == items
    assert take_fraction(items, 0.25, seed=1) == take_fraction(items, 0.25, seed=1)
    assert patients(take_fraction(items, 0.25, seed=1)) != patients(take_fraction(items, 0.25, seed=2))
    quarter = take_fraction(items[::-1], 0.25, seed=1)
    assert patients(quarter) == patients(take_fraction(items, 0.25, seed=1))
    assert [items[::-1].index(item) for item in quarter] == sorted(items[::-1].index(item) for item in quarter)


@pytest.mark.parametrize(
    ("items", "fraction", "message"),
    [
        (cohort(10), 0, "fraction: is no share"),
        (cohort(10), 1.5, "is no share"),
        (cohort(10), -0.1, "is no share"),
        (cohort(10), float("nan"), "is no share"),
        (cohort(10), 25, "above 0, up to 1, found 25"),
        (cohort(40, positive=0.1), 0.1, "leaves no lesion with label 1"),  # 0.1 of 4 patients are none
        (cohort(40, positive=0.9, lesions=1), 0.1, "leaves no lesion with label 0"),
    ],
)
def test_impossible_shares_are_refused(items, fraction, message):
    with pytest.raises(ConfigError, match=message):
        take_fraction(items, fraction)


def test_a_card_finds_the_held_out_lesions_again_wherever_the_files_lie():
    items = cohort(20)
    for mode, folds, fold, seed in (("patient", 4, 2, 7), ("lesion", 3, 0, 1)):
        card = split_card(items, mode, folds, fold, seed)
        assert json.loads(json.dumps(card)) == card  # a model's card is JSON
        moved = [item | {"image": f"elsewhere/{item['image']}"} for item in items]
        found = held_out(moved, "held_out", card)
        assert [item["centre_mm"] for item in found] == [
            item["centre_mm"] for item in choose_split(items, mode, folds, fold, seed)["validation"]
        ]
        assert patients(found) == patients(choose_split(items, mode, folds, fold, seed)["validation"])


def test_a_card_of_a_split_column():
    items = [item | {"split": "val" if item["patient_id"] in ("p0", "p19") else "train"} for item in cohort(20)]
    items = [item | {"label": place % 2} for place, item in enumerate(items)]
    assert patients(held_out(items, "held_out", split_card(items, "column", 3, 0, 0))) == {"p0", "p19"}


def test_all_lesions_of_other_data_are_taken_as_they_are(caplog):
    others = cohort(6)
    card = split_card(cohort(20), "patient", 3, 0, 0)
    with caplog.at_level(logging.WARNING):
        assert held_out(others, "all", card) == others
    assert "12 lesions are taken for new ones" in caplog.text


@pytest.mark.parametrize(
    ("items", "part", "message"),
    [
        (cohort(20), "half", "part: is not known .expected held_out or all, found half"),
        (cohort(20), "all", "part: the model was trained on some of these lesions .expected held_out, found all"),
        (cohort(19), "held_out", "part: these are not the lesions the model was trained with"),
        (cohort(20)[::-1], "held_out", "these are not the lesions"),
        (cohort(20, positive=0.4), "held_out", "these are not the lesions"),  # other labels, so other folds
    ],
)
def test_lesions_that_are_not_those_of_the_card_are_refused(items, part, message):
    with pytest.raises(ConfigError, match=message):
        held_out(items, part, split_card(cohort(20), "patient", 3, 0, 0))
