"""Judging features on fields: floors and accuracies known by hand, paired intervals, and what cannot be judged."""

import json

import numpy as np
import pytest
import torch
from fixtures.small import SAVED

from smart_nets.errors import ConfigError, InputError
from smart_nets.organs.fields import FieldCrops, Fields, cut
from smart_nets.organs.judge import (
    FieldJudge,
    evaluate_fields,
    fresh_encoder,
    in_words,
    mean_over_scans,
    standardised,
)

ARCHITECTURE = {"name": "SmartEncoder", **SAVED}
CARD = {"architecture": ARCHITECTURE, "hu_window": [-200, 200], "spacing": [2, 2, 2]}
ORGANS, SCANS = ("liver", "lung", "spleen"), ("p", "q", "r", "s")
LEVELS = {"liver": 60, "lung": -150, "spleen": 120}


def fields(side: int = 36, noise: float = 0.0) -> Fields:
    """Each organ of each of four scans: one grey that tells the organ, with noise."""
    rng = np.random.default_rng(0)
    pairs = [(scan, organ) for scan in SCANS for organ in ORGANS]
    x = np.stack([LEVELS[organ] + noise * rng.normal(size=(side,) * 3) for _, organ in pairs]).astype(np.int16)
    return Fields(x, np.array([organ for _, organ in pairs]), np.array([scan for scan, _ in pairs]), 2.0)


def judge(each: int = 20) -> FieldJudge:
    """`each` crops of no content for every organ of every scan, to judge made-up features on."""
    pairs = [(scan, organ) for scan in SCANS for organ in ORGANS for _ in range(each)]
    crops = FieldCrops(
        np.zeros((len(pairs), 2, 2, 2)), np.array([o for _, o in pairs]), np.array([s for s, _ in pairs])
    )
    return FieldJudge(crops, (-200, 200))


def test_brightness_alone_names_organs_of_one_grey_each():
    found = FieldJudge(cut(fields(), 32, 2, 4.0), (-200, 200)).plain_floors()
    assert found["brightness"]["knn"].shape == (1, 24)
    assert found["brightness"]["knn"].all() and found["raw voxels"]["knn"].all()


def test_a_feature_that_tells_the_organ_is_always_right_and_shuffled_organs_are_chance():
    one = judge()
    told = np.array([np.eye(3)[ORGANS.index(organ)] for organ in one.crops.organs])
    assert all(right.all() for right in one.right(told).values())
    for right in one.right(np.random.default_rng(0).permutation(told)).values():
        assert right.mean() == pytest.approx(1 / 3, abs=0.1)


def test_by_hand_with_whole_scans_left_out():
    # one number: the own scan holds the nearest crop of the same organ, the other scan one of another organ
    crops = FieldCrops(np.zeros((4, 2, 2, 2)), np.array(["a", "b", "b", "a"]), np.array(["p", "p", "q", "q"]))
    found = FieldJudge(crops, (-200, 200)).right(np.array([[0.0], [5.0], [0.1], [5.1]]))
    # two crops of the other scan, one vote each: the tie goes to the first name, so that a is said of all
    assert found["knn"][0].tolist() == [1, 0, 0, 1]
    assert found["logistic"][0].tolist() == [0, 0, 0, 0]


def test_neighbours_are_near_in_direction():
    # lengths of the standardised features differ by far, directions tell the organ
    rng = np.random.default_rng(1)
    one = judge()
    angle = np.array([ORGANS.index(organ) * 2 * np.pi / 3 for organ in one.crops.organs]) + rng.normal(0, 0.1, 240)
    features = np.stack([np.cos(angle), np.sin(angle)], 1) * rng.uniform(0.01, 100, (240, 1))
    assert one.right(features)["knn"].mean() > 0.95


def test_channels_count_alike_and_dead_ones_not_at_all():
    x = np.random.default_rng(0).normal(size=(50, 2)) * [1, 1000] + [0, 7]
    found = standardised(np.column_stack([x, np.full(50, 0.1)]).astype(np.float32))
    np.testing.assert_allclose(found.mean(0), 0, atol=1e-6)
    np.testing.assert_allclose(found.std(0), [1, 1, 0], atol=1e-6)


def test_a_paired_difference_is_sharper_than_the_accuracies():
    # scans differ by far, the difference is the same in each: .1 everywhere
    scans = np.repeat([*"pqrstu"], 10)
    first = np.repeat([0.1, 0.3, 0.5, 0.6, 0.8, 0.9], 10)
    found = mean_over_scans({"a": first, "difference": first + 0.1 - first, "none": np.zeros(60)}, scans)
    assert found["difference"] == pytest.approx({"value": 0.1, "low": 0.1, "high": 0.1})
    assert found["none"] == {"value": 0, "low": 0, "high": 0}
    assert found["a"]["value"] == pytest.approx(first.mean()) and found["a"]["high"] - found["a"]["low"] > 0.3


def test_every_draw_takes_whole_scans_and_negative_differences_mirror():
    scans, values = np.repeat([*"pqrstu"], [1, 2, 3, 4, 5, 6]), np.random.default_rng(2).uniform(-1, 1, 21)
    found = mean_over_scans({"a": values, "b": -values}, scans)
    for one, other in (("low", "high"), ("high", "low"), ("value", "value")):
        assert found["a"][one] == pytest.approx(-found["b"][other], abs=0.02)


def test_fresh_encoders_differ_by_seed_and_leave_random_numbers_alone():
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    one, again, other = (fresh_encoder(ARCHITECTURE, seed).swin.state_dict() for seed in (0, 0, 1))
    torch.testing.assert_close(torch.rand(3), expected)
    name = next(name for name, value in one.items() if value.ndim > 1 and value.std() > 0)
    assert torch.equal(one[name], again[name]) and not torch.equal(one[name], other[name])


@pytest.fixture(scope="module")
def evaluated(tmp_path_factory):
    """The answer about an encoder that is one of the fresh ones, and its file."""
    path = tmp_path_factory.mktemp("out") / "knn.json"
    found = evaluate_fields(
        fresh_encoder(ARCHITECTURE, 0), CARD, fields(noise=30), path, crops=2, shift=4, encoders=2, rounds=200
    )
    return found, path


def test_the_record_holds_features_floors_and_paired_differences(evaluated):
    found, path = evaluated
    assert json.loads(path.read_text()) == json.loads(json.dumps(found))
    assert set(found["features"]) == {"cls", "pooled", "stages"}
    assert list(found["floors"]) == ["raw voxels", "brightness", "random cls", "random pooled", "random stages"]
    about = found["protocol"]
    assert (about["crops"], about["scans"], about["organs"], about["chance"]) == (24, 4, 3, pytest.approx(1 / 3))
    assert (about["fields_spacing"], about["fields_side"], about["hu_window"]) == (2, 32, [-200, 200])
    for name, differences in found["differences"].items():
        assert set(differences) == {"raw voxels", "brightness", f"random {name}"}
        for floor, methods in differences.items():
            for method, one in methods.items():
                ours, theirs = (found[part][key][method] for part, key in (("features", name), ("floors", floor)))
                assert one["value"] == pytest.approx(ours["accuracy"] - theirs["accuracy"])
                assert one["low"] <= one["value"] <= one["high"]
    assert found["floors"]["brightness"]["knn"]["accuracy"] == 1


def test_the_mean_and_the_spread_of_the_fresh_encoders(evaluated):
    found = evaluated[0]
    crops = cut(fields(noise=30), crops=2, shift=4)
    one = FieldJudge(crops, (-200, 200))
    each = [one.encoder(fresh_encoder(ARCHITECTURE, seed))["pooled"]["knn"].mean() for seed in (0, 1)]
    floor = found["floors"]["random pooled"]["knn"]
    assert (floor["accuracy"], floor["sd"]) == (pytest.approx(np.mean(each)), pytest.approx(np.std(each, ddof=1)))
    assert floor["encoders"] == 2 and set(floor["scans"]) == set(SCANS)
    assert found["features"]["pooled"]["knn"]["accuracy"] == pytest.approx(each[0])


def test_every_line_says_which_feature_it_shows(evaluated):
    lines = in_words(evaluated[0])
    assert lines[0].startswith("24 crops of 3 organs and 4 scans, each left out in turn; chance 0.333")
    names = ("cls", "pooled", "stages")
    floors = ("raw voxels", "brightness", *(f"random {name}" for name in names))
    told = [f"feature {name}" for name in names] + [f"floor {name}" for name in floors]
    assert [line.split(":")[0] for line in lines[1:9]] == told
    assert lines[-1].startswith("stages less random stages: 3-NN ") and len(lines) == 18
    assert "sd 0." in lines[7] and "of 2)" in lines[7]


def test_features_that_are_no_numbers_are_refused():
    with pytest.raises(InputError, match=r"features are not finite \(found 1 of 240 crops\); look at the encoder"):
        judge().right(np.where(np.arange(240)[:, None] == 3, np.nan, np.ones((240, 2))))


@pytest.mark.parametrize(
    ("options", "error", "says"),
    [
        ({"side": 40}, ConfigError, "multiples of 32"),
        ({"side": 64}, InputError, "smaller than a crop"),
        ({"shift": 12}, InputError, "44 voxels a side"),
    ],
)
def test_settings_that_do_not_fit_are_refused_before_anything_is_written(tmp_path, options, error, says):
    with pytest.raises(error, match=says):
        evaluate_fields(fresh_encoder(ARCHITECTURE, 0), CARD, fields(), tmp_path / "knn.json", **options)
    assert not list(tmp_path.iterdir())


def test_another_spacing_than_the_models_is_told(tmp_path, caplog):
    coarse = {**CARD, "spacing": [4, 4, 4]}
    evaluate_fields(
        fresh_encoder(ARCHITECTURE, 0),
        coarse,
        fields(),
        tmp_path / "knn.json",
        crops=1,
        shift=4,
        encoders=1,
        rounds=100,
    )
    assert "was trained at [4, 4, 4] mm, the fields have 2 mm" in caplog.text


def test_a_perfect_share_has_an_interval_of_shares():
    """Of three scans all right: as low as the share that still gives three of three in 2.5 % of the cases, 0.025^(1/3)."""
    found = mean_over_scans({"all": np.ones(6)}, np.repeat(["a", "b", "c"], 2), least=0.0)["all"]
    assert (found["value"], found["high"]) == (1.0, 1.0) and found["low"] == pytest.approx(0.2924, abs=1e-4)
