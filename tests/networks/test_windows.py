"""The index tables of shifted windows, against what roll and partition do."""

import pytest
import torch

from smart_nets.networks.window_attention import attend_windows, reorder, window_weights
from smart_nets.networks.windows import BLOCKED, plan_windows

CPU = torch.device("cpu")


def partition(x, a):
    """(D, H, W) -> (windows, a^3)."""
    d, h, w = x.shape
    return x.view(d // a, a, h // a, a, w // a, a).permute(0, 2, 4, 1, 3, 5).reshape(-1, a**3)


def test_moves_are_partition_and_roll():
    plan = plan_windows((8, 12, 4), 4, CPU)
    places = torch.arange(8 * 12 * 4)
    volume = places.view(8, 12, 4)
    plain = partition(volume, 4).flatten()
    shifted = partition(volume.roll((-2, -2), (0, 1)), 4).flatten()  # the third side is one window: not shifted
    x = places.view(1, -1, 1)
    assert torch.equal(reorder(x, *plan.enter).flatten(), plain)
    assert torch.equal(reorder(plain.view(1, -1, 1), *plan.step[1]).flatten(), shifted)
    assert torch.equal(reorder(shifted.view(1, -1, 1), *plan.step[0]).flatten(), plain)
    assert torch.equal(reorder(plain.view(1, -1, 1), *plan.leave[0]).flatten(), places)
    assert torch.equal(reorder(shifted.view(1, -1, 1), *plan.leave[1]).flatten(), places)


def test_shift_mask_by_hand():
    # Depth 8 has 2 windows. The roll leaves the first one whole; the second is made of two halves of 32 tokens, so
    # each of its 64 tokens may not see the 32 of the other half.
    plan = plan_windows((8, 4, 4), 4, CPU)
    first, second = plan.slice(0, 2, shifted=True).mask
    assert first.abs().sum() == 0
    assert ((second == BLOCKED).sum(1) == 32).all() and second.unique().tolist() == [BLOCKED, 0]
    assert second[0, 31] == 0 and second[0, 32] == BLOCKED
    assert plan.slice(0, 2, shifted=False).mask is None


def test_a_grid_no_larger_than_the_window_is_one_window():
    plan = plan_windows((4, 2, 3), 4, CPU)
    assert (plan.windows, plan.tokens, plan.shifted, plan.padding) == (1, 24, False, None)


def test_padding_is_marked_in_both_orders():
    plan = plan_windows((6, 4, 4), 4, CPU)  # padded to 8 x 4 x 4: rows 6 and 7 are padding
    inside = torch.ones(8, 4, 4, dtype=torch.bool)
    inside[6:] = False
    assert plan.padded == (8, 4, 4)
    assert torch.equal(plan.padding[0].flatten(), ~partition(inside, 4).flatten())
    assert torch.equal(plan.padding[1].flatten(), ~partition(inside.roll(-2, 0), 4).flatten())


def test_a_plan_made_at_inference_serves_training():
    with torch.inference_mode():
        plan = plan_windows((20, 4, 4), 4, CPU)
    x = torch.randn(1, 20 * 16, 2, requires_grad=True)
    reorder(x, *plan.enter).square().sum().backward()
    assert torch.allclose(x.grad, 2 * x)


@pytest.mark.parametrize("batch", [1, 3])
def test_reorder_has_the_right_gradient(batch):
    index = torch.randperm(7)
    x = torch.randn(batch, 7, 2, dtype=torch.float64, requires_grad=True)
    assert torch.equal(reorder(x, index, index.argsort()), x[:, index])
    assert torch.autograd.gradcheck(lambda x: reorder(x, index, index.argsort()), x)


@pytest.mark.parametrize("masked", [False, True])
def test_attend_is_softmax_attention_with_the_right_gradient(masked):
    qkv = torch.randn(2, 3, 5, 3, 2, 4, dtype=torch.float64, requires_grad=True)  # B, windows, n, 3, heads, d
    bias = torch.randn(2, 5, 5, dtype=torch.float64, requires_grad=True)
    mask = torch.where(torch.rand(3, 5, 5) < 0.3, BLOCKED, 0.0) if masked else None
    attention = window_weights(qkv, bias, mask, 0.5)
    assert torch.allclose(attention.sum(-1), torch.ones(()).double())
    values = qkv[..., 2, :, :].transpose(2, 3)
    expected = (attention @ values).transpose(2, 3).reshape(2, 15, 8)
    assert torch.allclose(attend_windows(qkv, bias, mask, 0.5), expected)
    assert torch.autograd.gradcheck(lambda qkv, bias: attend_windows(qkv, bias, mask, 0.5), (qkv, bias))
