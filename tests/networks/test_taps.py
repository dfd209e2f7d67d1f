"""What can be tapped: every map of an encoder, with its width and cell, and all stages joined."""

import pytest
import torch
from fixtures.small import SMALL

from smart_nets.networks.comparators.vit import ViTEncoder
from smart_nets.networks.encoder import Encoding, SmartEncoder


def test_stages_by_hand():
    # a map of values 1 and 3 (mean 2, standard deviation 1) and a last one of a single 5: means first, then the spread
    maps = (torch.tensor([1.0, 3.0]).reshape(1, 1, 1, 1, 2), torch.tensor(5.0).reshape(1, 1, 1, 1, 1))
    encoding = Encoding(torch.zeros(1, 1, 1), None, None, maps[-1].mean((2, 3, 4)), maps[-1], (1, 1, 1), maps)
    assert encoding.stages.tolist() == [[2.0, 5.0, 1.0]]


@pytest.mark.parametrize(
    ("make", "dims", "cells"),
    [
        (lambda: SmartEncoder(**SMALL), (12, 24, 48, 96, 192), (2, 4, 8, 16, 32)),
        (lambda: SmartEncoder(**SMALL, sa_stage=None), (12, 24, 48, 96, 192), (2, 4, 8, 16, 32)),
        (lambda: ViTEncoder(64, dim=24, depth=2, num_heads=2), (24,), (16,)),
    ],
    ids=["Swin", "Swin without attention", "ViT"],
)
def test_maps_are_as_wide_and_fine_as_the_encoder_says(make, dims, cells):
    net = make()
    seen = net(torch.rand(2, 1, 64, 64, 64))
    assert (net.map_dims, net.map_cells) == (dims, cells)
    expected = [(2, width, *[64 // cell] * 3) for width, cell in zip(dims, cells, strict=True)]
    assert [tuple(each.shape) for each in seen.maps] == expected
    assert seen.maps[-1] is seen.deep
    assert seen.stages.shape == (2, net.stages_dim) and net.stages_dim == 2 * sum(dims) - dims[-1]
    before_last = sum(dims[:-1])
    torch.testing.assert_close(seen.stages[:, before_last : before_last + dims[-1]], seen.pooled)


def test_stages_that_do_not_vary_can_be_learned_from():
    maps = [torch.ones(1, 2, 2, 2, 2, requires_grad=True) for _ in range(2)]
    encoding = Encoding(torch.zeros(1, 1, 2), None, None, torch.ones(1, 2), maps[-1], (1, 1, 1), tuple(maps))
    encoding.stages.sum().backward()  # the derivative of a standard deviation of 0
    assert all(each.grad.isfinite().all() for each in maps)
