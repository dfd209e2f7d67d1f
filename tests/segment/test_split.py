"""Which cases are learned from and judged on: whole patients, smaller shares inside larger ones."""

import pytest

from smart_nets.errors import ConfigError
from smart_nets.segment.split import case_split, cases_hash, few_patients, held_out_cases, split_cases

ITEMS = [
    {"image": f"/a/{number}.nii.gz", "patient_id": str(number // 2)} for number in range(16)
]  # two scans a patient


def patients(items) -> set[str]:
    return {item["patient_id"] for item in items}


def test_every_patient_is_held_out_once_with_all_scans():
    held = [split_cases(ITEMS, folds=4, fold=fold)["validation"] for fold in range(4)]
    assert sorted(item["image"] for part in held for item in part) == sorted(item["image"] for item in ITEMS)
    for fold, part in enumerate(held):
        assert not patients(part) & patients(split_cases(ITEMS, folds=4, fold=fold)["training"]) and len(part) == 4


def test_a_quarter_lies_inside_a_half():
    quarter, half = (patients(few_patients(ITEMS, share, seed=3)) for share in (0.25, 0.5))
    assert quarter < half and (len(quarter), len(half)) == (2, 4)
    assert patients(few_patients(ITEMS, 0.01)) and few_patients(ITEMS, 1.0) == ITEMS


def test_a_column_tells_the_parts():
    told = [{**item, "split": "val" if number < 4 else "Train"} for number, item in enumerate(ITEMS)]
    parts = split_cases(told, "column")
    assert (len(parts["training"]), len(parts["validation"])) == (12, 4)


@pytest.mark.parametrize(
    ("items", "options", "says"),
    [
        (ITEMS[:2], {}, r"expected 2 patients or more, found 1 patient"),
        (ITEMS[:4], {"folds": 4}, "cannot make that many folds"),
        (ITEMS, {"fold": 9}, "no such fold"),
        (ITEMS, {"mode": "lesion"}, "is not known"),
        (ITEMS, {"mode": "column"}, "tells no part"),
        ([{**item, "split": "train"} for item in ITEMS], {"mode": "column"}, "has no cases"),
        ([{**item, "split": ("train", "val")[n % 2]} for n, item in enumerate(ITEMS)], {"mode": "column"}, "share 8 patients"),
    ],
)  # fmt: skip
def test_splits_that_cannot_be(items, options, says):
    with pytest.raises(ConfigError, match=says):
        split_cases(items, **options)


@pytest.mark.parametrize("share", [0, -0.1, 1.5, float("nan"), "half"])
def test_shares_that_cannot_be(share):
    with pytest.raises(ConfigError, match="train_fraction"):
        few_patients(ITEMS, share)


def test_an_evaluation_finds_the_held_out_cases_again():
    how = {"mode": "patient", "folds": 4, "fold": 1, "seed": 0, "allow_overlap": False}
    held = split_cases(ITEMS, **how)["validation"]
    card = case_split(ITEMS, held, **how)
    moved = [{**item, "image": item["image"].replace("/a/", "/elsewhere/")} for item in ITEMS]
    assert [item["patient_id"] for item in held_out_cases(moved, "held_out", card)] == [
        item["patient_id"] for item in held
    ]
    others = [{**item, "patient_id": f"other {item['patient_id']}"} for item in ITEMS]
    assert len(held_out_cases(others, "all", card)) == 16 and cases_hash(others) != card["lesions"]
    for items, part, says in (
        (others, "held_out", "not the cases"),
        (ITEMS, "all", "was trained on"),
        (ITEMS, "both", "is not known"),
    ):
        with pytest.raises(ConfigError, match=says):
            held_out_cases(items, part, card)
