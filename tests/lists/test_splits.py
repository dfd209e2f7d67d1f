"""No patient on both sides, classes on all sides, and overlaps told."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smart_nets.errors import ConfigError
from smart_nets.lists.splits import check_no_overlap, k_folds, shared_identifiers, split_by_patient

PARTS = {"training": 0.6, "validation": 0.2, "test": 0.2}


def cohort(patients: int, scans: int = 2, positive: float = 0.5) -> list[dict]:
    """`patients` with `scans` each; the first share of them has one positive scan."""
    return [
        {"image": f"p{n}_{k}", "patient_id": f"p{n}", "label": int(k == 0 and n < positive * patients)}
        for n in range(patients)
        for k in range(scans)
    ]


def patients(items: list[dict]) -> set[str]:
    return {item["patient_id"] for item in items}


@given(st.integers(10, 60), st.integers(1, 4), st.integers(0, 1000))
def test_a_split_never_shares_a_patient_and_loses_none(count, scans, seed):
    items = cohort(count, scans)
    parts = split_by_patient(items, PARTS, seed)
    assert sorted(item["image"] for part in parts.values() for item in part) == sorted(item["image"] for item in items)
    assert sum(len(patients(part)) for part in parts.values()) == count
    assert not check_no_overlap(parts)


def test_fractions_and_classes_are_kept():
    parts = split_by_patient(cohort(100, positive=0.3), PARTS, seed=1, label="label")
    assert {name: len(patients(part)) for name, part in parts.items()} == {"training": 60, "validation": 20, "test": 20}
    assert {name: sum(item["label"] for item in part) for name, part in parts.items()} == {
        "training": 18,
        "validation": 6,
        "test": 6,
    }


def test_a_split_depends_on_the_seed_alone_and_not_on_the_order():
    items = cohort(20)
    first = split_by_patient(items, PARTS, seed=3)
    assert patients(split_by_patient(items[::-1], PARTS, seed=3)["test"]) == patients(first["test"])
    assert patients(split_by_patient(items, PARTS, seed=4)["test"]) != patients(first["test"])


@given(st.integers(2, 8), st.integers(0, 100))
def test_each_patient_is_validated_once(k, seed):
    folds = k_folds(cohort(20), k, seed, label="label")
    seen = [patient for fold in folds for patient in patients(fold["validation"])]
    assert sorted(seen) == sorted(patients(cohort(20)))
    assert all(not shared_identifiers(fold["training"], fold["validation"]) for fold in folds)
    sizes = [len(patients(fold["validation"])) for fold in folds]
    assert max(sizes) - min(sizes) <= 1


def test_overlap_tells_patients_series_and_scans():
    first = [{"image": "a", "patient_id": "p1", "series": "1.2", "sha256": "x", "voxels_sha256": "v"}]
    second = [
        {"image": "b", "patient_id": "p1", "series": "1.3", "sha256": "y", "voxels_sha256": "w"},
        {"image": "c", "patient_id": "p2", "series": "1.2", "sha256": "z", "voxels_sha256": "u"},
        {"image": "d", "patient_id": "p3", "series": "1.4", "sha256": "q", "voxels_sha256": "v"},
    ]
    found = shared_identifiers(first, second)
    assert (found.patients, found.series, found.scans) == (["p1"], ["1.2"], ["d"])
    assert not shared_identifiers(first, [{"image": "e", "patient_id": "p9"}])


def test_shared_patients_are_an_error_unless_allowed():
    parts = {"training": cohort(3), "test": cohort(2)}
    with pytest.raises(ConfigError, match=r"training and test: share 2 patients .*p0, p1.*allow_overlap"):
        check_no_overlap(parts)
    assert check_no_overlap(parts, allow_overlap=True)["training and test"].patients == ["p0", "p1"]


@pytest.mark.parametrize(
    ("items", "fractions", "label", "message"),
    [
        (cohort(10), {"a": 0.5, "b": 0.6}, None, "sum to 1"),
        (cohort(10), {}, None, "sum to 1"),
        (cohort(10), {"a": 1.5, "b": -0.5}, None, "positive"),
        (cohort(2), PARTS, None, "has no scans"),
        (cohort(10, positive=0.1), PARTS, "label", r"lacks a class .*found no \[1\]"),
        (cohort(10, positive=0), PARTS, "label", "only one class"),
        (cohort(10), PARTS, "grade", "has no field 'grade'"),
    ],
)
def test_impossible_splits_are_refused_before_training(items, fractions, label, message):
    with pytest.raises(ConfigError, match=message):
        split_by_patient(items, fractions, label=label)


@pytest.mark.parametrize(("k", "positive", "message"), [(1, 0.5, "2 to 10"), (11, 0.5, "2 to 10"), (5, 0.2, "lacks a")])
def test_impossible_folds_are_refused(k, positive, message):
    with pytest.raises(ConfigError, match=message):
        k_folds(cohort(10, positive=positive), k, label="label")
