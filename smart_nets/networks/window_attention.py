"""Attention within windows, and the moves between window orders: the two places where Swin spends memory and time.

Both are written as autograd functions, because the plain operators waste either: the scores of all windows at once do
not fit any cache and would be kept for the backward pass, and the gradient of a gather is a slow scatter although for
a permutation it is a gather too. While a graph is captured for deployment the plain operators are used.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor
from torch.autograd import Function
from torch.autograd.function import once_differentiable

from smart_nets.networks.windows import WindowPlan, capturing

CACHED_SCORES = 2**20  # scores per chunk on a CPU: 4 MB, which stays in its cache
DEVICE_SCORES = 2**28  # on an accelerator: 1 GB, few large kernels


def reorder(x: Tensor, index: Tensor, inverse: Tensor) -> Tensor:
    """Tokens in another order: result[:, i] = x[:, index[i]].

    Args:
        x: (B, P, C).
        index: (P,) a permutation.
        inverse: (P,) the permutation that undoes it.
    """
    return x.index_select(1, index) if capturing() else _Reorder.apply(x, index, inverse)


def attention_map(qkv: Tensor, bias: Tensor, plan: WindowPlan, shifted: bool, scale: float) -> Tensor:
    """softmax(q k^T * scale + bias), in float32 or wider.

    Args:
        qkv: (B, windows, n, 3, heads, d).
        bias: (heads, n, n), the same for all windows.
        plan: gives the masks of shifted windows.
        shifted: whether the windows are shifted ones.

    Returns:
        (B, windows, heads, n, n).
    """
    q, k = (qkv[..., part, :, :].transpose(2, 3) for part in (0, 1))  # (B, windows, heads, n, d)
    scores = (q * scale) @ k.transpose(-2, -1)
    bias = bias.to(torch.promote_types(bias.dtype, torch.float32))
    return (scores + (_with_masks(bias, plan)[plan.kind] if shifted else bias)).softmax(-1)


def attend(qkv: Tensor, bias: Tensor, plan: WindowPlan, shifted: bool, scale: float) -> Tensor:
    """The values of each window mixed by its attention; arguments as `attention_map`. Returns (B, P, heads * d)."""
    if not capturing():
        table = (_with_masks(bias, plan), plan.kind) if shifted else (bias.unsqueeze(0), None)
        return _Attend.apply(qkv, *table, scale)
    v = qkv[..., 2, :, :].transpose(2, 3)
    mixed = attention_map(qkv, bias, plan, shifted, scale).to(v.dtype) @ v  # (B, windows, heads, n, d)
    return mixed.transpose(2, 3).flatten(1, 2).flatten(2)  # (B, windows, n, heads, d) -> (B, P, C)


def _with_masks(bias: Tensor, plan: WindowPlan) -> Tensor:
    """(heads, n, n) -> (kinds, heads, n, n), the bias of each kind of shifted window."""
    return bias + plan.masks.unsqueeze(1).to(bias.dtype)


class _Reorder(Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, index: Tensor, inverse: Tensor) -> Tensor:
        ctx.save_for_backward(index, inverse)
        return _gather(x, index)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None, None]:
        index, inverse = ctx.saved_tensors
        return _Reorder.apply(grad, inverse, index), None, None


def _gather(x: Tensor, index: Tensor) -> Tensor:
    """index_select on axis 1, written as one on axis 0, for which the CPU has a path that copies whole rows."""
    batch, tokens, width = x.shape
    if batch > 1:
        index = (index + torch.arange(batch, device=x.device).unsqueeze(1) * tokens).flatten()  # (B, P) -> (B * P,)
    return x.reshape(batch * tokens, width).index_select(0, index).view(batch, -1, width)


class _Attend(Function):
    """Windowed attention, a chunk of windows at a time; the backward pass computes the softmax anew."""

    @staticmethod
    def forward(ctx: Any, qkv: Tensor, table: Tensor, kind: Tensor | None, scale: float) -> Tensor:
        batch, count, n, _, heads, width = qkv.shape
        ctx.save_for_backward(qkv, table, kind)
        ctx.scale = scale
        mixed = qkv.new_empty(batch * count, n, heads, width)
        with torch.autocast(qkv.device.type, enabled=False):
            for span, q, k, v, bias in _chunks(qkv, table, kind):
                attention = _softmax(q, k, bias, scale)
                mixed[span] = torch.bmm(attention, v).view(-1, heads, n, width).transpose(1, 2)
        return mixed.view(batch, count * n, heads * width)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, Tensor, None, None]:
        qkv, table, kind = ctx.saved_tensors
        batch, count, n, _, heads, width = qkv.shape
        grad = grad.view(batch * count, n, heads, width)
        grad_qkv = torch.empty_like(qkv.flatten(0, 1))
        grad_table = torch.zeros_like(table, dtype=_wide(table.dtype))
        for span, q, k, v, bias in _chunks(qkv, table, kind):
            attention = _softmax(q, k, bias, ctx.scale)
            out = grad[span].transpose(1, 2).to(v.dtype).reshape(-1, n, width)  # (w, n, heads, d) -> (w * heads, n, d)
            scores = torch.bmm(out, v.transpose(1, 2)).mul_(attention)
            scores.addcmul_(attention, scores.sum(-1, keepdim=True), value=-1)  # gradient of the softmax
            parts = (
                torch.bmm(scores, k).mul_(ctx.scale),
                torch.bmm(scores.transpose(1, 2), q).mul_(ctx.scale),
                torch.bmm(attention.transpose(1, 2), out),
            )
            for part, value in enumerate(parts):
                grad_qkv[span, :, part] = value.view(-1, heads, n, width).transpose(1, 2)
            # The masks are constants, so it does not matter to which kind of window a gradient is credited.
            grad_table[0] += scores.view(-1, heads, n, n).sum(0)
        return grad_qkv.view_as(qkv), grad_table.to(table.dtype), None, None


Chunk = tuple[slice, Tensor, Tensor, Tensor, Tensor]


def _chunks(qkv: Tensor, table: Tensor, kind: Tensor | None) -> Iterator[Chunk]:
    """Spans of windows with their q, k, v (w * heads, n, d) and bias (w * heads, n, n), in float32 or wider."""
    batch, count, n, _, heads, width = qkv.shape
    windows = qkv.flatten(0, 1)  # (B * windows, n, 3, heads, d)
    kinds = None if kind is None else kind.repeat(batch)
    step = max(1, (CACHED_SCORES if qkv.device.type == "cpu" else DEVICE_SCORES) // (heads * n * n))
    table = table.to(_wide(table.dtype))
    for first in range(0, batch * count, step):
        span = slice(first, min(first + step, batch * count))
        # (w, n, 3, heads, d) -> (3, w, heads, n, d) -> 3 x (w * heads, n, d)
        parts = windows[span].permute(2, 0, 3, 1, 4).to(_wide(qkv.dtype)).contiguous()
        q, k, v = parts.view(3, -1, n, width).unbind(0)
        size = span.stop - span.start
        bias = table.expand(size, heads, n, n) if kinds is None else table.index_select(0, kinds[span])
        yield span, q, k, v, bias.reshape(-1, n, n)


def _softmax(q: Tensor, k: Tensor, bias: Tensor, scale: float) -> Tensor:
    return torch.baddbmm(bias, q, k.transpose(1, 2), alpha=scale).softmax(-1)


def _wide(dtype: torch.dtype) -> torch.dtype:
    return torch.promote_types(dtype, torch.float32)
