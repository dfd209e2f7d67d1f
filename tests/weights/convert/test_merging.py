"""Another order of merging is the same network with its groups of channels moved."""

import pytest
import torch
from torch import nn

from smart_nets.errors import ConfigError
from smart_nets.networks.windows.blocks import PatchMerging
from smart_nets.weights.convert.merging import ORDERS, move_groups


def merge(x: torch.Tensor, layer: nn.Module, order: tuple[str, ...]) -> torch.Tensor:
    """(B, D, H, W, C): neighbours joined in any order, written out by hand."""
    joined = torch.cat([x[:, int(d) :: 2, int(h) :: 2, int(w) :: 2] for d, h, w in order], -1)
    return layer.reduction(layer.norm(joined))


@pytest.mark.parametrize("order", ORDERS)
def test_ours_with_moved_groups_is_theirs(order):
    theirs, ours = PatchMerging(3), PatchMerging(3)
    for parameter in theirs.parameters():
        nn.init.normal_(parameter)
    state = {f"downsample.{name}": value for name, value in theirs.state_dict().items()}
    moved = move_groups(state, order, "mergingv2")
    ours.load_state_dict({name.removeprefix("downsample."): value for name, value in moved.items()})
    x = torch.rand(1, 4, 4, 2, 3)
    torch.testing.assert_close(ours(x), merge(x, theirs, ORDERS[order]))
    back = move_groups(moved, "mergingv2", order)
    assert all(torch.equal(back[name], value) for name, value in state.items())


def test_groups_by_hand():
    """Of eight groups of one channel, numbered by MONAI's default order, the second is that of neighbour 100."""
    state = {"x.downsample.norm.weight": torch.arange(8.0), "x.norm.weight": torch.arange(8.0)}
    moved = move_groups(state, "merging", "mergingv2")
    assert moved["x.downsample.norm.weight"].tolist() == [0, 3, 2, 6, 1, 5, 4, 7]
    assert moved["x.norm.weight"].tolist() == list(range(8))


def test_orders_name_every_neighbour_once():
    assert all(sorted(order) == sorted(ORDERS["mergingv2"]) for order in ORDERS.values())
    with pytest.raises(ConfigError, match="mergingv2 or merging or smit"):
        move_groups({}, "v3", "mergingv2")
