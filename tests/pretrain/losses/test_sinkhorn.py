"""Sinkhorn-Knopp against a table of two by two worked out by hand, and what it promises for any batch."""

import math

import pytest
import torch

from smart_nets.errors import ConfigError
from smart_nets.pretrain.losses.sinkhorn import sinkhorn

TWO = torch.tensor([[math.log(3), 0.0], [0.0, 0.0]])


@pytest.mark.parametrize(
    ("iterations", "expected"),
    [
        # exp, with 1 the largest of each row: (1, 1/3), (1, 1). Columns over their sums 2 and 4/3: (1/2, 1/4), (1/2, 3/4).
        # Rows over their sums 3/4 and 5/4:
        (1, [[2 / 3, 1 / 3], [2 / 5, 3 / 5]]),
        # Columns over 16/15 and 14/15: (5/8, 5/14), (3/8, 9/14); rows over 55/56 and 57/56:
        (2, [[7 / 11, 4 / 11], [7 / 19, 12 / 19]]),
        # Neither step changes q11 q22 / (q12 q21) = 3, and in the limit q = (x, 1-x), (1-x, x): x / (1-x) = sqrt 3.
        (30, [[0.633975, 0.366025], [0.366025, 0.633975]]),
    ],
)
def test_two_by_two_by_hand(iterations, expected):
    torch.testing.assert_close(sinkhorn(TWO, 1.0, iterations), torch.tensor(expected), atol=1e-6, rtol=0)


def test_rows_sum_to_one_and_columns_become_equal():
    logits = torch.randn(64, 8) + torch.arange(8.0)  # a softmax would prefer the last output
    q = sinkhorn(logits, 1.0, iterations=50)
    torch.testing.assert_close(q.sum(1), torch.ones(64))
    torch.testing.assert_close(q.sum(0), torch.full((8,), 8.0), atol=1e-3, rtol=0)
    assert logits.softmax(1).sum(0)[-1] > 30


def test_the_temperature_sharpens():
    torch.testing.assert_close(sinkhorn(0.04 * TWO, 0.04), sinkhorn(TWO, 1.0))
    assert sinkhorn(TWO, 0.1)[0, 0] > sinkhorn(TWO, 1.0)[0, 0]


def test_a_collapsed_teacher_gives_even_answers_at_once():
    # cosines of 1 and -1 for every token: e^(-2 / 0.04) = e^-50 is left of the second column
    q = sinkhorn(torch.tensor([[1.0, -1.0]] * 4), 0.04, iterations=1)
    torch.testing.assert_close(q, torch.full((4, 2), 0.5))


def test_what_all_logits_of_a_token_share_says_nothing():
    shift = torch.tensor([[0.0], [500.0]])
    torch.testing.assert_close(sinkhorn(TWO + shift, 1.0), sinkhorn(TWO, 1.0), atol=1e-4, rtol=0)


def test_answers_are_float32_without_gradient():
    q = sinkhorn(TWO.bfloat16().requires_grad_(), 1.0)
    assert q.dtype == torch.float32 and not q.requires_grad


def test_no_token_no_answer():
    assert sinkhorn(torch.zeros(0, 4), 0.04).shape == (0, 4)


@pytest.mark.parametrize(
    ("shape", "temperature", "iterations"), [((4,), 0.1, 3), ((2, 2, 2), 0.1, 3), ((2, 2), 0.0, 3), ((2, 2), 0.1, 0)]
)
def test_what_cannot_be_centred(shape, temperature, iterations):
    with pytest.raises(ConfigError, match="sinkhorn: cannot centre"):
        sinkhorn(torch.zeros(shape), temperature, iterations)
