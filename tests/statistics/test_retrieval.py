"""Search among other patients: what is nearest, what chance gives, pinned to numbers counted by hand."""

import numpy as np
import pytest

from smart_nets.errors import ConfigError, InputError
from smart_nets.statistics.retrieval import (
    by_cosine,
    by_size,
    chance_of,
    hits_at,
    nearest_to,
    retrieval_precision,
    unit_rows,
)

ANGLES = np.radians([0.0, 10, 30, 180])
CIRCLE = np.stack([np.cos(ANGLES), np.sin(ANGLES)], axis=1)


def test_rows_have_length_1_less_the_middle():
    found = unit_rows(np.array([[3.0, 4.0], [0.0, 0.0]]))
    np.testing.assert_allclose(found, [[0.6, 0.8], [0, 0]], atol=1e-7)
    np.testing.assert_allclose(unit_rows(np.array([[3.0, 4.0]]), np.array([3.0, 2.0])), [[0, 1]])
    given = np.array([[3.0, 4.0]], np.float32)
    unit_rows(given, np.ones(2))
    assert given.tolist() == [[3.0, 4.0]]  # the caller's rows stay


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_rows_that_are_not_finite(value):
    with pytest.raises(InputError, match=r"features are not finite.*1 of 2 rows"):
        unit_rows(np.array([[1.0, value], [1.0, 1.0]]))


def test_distances_are_one_less_the_cosine():
    rows, away = nearest_to(unit_rows(CIRCLE), CIRCLE[0], np.array([False, True, True, True]), 3)
    assert rows.tolist() == [1, 2, 3]
    np.testing.assert_allclose(away, [1 - np.cos(np.radians(10)), 1 - np.sqrt(3) / 2, 2], atol=1e-6)
    assert nearest_to(unit_rows(CIRCLE), CIRCLE[0], np.array([False, False, True, True]), 9)[0].tolist() == [2, 3]


def test_equal_ones_stay_in_their_order():
    unit = unit_rows(np.ones((6, 2)))
    assert nearest_to(unit, unit[0], np.ones(6, bool), 6)[0].tolist() == [0, 1, 2, 3, 4, 5]


@pytest.mark.parametrize(
    ("change", "error", "says"),
    [
        ({"count": 0}, ConfigError, "count"),
        ({"count": 1.5}, ConfigError, "count"),
        ({"allowed": np.zeros(4, bool)}, InputError, "there is no crop of another patient"),
        ({"vector": np.ones(3)}, InputError, "two widths"),
    ],
)
def test_searches_that_cannot_be(change, error, says):
    given = {"unit": unit_rows(CIRCLE), "vector": CIRCLE[0], "allowed": np.ones(4, bool), "count": 1}
    with pytest.raises(error, match=says):
        nearest_to(**{**given, **change})


def test_the_own_patient_is_left_out():
    patients = np.array([*"aabb"])
    labels = np.array([*"xyxy"])
    # by angle the other two of 0, 10 | 30, 180: 30 then 180; 30 then 180; 10 then 0; 10 then 0
    found = hits_at(by_cosine(unit_rows(CIRCLE)), labels, patients, np.arange(4), [1, 2])
    assert found.tolist() == [[1, 0.5], [0, 0.5], [0, 0.5], [1, 0.5]]
    # by size 4 finds 3, 6 finds 8 and the other way round: ratios 4/3, which are nearer than 4 and 8
    found = hits_at(by_size(np.array([4.0, 6, 8, 3])), labels, patients, np.arange(4), [1])
    assert found[:, 0].tolist() == [0, 0, 0, 0]


def test_equally_near_crops_count_by_their_share():
    labels, patients = np.array([*"xxyyx"]), np.array([*"abcde"])
    same = by_size(np.full(5, 7.0))
    shares = hits_at(same, labels, patients, np.arange(5), [1, 3])
    np.testing.assert_allclose(shares, np.repeat(chance_of(labels, patients, np.arange(5))[:, None], 2, axis=1))
    # 5 mm finds 5.5 first, and two of 6: one of these bears its label
    sizes = by_size(np.array([5.0, 5.5, 6, 6, 20]))
    np.testing.assert_allclose(hits_at(sizes, np.array([*"xyxyx"]), patients, np.array([0]), [1, 2]), [[0, 0.25]])


def test_blocks_give_what_one_product_gives(monkeypatch):
    unit = unit_rows(np.random.default_rng(0).normal(size=(50, 8)))
    given = (by_cosine(unit), np.arange(50) % 4, np.arange(50) // 3, np.arange(50), [1, 5])
    whole = hits_at(*given)
    monkeypatch.setattr("smart_nets.statistics.retrieval.BLOCK", 120)  # two rows at once
    np.testing.assert_array_equal(hits_at(*given), whole)


def test_chance_is_counted_by_hand():
    # patient a: x, y; patient b: x, x, y. Of others a's x finds 2 of 3, a's y 1 of 3; b's x 1 of 2, b's y 1 of 2
    labels, patients = np.array([*"xyxxy"]), np.array([*"aabbb"])
    np.testing.assert_allclose(chance_of(labels, patients, np.arange(5)), [2 / 3, 1 / 3, 1 / 2, 1 / 2, 1 / 2])


def test_chance_is_the_mean_of_random_orders():
    rng = np.random.default_rng(0)
    labels, patients = rng.integers(0, 3, 40), rng.integers(0, 8, 40)
    shares = []
    for _ in range(400):
        order = unit_rows(rng.normal(size=(40, 3)))
        shares.append(hits_at(by_cosine(order), labels, patients, np.arange(40), [5]).mean())
    assert np.mean(shares) == pytest.approx(chance_of(labels, patients, np.arange(40)).mean(), abs=0.01)


def test_precision_of_perfect_and_of_blind_features():
    """Eight patients with one crop of either label; every other patient's of the label is nearer than any of the other."""
    labels, patients = np.tile([0, 1], 8), np.repeat([f"p{k}" for k in range(8)], 2)
    good = unit_rows(np.eye(2)[labels])
    found = retrieval_precision({"features": by_cosine(good), "blind": by_size(np.full(16, 5.0))}, labels, patients)
    assert (found["crops"], found["judged"], found["patients"], found["labels"]) == (16, 16, 8, {"0": 8, "1": 8})
    assert list(found["at"]) == ["1", "5", "10"]
    assert found["at"]["5"]["features"]["value"] == 1 and found["at"]["5"]["chance"]["value"] == pytest.approx(0.5)
    assert found["at"]["10"]["features"]["value"] == pytest.approx(0.7)  # only seven others bear the label
    assert found["differences"]["5"]["chance"]["value"] == pytest.approx(0.5)
    assert found["at"]["1"]["blind"]["value"] == pytest.approx(0.5)
    assert found["differences"]["1"]["blind"]["value"] == pytest.approx(0.5)


def test_depths_below_which_nobody_lies_are_left_out_and_large_files_are_sampled():
    labels, patients = np.array([0, 1, 0, 1, 0]), np.array([*"aabbb"])
    found = retrieval_precision({"features": by_cosine(unit_rows(np.eye(5)))}, labels, patients)
    assert list(found["at"]) == ["1"]
    labels, patients = np.arange(60) % 2, np.arange(60) // 2
    found = retrieval_precision({"features": by_cosine(unit_rows(np.eye(60)))}, labels, patients, most=20)
    assert (found["crops"], found["judged"]) == (60, 20)


@pytest.mark.parametrize(("labels", "patients"), [([0, 0], [*"ab"]), ([0, 1], [*"aa"])])
def test_what_cannot_be_judged(labels, patients):
    with pytest.raises(InputError, match="must come from another patient"):
        retrieval_precision({"f": by_cosine(unit_rows(np.eye(2)))}, np.array(labels), np.array(patients))
