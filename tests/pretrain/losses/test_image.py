"""AMIP: only hidden voxels count."""

import pytest
import torch

from smart_nets.errors import ConfigError
from smart_nets.pretrain.losses.image import masked_l1, one_grey


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


def test_one_grey_by_hand():
    # view 1 hides 0, 0.2 and 1: its best grey is 0.2, which misses by 0.2 + 0 + 0.8; view 2 hides one voxel and hits it
    image = torch.tensor([[0.0, 0.2, 1.0, 0.7], [0.4, 0.9, 0.1, 0.3]]).reshape(2, 1, 1, 2, 2)
    hidden = torch.tensor([[True, True, True, False], [True, False, False, False]]).reshape(2, 1, 2, 2)
    assert float(one_grey(image, hidden)) == pytest.approx(1.0 / 4)


def test_no_single_grey_does_better():
    image, hidden = torch.rand(1, 1, 4, 4, 4), torch.rand(1, 4, 4, 4) > 0.3
    best = min(float(masked_l1(torch.full_like(image, grey), image, hidden)) for grey in torch.linspace(0, 1, 101))
    assert float(one_grey(image, hidden)) == pytest.approx(best, abs=0.005)
    assert float(one_grey(image, hidden)) <= best + 1e-6


def test_one_grey_of_nothing_hidden_is_zero():
    assert float(one_grey(torch.rand(2, 1, 2, 2, 2), torch.zeros(2, 2, 2, 2, dtype=torch.bool))) == 0


@pytest.mark.parametrize("shape", [(1, 2, 2, 2), (2, 2, 2, 4), (2, 8)])
def test_one_grey_needs_a_mask_of_its_voxels(shape):
    with pytest.raises(ConfigError, match="hidden: not a mask of these images"):
        one_grey(torch.zeros(2, 1, 2, 2, 2), torch.zeros(shape, dtype=torch.bool))
