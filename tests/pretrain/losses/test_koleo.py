"""KoLeo against distances worked out by hand on the unit circle."""

import math

import pytest
import torch

from smart_nets.errors import ConfigError
from smart_nets.pretrain.losses.koleo import koleo, koleo_of_views


def on_the_circle(*degrees: float) -> torch.Tensor:
    angles = torch.tensor(degrees).deg2rad()
    return torch.stack([angles.cos(), angles.sin()], 1)


@pytest.mark.parametrize(
    ("degrees", "expected"),
    [
        # Both channels of these have mean 0 and the same spread, so that standardising only scales them.
        ((0, 90, 180, 270), -math.log(math.sqrt(2))),  # neighbours on a square are sqrt 2 apart
        ((0, 120, 240), -math.log(math.sqrt(3))),  # on a triangle sqrt 3
        ((30, 40), -math.log(2)),  # two features, whatever they are, lie on opposite sides of their mean: 2 apart
    ],
)
def test_by_hand(degrees, expected):
    assert float(koleo(on_the_circle(*degrees))) == pytest.approx(expected, abs=1e-3)


def test_what_all_features_share_and_how_loud_a_channel_is_do_not_count():
    features = torch.randn(5, 8)
    loudness = torch.tensor([0.1, 0.3, 1.0, 3.0, 10.0, 30.0, 100.0, 300.0])
    torch.testing.assert_close(koleo(features * loudness + 7), koleo(features), rtol=1e-2, atol=1e-2)


def test_a_step_downhill_drives_neighbours_apart():
    features = on_the_circle(0, 10, 130, 250).requires_grad_()
    loss = koleo(features)
    loss.backward()
    assert float(koleo(features - 0.01 * features.grad)) < float(loss)


def test_views_are_spread_apart_from_each_other():
    u, v = torch.randn(4, 8), torch.randn(4, 8)
    both = koleo_of_views([torch.cat([u, v])], 2)
    torch.testing.assert_close(both, (koleo(u) + koleo(v)) / 2)


def test_equal_features_are_the_worst_and_stay_finite():
    features = torch.ones(3, 4, requires_grad=True)
    loss = koleo(features)
    loss.backward()
    assert loss.item() > 15  # -ln of about 1e-8
    assert features.grad.isfinite().all()


def test_one_feature_has_no_neighbour():
    feature = torch.ones(1, 4, requires_grad=True)
    loss = koleo(feature)
    loss.backward()  # stays in the graph, which distributed training asks for
    assert loss.item() == 0 and feature.grad.abs().sum() == 0


def test_distances_stay_in_fp32_under_autocast():
    features = torch.randn(6, 16)
    with torch.autocast("cpu", torch.bfloat16):
        loss = koleo(features)
    assert loss.dtype == torch.float32
    torch.testing.assert_close(loss, koleo(features))


@pytest.mark.parametrize("shape", [(4,), (2, 3, 4), ()])
def test_shapes_that_are_no_features(shape):
    with pytest.raises(ConfigError, match="koleo: needs one feature per crop"):
        koleo(torch.zeros(shape))
