"""AMIP: only hidden voxels count."""

import pytest
import torch

from smart_nets.losses.image import masked_l1


def test_by_hand():
    image = torch.zeros(1, 1, 1, 2, 2)
    painted = torch.tensor([0.2, 0.4, 0.6, 0.8]).reshape(1, 1, 1, 2, 2)
    hidden = torch.tensor([True, False, True, False]).reshape(1, 1, 2, 2)
    assert float(masked_l1(painted, image, hidden)) == pytest.approx((0.2 + 0.6) / 2)


def test_perfect_output_is_zero():
    image, hidden = torch.rand(2, 1, 4, 4, 4), torch.rand(2, 4, 4, 4) > 0.5
    assert float(masked_l1(image, image, hidden)) == 0.0


def test_blind_to_visible_voxels():
    image, hidden = torch.rand(2, 1, 4, 4, 4), torch.rand(2, 4, 4, 4) > 0.5
    painted = torch.rand_like(image)
    changed = torch.where(hidden.unsqueeze(1), painted, painted + 100)
    assert torch.equal(masked_l1(painted, image, hidden), masked_l1(changed, image, hidden))


def test_nothing_hidden_is_zero_not_nan():
    assert (
        float(
            masked_l1(torch.ones(1, 1, 2, 2, 2), torch.zeros(1, 1, 2, 2, 2), torch.zeros(1, 2, 2, 2, dtype=torch.bool))
        )
        == 0
    )
