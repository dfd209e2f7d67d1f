"""Occlusion: a network that looks at one corner only must be shown to look there, and by how much its answer changes."""

import torch
from torch import nn

from smart_nets.classify.occlusion import hidden_block, occlusion_map


class Corner(nn.Module):
    """Says 1 when the first eighth of the crop is bright: score 8 times its mean, against 0."""

    def forward(self, image):
        bright = image[:, 0, :16, :16, :16].mean((1, 2, 3)) * 8
        return torch.stack([torch.zeros_like(bright), bright], dim=1)


class Blind(nn.Module):
    """Is sure, whatever it sees."""

    def forward(self, image):
        return torch.tensor([[1.0, 2.0]]).repeat(len(image), 1)


def test_the_map_lies_where_the_network_looks():
    """Blocks of 8^3 are hidden, a step of 4 apart; inside the corner each takes an eighth of its brightness away."""
    shown = occlusion_map(Corner(), torch.ones(1, 1, 32, 32, 32))[0, 0]
    assert shown.shape == (32, 32, 32)
    by_hand = torch.tensor(8.0).sigmoid() - torch.tensor(8.0 * (1 - 8**3 / 16**3)).sigmoid()
    torch.testing.assert_close(shown[:12, :12, :12], by_hand.expand(12, 12, 12), atol=1e-6, rtol=0)
    assert shown[20:].abs().max() < 1e-6 and shown[:, :, 20:].abs().max() < 1e-6


def test_what_speaks_against_the_answer_is_below_0():
    """Half as bright as would settle it: 0 is said, and surer where what is bright is hidden."""

    class Doubts(Corner):
        def forward(self, image):
            return super().forward(image) + torch.tensor([5.0, 0.0])

    shown = occlusion_map(Doubts(), torch.full((1, 1, 32, 32, 32), 0.5))[0, 0]
    by_hand = torch.tensor(1.0).sigmoid() - torch.tensor(5 - 4 * 7 / 8).sigmoid()
    torch.testing.assert_close(shown[0, 0, 0], by_hand, atol=1e-6, rtol=0)
    assert by_hand < -0.08


def test_a_network_that_ignores_the_image_changes_nowhere():
    """Its scores are no probabilities: taken for such, everything would seem to matter."""
    assert occlusion_map(Blind(), torch.rand(1, 1, 32, 32, 32)).abs().max() < 1e-6


def test_a_quarter_of_each_side_is_hidden():
    assert hidden_block((32, 64, 35)) == [8, 16, 8]
