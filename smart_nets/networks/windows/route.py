"""The way of the tokens through the blocks of a Swin stage: which windows each block computes, and where they come from.

Tokens stay in window order from block to block: one gather turns plain windows into shifted ones, instead of a roll, a
partition, a reverse and a roll. And windows that must come out alike are computed once: all hidden tokens enter equal,
as one mask token without position, so in every window that is hidden whole each token attends to copies of itself, and
all leave equal again, whatever the relative positions. In the next block that holds for windows of such tokens only.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.autograd import Function

from smart_nets.networks.windows.plan import WindowPlan, capturing


class Hop(NamedTuple):
    """The way into a block: R windows of n tokens, out of M tokens of the block before (or of the padded grids)."""

    source: Tensor  # (R * n,) which of the M tokens comes to each place
    inverse: Tensor | None  # (M,) the permutation that undoes it; None where tokens are left out or taken several times
    batch: int  # B
    sample: Tensor  # (R,) of which scan of the batch each window is: stochastic depth asks
    window: Tensor  # (R,) its number in the plan


class Route(NamedTuple):
    """All hops of a stage, and the way back to the padded grids: index (B * P,) and its inverse, as in `Hop`."""

    hops: tuple[Hop, ...]
    leave: tuple[Tensor, Tensor | None]


def find_route(plan: WindowPlan, grids: Tensor, blocks: int, hidden: Tensor | None = None) -> Route:
    """The route through `blocks` blocks.

    Args:
        plan: of the stage's grid.
        grids: (B, P, C) the tokens that enter.
        hidden: (B, P) bool, the tokens that enter equal within a scan; None computes every window.
    """
    if capturing():  # numbers counted within the graph, so that it serves any batch
        return _whole(plan, torch.ones_like(grids[:, 0, :1], dtype=torch.long).cumsum(0) - 1, blocks)
    if hidden is not None:
        alike = _alike(plan, hidden, 0)
        if alike.any():
            return _once(plan, hidden, blocks)
    return _kept(plan, len(grids), blocks)


def move(x: Tensor, index: Tensor, inverse: Tensor | None) -> Tensor:
    """Tokens (M, C) taken by `index` (N,): (N, C). With `inverse` the gradient is a gather, too, not a slow scatter."""
    return x.index_select(0, index) if capturing() else _Move.apply(x, index, inverse)


class _Move(Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, index: Tensor, inverse: Tensor | None) -> Tensor:
        ctx.save_for_backward(index, inverse)
        ctx.size = len(x)
        return x.index_select(0, index)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None, None]:
        index, inverse = ctx.saved_tensors
        if inverse is not None:
            return _Move.apply(grad, inverse, index), None, None
        return grad.new_zeros(ctx.size, grad.shape[1]).index_add(0, index, grad), None, None


@lru_cache(maxsize=16)  # eight tables of all tokens of a batch each
def _kept(plan: WindowPlan, batch: int, blocks: int) -> Route:
    with torch.inference_mode(False):
        return _whole(plan, torch.arange(batch, device=plan.order[0].device).unsqueeze(1), blocks)


def _whole(plan: WindowPlan, scans: Tensor, blocks: int) -> Route:
    """Every window of every block; index tables of one scan, repeated for each of `scans` (B, 1)."""
    tokens, windows = plan.windows * plan.tokens, torch.arange(plan.windows, device=scans.device)
    sample, window = (scans + windows * 0).flatten(), (scans * 0 + windows).flatten()  # (B, W) -> (B * W,)

    def spread(table: Tensor) -> Tensor:
        return (scans * tokens + table).flatten()  # (B, P) -> (B * P,)

    hops: list[Hop] = []
    for block in range(blocks):
        now, before = block % 2, 1 - block % 2
        if block > 2:  # plain to shifted and back: there are no others
            hops.append(hops[block - 2])
            continue
        index, inverse = plan.order[now], plan.back[now]
        if block:  # place in this order -> token of the grid -> place in the order before
            index, inverse = plan.back[before][index], inverse[plan.order[before]]
        hops.append(Hop(spread(index), spread(inverse), scans.shape[0], sample, window))
    last = (blocks - 1) % 2
    return Route(tuple(hops), (spread(plan.back[last]), spread(plan.order[last])))


def _once(plan: WindowPlan, hidden: Tensor, blocks: int) -> Route:
    """Windows that come out alike are computed once per scan."""
    batch, n = len(hidden), plan.tokens
    scans = torch.arange(batch, device=hidden.device).unsqueeze(1)  # (B, 1)
    place = torch.arange(hidden.numel(), device=hidden.device).view(batch, -1)  # (B, P) where each token now lies
    hops = []
    for block in range(blocks):
        now = block % 2
        alike = _alike(plan, hidden, now)  # (B, W)
        first = alike.int().argmax(1, keepdim=True)  # (B, 1) the one that stands for them; any, where none is alike
        computed = (~alike).scatter(1, first, True)
        row = (computed.flatten().cumsum(0) - 1).view(batch, -1)  # (B, W)
        row = torch.where(alike, row.gather(1, first), row)
        sample, window = computed.nonzero(as_tuple=True)
        came_from = place[:, plan.order[now]].view(batch, -1, n)  # (B, W, n)
        hops.append(Hop(came_from[sample, window].flatten(), None, batch, sample, window))
        at = plan.back[now]  # (P,)
        place = row[:, at // n] * n + at % n
        hidden = alike[scans, at // n]
    return Route(tuple(hops), (place.flatten(), None))


def _alike(plan: WindowPlan, hidden: Tensor, shifted: int) -> Tensor:
    """(B, W) bool: windows all of whose tokens are hidden, and none is padding, which is zero instead."""
    alike = hidden[:, plan.order[shifted]].view(len(hidden), -1, plan.tokens).all(2)
    return alike if plan.padding is None else alike & ~plan.padding[shifted].flatten(1).any(1)
