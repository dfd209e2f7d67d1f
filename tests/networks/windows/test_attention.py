"""Windowed attention, its gradient written by hand, against the plain formula."""

import pytest
import torch

from smart_nets.networks.windows.attention import attend_windows, window_weights
from smart_nets.networks.windows.plan import BLOCKED


def parts(masked):
    qkv = torch.randn(6, 5, 3, 2, 4, dtype=torch.float64, requires_grad=True)  # windows, n, 3, heads, d
    bias = torch.randn(2, 5, 5, dtype=torch.float64, requires_grad=True)
    masks = torch.where(torch.rand(3, 5, 5) < 0.3, BLOCKED, 0.0) if masked else torch.zeros(3, 5, 5)
    return qkv, bias, masks, torch.tensor([2, 0, 1, 1, 0, 2])


@pytest.mark.parametrize("masked", [False, True])
def test_attend_is_softmax_attention_with_the_right_gradient(masked):
    qkv, bias, masks, kind = parts(masked)
    attention = window_weights(qkv, bias, masks[kind], 0.5)
    assert torch.allclose(attention.sum(-1), torch.ones(()).double())
    values = qkv[:, :, 2].transpose(1, 2)
    expected = (attention @ values).transpose(1, 2).reshape(6, 5, 8)
    assert torch.allclose(attend_windows(qkv, bias, masks, kind, 0.5), expected)
    assert torch.autograd.gradcheck(lambda qkv, bias: attend_windows(qkv, bias, masks, kind, 0.5), (qkv, bias))


def test_a_bias_that_cancels_the_scores_leaves_the_mean():
    # One head, two tokens, q k^T = [[0, 1], [2, 3]]: with its negative as bias all weights are 1/2.
    qkv = torch.tensor([[[[0.0, 1.0]], [[0.0, 2.0]], [[4.0, 0.0]]], [[[2.0, 3.0]], [[1.0, 0.0]], [[8.0, 2.0]]]])
    scores = qkv[:, 0, 0] @ qkv[:, 1, 0].T
    mixed = attend_windows(qkv.unsqueeze(0), -scores.unsqueeze(0), torch.zeros(1, 2, 2), torch.tensor([0]), 1.0)
    torch.testing.assert_close(mixed, torch.tensor([[[6.0, 1.0], [6.0, 1.0]]]))
