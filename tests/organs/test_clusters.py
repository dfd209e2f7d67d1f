"""Distances, silhouettes and agreement on points placed by hand; what cannot be clustered."""

import numpy as np
import pytest

from smart_nets.errors import InputError
from smart_nets.organs.clusters import (
    agreement,
    check_organs,
    distances,
    in_planes,
    plane,
    right_by_neighbours,
    silhouettes,
    unit,
)  # fmt: skip

# two organs, middles (0, 0) and (10, 0); points 1 and 3 away from them
POINTS = np.array([[-1.0, 0], [1, 0], [10, 3], [10, -3]])
ORGANS, SCANS = np.array([*"aabb"]), np.array([*"pqpq"])


def test_distances_by_hand():
    found = distances(POINTS, ORGANS)
    assert (found["intra"], found["intra_sd"]) == (2.0, 1.0)  # means 1 and 3
    assert (found["inter"], found["inter_sd"], found["ratio"]) == (10.0, 0.0, 5.0)


def test_three_organs_have_three_pairs():
    points = np.array([[0.0, 0], [0, 0], [3, 0], [3, 0], [0, 4], [0, 4]])
    found = distances(points, np.array([*"aabbcc"]))
    assert found["inter"] == pytest.approx((3 + 4 + 5) / 3)
    assert found["intra"] == 0


def test_a_collapse_has_the_worst_ratio():
    assert distances(np.ones((4, 3)), ORGANS)["ratio"] == 0.0


def test_silhouette_by_hand():
    # point 0: 2 to its own organ, sqrt(121 + 9) to both of the other
    far = 130**0.5
    assert silhouettes(POINTS, ORGANS)[0] == pytest.approx((far - 2) / far)


def test_agreement_is_1_for_clusters_that_are_the_organs_and_near_0_for_noise():
    assert agreement(POINTS, ORGANS) == {"nmi": pytest.approx(1), "ari": pytest.approx(1)}
    rng = np.random.default_rng(0)
    noise = agreement(rng.normal(size=(200, 3)), rng.permutation(np.repeat([*"ab"], 100)))
    assert noise["nmi"] < 0.05 and abs(noise["ari"]) < 0.05


def test_neighbours_are_of_other_scans():
    points = np.array([[0.0], [0.1], [1], [1.1]])
    same, other = np.array([*"ppqq"]), np.array([*"abab"])
    assert right_by_neighbours(points, other, same, k=1).tolist() == [
        1,
        0,
        0,
        1,
    ]  # 0 -> 1.0: a; 0.1 -> 1.0: a; 1 -> .1: b


def test_unit_rows_have_length_1_and_zero_stays():
    assert np.allclose(unit(np.array([[3.0, 4.0], [0, 0]])), [[0.6, 0.8], [0, 0]])


def test_planes_of_one_seed_are_equal_and_keep_far_groups_apart():
    rng = np.random.default_rng(0)
    points = np.concatenate([rng.normal(size=(20, 5)), rng.normal(size=(20, 5)) + 30])
    organs, scans = np.repeat([*"ab"], 20), np.tile([*"pq"], 20)
    assert np.array_equal(plane(points, 1), plane(points, 1))
    told, first = in_planes(points, organs, scans, seeds=2)
    assert first.shape == (40, 2)
    assert told["ratio"]["mean"] > 2 and told["knn"] == {"mean": 1.0, "sd": 0.0} and told["silhouette"]["mean"] > 0.5


@pytest.mark.parametrize(
    ("organs", "scans", "says"),
    [
        ("aaaa", "pqpq", "nothing to tell apart"),
        ("aabc", "pqpq", "one crop only of an organ"),
        ("aabb", "pppp", "all crops are of one scan"),
        ("aabb", "ppqq", "one scan only shows an organ.*found a, b"),
    ],
)
def test_what_cannot_be_clustered(organs, scans, says):
    with pytest.raises(InputError, match=says):
        check_organs(np.array([*organs]), np.array([*scans]))


def test_crops_nobody_named():
    with pytest.raises(InputError, match=r"have no organ.*2 of 4"):
        check_organs(np.array(["", "", "l", "l"]), np.array([*"pqpq"]))


def test_features_that_are_no_numbers():
    with pytest.raises(InputError, match=r"not finite.*1 of 2 rows"):
        unit(np.array([[1.0, 2.0], [np.nan, 0.0]]))
