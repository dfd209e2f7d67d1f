"""Crops become what the card says, bit by bit; the network stays frozen, and its faults become sentences."""

import pytest
import torch
from fixtures.foreign import Means
from torch import nn

from smart_nets.errors import ConfigError
from smart_nets.statistics.knn import extract_features
from smart_nets.weights.foreign.card import Handling
from smart_nets.weights.foreign.encoder import ForeignEncoder


def crop() -> torch.Tensor:
    """Brighter to the right by 1, to the front by 10, to the head by 100: (1, 1, 2, 2, 2)."""
    r, a, s = torch.meshgrid(torch.arange(2.0), torch.arange(2.0), torch.arange(2.0), indexing="ij")
    return (r + 10 * a + 100 * s)[None, None]


@pytest.mark.parametrize(
    ("reading", "place", "value"),
    [
        (Handling(), (0, 0, 1, 0, 0), 1),
        (Handling(orientation="SAR"), (0, 0, 1, 0, 0), 100),
        (Handling(orientation="SPL"), (0, 0, 0, 0, 0), 11),  # the foot, the front and the right come first
        (Handling(orientation="SPL"), (0, 0, 1, 1, 1), 100),
        (Handling(axes="B D C H W"), (0, 1, 0, 0, 0), 1),
        (Handling(axes="B D C H W", repeat_channels=3), (0, 1, 2, 1, 1), 111),
        (Handling(orientation="SAR", axes="B D C H W"), (0, 1, 0, 0, 1), 101),
        (Handling(input_range=(-1.0, 1.0)), (0, 0, 1, 0, 0), 1),  # 2 * 1 - 1
        (Handling(input_range=(-1000.0, 0.0)), (0, 0, 0, 0, 0), -1000),
    ],
)
def test_what_the_network_sees(reading, place, value):
    assert ForeignEncoder(nn.Identity(), reading, "net").fed(crop())[place] == value


def test_shapes_of_video():
    encoder = ForeignEncoder(nn.Identity(), Handling(axes="B D C H W", repeat_channels=3), "net")
    assert encoder.fed(torch.zeros(2, 1, 4, 5, 6)).shape == (2, 4, 3, 5, 6)


def test_features_of_both_halves_whatever_the_batch():
    x = torch.zeros(3, 1, 32, 32, 32)
    x[:, :, :16] = torch.tensor([0.25, 0.5, 1.0]).view(3, 1, 1, 1, 1)
    for size in (0, 1, 2):
        encoder = ForeignEncoder(Means(), Handling(batch_size=size), "net")
        found = extract_features(encoder, x, batch_size=8)
        assert list(found) == ["pooled"] == list(encoder.kinds) and not encoder.has_attention
        assert found["pooled"].tolist() == [[0.25, 0], [0.5, 0], [1, 0]]


def test_it_stays_frozen():
    inner = nn.Sequential(nn.Dropout(0.9), nn.Flatten()).eval()
    encoder = ForeignEncoder(inner, Handling(), "net")
    assert encoder.train() is encoder and not inner.training and not encoder.training
    means = ForeignEncoder(Means(), Handling(), "net")
    assert not means(torch.zeros(1, 1, 32, 32, 32)).requires_grad and not means.network.gain.requires_grad


@pytest.mark.parametrize(
    ("network", "reading", "size", "says"),
    [
        (
            Means(),
            Handling(),
            [40, 32, 32],
            r"net: cannot take these crops .expected an input of shape \(1, 1, 40, 32, 32\)",
        ),
        (
            nn.Conv3d(3, 2, 1),
            Handling(),
            [8, 8, 8],
            "cannot take these crops.*correct crop_size, axes, repeat_channels",
        ),
        (Means(), Handling(input="pixels"), [32, 32, 32], "TypeError.*unexpected keyword argument 'pixels'"),
        (nn.Identity(), Handling(axes="D B C H W"), [8, 8, 8], "has another shape"),
        (nn.BatchNorm3d(1, momentum=None), Handling(input_range=(float("inf"), 1.0)), [8, 8, 8], "no numbers"),
    ],
)
def test_one_crop_of_zeros_is_tried(network, reading, size, says):
    with pytest.raises(ConfigError, match=says):
        ForeignEncoder(network.eval(), reading, "net").check_crop(size)


def test_sides_that_the_stride_does_not_divide():
    with pytest.raises(ConfigError, match="multiples of 16, such as 16 or 32"):
        ForeignEncoder(Means(), Handling(), "net", stride=16).check_crop([32, 32, 20])
