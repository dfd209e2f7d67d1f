"""What the instruments show, on points, masks and crops whose numbers can be worked out by hand."""

import math

import pytest
import torch

from smart_nets.errors import ConfigError
from smart_nets.pretrain.instruments import (
    distance,
    effective_rank,
    follows_brightness,
    lost_share,
    top_overlap,
    variation,
)


def mask(n: int, *hidden: int) -> torch.Tensor:
    return torch.zeros(1, n, dtype=torch.bool).index_fill(1, torch.tensor(hidden, dtype=torch.long), True)


# --- the mask and the noise

BOTTOM = (0, 1, 4, 5, 16, 17, 20, 21)  # the first of 2^3 cells of a crop of 4 voxels a side, in single voxels


@pytest.mark.parametrize(
    ("hidden", "lost", "expected"),
    [
        (mask(8, 1, 2), mask(8, 1, 2), (1.0, 2 / 8)),  # the mask is the noise
        (mask(8, 1, 2), mask(8, 2, 3, 4, 5), (0.5, 4 / 8)),
        (mask(8, 1, 2), mask(8), (0.0, 0.0)),
        (mask(8), mask(8, 1), (0.0, 1 / 8)),  # nothing hidden
        (mask(8, 0), mask(64, *BOTTOM), (1.0, 8 / 64)),  # the same place on two grids
        (mask(8, 0), mask(64, *BOTTOM[:2], 63, 62, 61, 60), (2 / 8, 6 / 64)),
        (mask(64, 0, 1, 2, 3), mask(8, 0), (2 / 4, 1 / 8)),  # the noise on the coarser one
    ],
)
def test_lost_share_by_hand(hidden, lost, expected):
    assert tuple(map(float, lost_share(hidden, lost, (4, 4, 4)))) == pytest.approx(expected)


def test_lost_share_counts_all_crops_together():
    hidden, lost = torch.cat([mask(8, 0), mask(8, 0, 1, 2)]), torch.cat([mask(8, 0), mask(8, 7)])
    assert float(lost_share(hidden, lost, (32, 32, 32))[0]) == pytest.approx(1 / 4)


@pytest.mark.parametrize(
    ("hidden", "lost", "size"),
    [((2, 8), (1, 8), 4), ((1, 8), (1, 0), 4), ((8,), (8,), 4), ((1, 9), (1, 64), 4), ((1, 8), (1, 27), 4)],
    ids=["other crops", "empty", "flat", "no cubic cell", "cells that do not tile"],
)
def test_lost_share_refuses(hidden, lost, size):
    with pytest.raises(ConfigError):
        lost_share(torch.zeros(hidden, dtype=torch.bool), torch.zeros(lost, dtype=torch.bool), (size,) * 3)


def test_overlap_by_hand():
    noisy = torch.tensor([[4.0, 3.0, 2.0, 1.0], [4.0, 3.0, 2.0, 1.0]])
    clean = torch.tensor([[1.0, 4.0, 3.0, 2.0], [1.0, 2.0, 3.0, 4.0]])
    # top halves: {0, 1} with {1, 2}: one of two; {0, 1} with {2, 3}: none
    assert float(top_overlap(noisy, clean, 0.5)) == pytest.approx((1 / 2 + 0) / 2)
    assert float(top_overlap(noisy, noisy * 10, 0.5)) == 1.0
    assert float(top_overlap(noisy, clean, 1.0)) == 1.0
    assert float(top_overlap(noisy, clean, 0.1)) == 0.0  # at least one token is compared: 0 with 1, 0 with 3


def test_overlap_compares_as_many_tokens_as_the_mask_hides():
    # floor(.29 * 100) = 29, though .29 * 100 is 28.999999999999996: tops are 0 .. 28 and 28 .. 56
    ranks = torch.arange(100.0)
    other = -(ranks - 42).abs()
    assert float(top_overlap(-ranks.unsqueeze(0), other.unsqueeze(0), 0.29)) == pytest.approx(1 / 29)


@pytest.mark.parametrize(
    ("noisy", "clean", "ratio"),
    [((2, 4), (1, 4), 0.5), ((2, 4), (2, 8), 0.5), ((4,), (4,), 0.5), ((2, 4), (2, 4), 0.0)],
)
def test_overlap_refuses(noisy, clean, ratio):
    with pytest.raises(ConfigError, match="cannot be measured"):
        top_overlap(torch.zeros(noisy), torch.zeros(clean), ratio)


# --- dimensions of features

LINE = torch.arange(5.0).unsqueeze(1) * torch.tensor([1.0, 2.0, -3.0]) + 7
CROSS = torch.cat([torch.eye(3), -torch.eye(3)])


@pytest.mark.parametrize(
    ("features", "expected"),
    [
        (LINE, 1.0),
        (CROSS, 3.0),
        (CROSS * 100 + 5, 3.0),  # neither size nor place matters
        # squares of the singular values 2 * 4 and 2 * 1: shares .8 and .2, exp(-.8 ln .8 - .2 ln .2) = exp(.500402)
        (torch.tensor([[2.0, 0.0], [-2.0, 0.0], [0.0, 1.0], [0.0, -1.0]]), 1.649385),
        (torch.tensor([[0.0, 0.0], [1.0, 5.0]]), 1.0),  # two points are a line
        (torch.full((3, 2), 0.1), 0.0),
        (torch.ones(1, 4), 0.0),
    ],
    ids=["line", "cross", "moved cross", "flat cross", "two points", "equal points", "one point"],
)
def test_effective_rank_by_hand(features, expected):
    assert effective_rank(features) == pytest.approx(expected, abs=1e-5)


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_a_feature_that_is_not_finite_has_no_rank_and_stops_nothing(value):
    assert math.isnan(effective_rank(torch.tensor([[1.0, value], [0.0, 2.0]])))


@pytest.mark.parametrize("shape", [(4,), (2, 3, 4), (0, 4)])
def test_effective_rank_refuses(shape):
    with pytest.raises(ConfigError, match=r"expected features \(n, C\)"):
        effective_rank(torch.zeros(shape))


# --- attention


def painted(*cells: list[float]) -> torch.Tensor:
    """Crops of 4 voxels a side, whose 2^3 cells have these intensities."""
    coarse = torch.tensor(cells).reshape(-1, 1, 2, 2, 2)
    return coarse.repeat_interleave(2, 2).repeat_interleave(2, 3).repeat_interleave(2, 4)


RAMP = [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8]
EDGE = [0.0, 0.0, 0.0, 0.0, 1.0, 1.0, 1.0, 1.0]
SIDE = [0.0, 1.0, 0.0, 1.0, 0.0, 1.0, 0.0, 1.0]
FLAT = [0.5] * 8


@pytest.mark.parametrize(
    ("attention", "images", "expected"),
    [
        ([RAMP], [RAMP], 1.0),
        ([[1 - value for value in RAMP]], [RAMP], -1.0),
        ([SIDE], [EDGE], 0.0),  # (-,-,-,-,+,+,+,+) and (-,+,-,+,-,+,-,+) agree as often as not
        ([EDGE], [RAMP], 0.872872),  # deviations of +-.5, and of +-.05, .15, .25, .35: .8 / sqrt(2 * .42)
        ([RAMP, RAMP], [FLAT, RAMP], 1.0),  # an even crop has nothing to follow
        ([FLAT, RAMP], [RAMP, RAMP], 1.0),  # even attention follows nothing
        ([RAMP, SIDE], [RAMP, EDGE], 0.5),  # the mean over crops
        ([RAMP], [FLAT], math.nan),
        ([FLAT], [RAMP], math.nan),
    ],
)
def test_follows_brightness_by_hand(attention, images, expected):
    found = follows_brightness(torch.tensor(attention), painted(*images), cell=2)
    assert found == pytest.approx(expected, abs=1e-5, nan_ok=True)


@pytest.mark.parametrize(
    ("attention", "images", "cell"),
    [
        ((2, 8), (1, 1, 4, 4, 4), 2),
        ((1, 64), (1, 1, 4, 4, 4), 2),
        ((1, 8), (1, 2, 4, 4, 4), 2),
        ((1, 1), (1, 1, 4, 4, 4), 3),
    ],
    ids=["other crops", "another grid", "two channels", "cells that do not tile"],
)
def test_follows_brightness_refuses(attention, images, cell):
    with pytest.raises(ConfigError):
        follows_brightness(torch.zeros(attention), torch.zeros(images), cell)


def test_variation_by_hand():
    # (1, 3): standard deviation 1 over mean 2; an even crop: 0
    assert variation(torch.tensor([[1.0, 3.0], [2.0, 2.0]])) == pytest.approx((0.5 + 0) / 2)
    assert variation(torch.tensor([[0.1, 0.3]])) == pytest.approx(0.5)  # its scale does not matter


@pytest.mark.parametrize("shape", [(8,), (2, 4, 8)])
def test_variation_refuses(shape):
    with pytest.raises(ConfigError, match="cannot be measured"):
        variation(torch.ones(shape))


# --- weights


def test_distance_by_hand():
    module = torch.nn.Linear(2, 1)
    start = [torch.tensor([[3.0, 0.0]]), torch.tensor([4.0])]
    with torch.no_grad():
        module.weight.copy_(torch.tensor([[3.0, 0.6]]))
        module.bias.copy_(torch.tensor([4.8]))
    assert distance(module, start) == pytest.approx(1 / 5)  # moved by (0, 0.6, 0.8), from a length of 5
    assert distance(module, [each.detach().clone() for each in module.parameters()]) == 0


@pytest.mark.parametrize(
    "start", [[], [torch.ones(1, 2)], [torch.ones(2, 2), torch.ones(1)]], ids=["none", "few", "other"]
)
def test_distance_refuses_the_weights_of_another_network(start):
    with pytest.raises(ConfigError, match="the weights of this network"):
        distance(torch.nn.Linear(2, 1), start)
