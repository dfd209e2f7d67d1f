"""Occlusion: a network that looks at one corner only must be shown to look there."""

import torch
from torch import nn

from smart_nets.classify.occlusion import occlusion_map


class Corner(nn.Module):
    """Says 1 when the first eighth of the crop is bright."""

    def forward(self, image):
        bright = image[:, 0, :16, :16, :16].mean((1, 2, 3)) * 8
        return torch.stack([torch.zeros_like(bright), bright], dim=1)


class Blind(nn.Module):
    def forward(self, image):
        return torch.zeros(len(image), 2)


def test_the_map_lies_where_the_network_looks():
    shown = occlusion_map(Corner(), torch.ones(1, 1, 32, 32, 32))[0, 0]
    assert shown.shape == (32, 32, 32)
    torch.testing.assert_close(shown.mean(), torch.tensor(1.0))
    assert shown[:12, :12, :12].min() > 2  # an even share is 1
    assert shown[20:, :, :].max() == 0 and shown[:, :, 20:].max() == 0


def test_a_network_that_ignores_the_image_has_an_even_map():
    assert torch.equal(occlusion_map(Blind(), torch.rand(1, 1, 32, 32, 32)), torch.ones(1, 1, 32, 32, 32))
