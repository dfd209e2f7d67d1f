"""The order in which patch merging joins eight neighbours, and weights moved from one order to another.

All keys match and all shapes fit whatever the order is; with the wrong one the outputs are wrong in silence. What follows a
merging is LayerNorm and a linear map, so another order is the same network with its groups of channels moved.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, get_args

import torch
from torch import Tensor

from smart_nets.settings import one_of

Merging = Literal["mergingv2", "merging", "smit"]
ORDERS: dict[str, tuple[str, ...]] = {  # which neighbour (D, H, W) each of the eight groups of channels is
    "mergingv2": ("000", "001", "010", "011", "100", "101", "110", "111"),  # MONAI's PatchMergingV2, and ours
    "merging": (
        "000",
        "100",
        "010",
        "001",
        "110",
        "101",
        "011",
        "111",
    ),  # MONAI's PatchMerging, its SwinUNETR's default
    "smit": ("000", "100", "010", "001", "110", "011", "101", "111"),  # SMIT's Trans.py
}
MERGED = ("downsample.norm.weight", "downsample.norm.bias", "downsample.reduction.weight")


def move_groups(state: Mapping[str, Tensor], given: Merging, wanted: Merging) -> dict[str, Tensor]:
    """A state dict whose merging layers were made for one order, for the same outputs under another.

    Args:
        state: names and tensors; only those of `MERGED` change.
        given, wanted: orders, keys of `ORDERS`.

    Raises:
        ConfigError: an order that nobody uses.
    """
    for name, order in (("given", given), ("wanted", wanted)):
        one_of(name, order, get_args(Merging))
    places = [ORDERS[given].index(neighbour) for neighbour in ORDERS[wanted]]
    return {name: _moved(value, places) if name.endswith(MERGED) else value for name, value in state.items()}


def _moved(value: Tensor, places: list[int]) -> Tensor:
    groups = torch.stack(value.chunk(8, dim=-1), dim=-2)  # (..., 8C) -> (..., 8, C)
    return groups[..., places, :].flatten(-2)  # (..., 8, C) -> (..., 8C)
