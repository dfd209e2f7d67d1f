"""One feature of each crop, from whatever a network returns."""

from collections import namedtuple

import pytest
import torch

from smart_nets.errors import ConfigError
from smart_nets.weights.foreign.read_out import read_feature

TOKENS = torch.tensor([[[1.0, 2.0], [3.0, 6.0]], [[0.0, 0.0], [2.0, 4.0]]])  # (2, 2 tokens, 2)
MAP = torch.arange(16.0).reshape(2, 1, 2, 2, 2)
Out = namedtuple("Out", ["deep"])


@pytest.mark.parametrize(
    ("output", "words", "expected"),
    [
        (torch.eye(2), "tensor", [[1, 0], [0, 1]]),
        (TOKENS, "tensor", [[2, 4], [1, 2]]),
        (TOKENS, "tensor:mean", [[2, 4], [1, 2]]),
        (TOKENS, "tensor:cls", [[1, 2], [0, 0]]),
        (MAP, "tensor", [[3.5], [11.5]]),
        ({"last_hidden_state": TOKENS, "x": None}, "last_hidden_state:cls", [[1, 2], [0, 0]]),
        ({"pooler_output": torch.eye(2)}, "pooler_output", [[1, 0], [0, 1]]),
        ([torch.zeros(2, 3), MAP], "-1:mean", [[3.5], [11.5]]),
        ([torch.zeros(2, 3), MAP], "1", [[3.5], [11.5]]),
        (Out(MAP), "deep", [[3.5], [11.5]]),
    ],
)
def test_by_name_place_and_shape(output, words, expected):
    assert read_feature(output, words, 2, "net").tolist() == expected


@pytest.mark.parametrize(
    ("output", "words", "says"),
    [
        ({"a": TOKENS}, "pooler_output", "net: gives no such output .expected a, found pooler_output"),
        ({"a": TOKENS, "b": None}, "b", "gives no such output .expected a, found b"),
        ([TOKENS], "3", "expected a number from 0 to 0, found 3"),
        (TOKENS, "pooler_output", "gives no such output .expected tensor"),
        (Out(MAP), "shallow", "expected deep, found shallow"),
        ({"a": TOKENS}, "tensor", "is no feature .expected a tensor of numbers, or one of a, found dict"),
        (TOKENS.long(), "tensor", "found torch.int64"),
        (TOKENS[:, 0], "tensor:mean", r"has another shape .expected \(B, N, C\) or \(B, C, d, h, w\) with B = 2"),
        (MAP, "tensor:cls", r"expected \(B, N, C\) with B = 2"),
        (MAP[:, 0], "tensor:cls", r"expected \(B, N, C\)"),
        (MAP[:, :, 0], "tensor", "has another shape"),
        (TOKENS[:1], "tensor", r"with B = 2, found \(1, 2, 2\)"),
        (torch.zeros(2, 0), "tensor", "has another shape"),
        (
            torch.tensor([[1.0], [float("nan")]]),
            "tensor",
            "no numbers .*NaN or infinity in 1 of 2",
        ),
        (TOKENS / 0, "tensor", "in 2 of 2 crops"),
    ],
)
def test_what_is_no_feature(output, words, says):
    with pytest.raises(ConfigError, match=says):
        read_feature(output, words, 2, "net")
