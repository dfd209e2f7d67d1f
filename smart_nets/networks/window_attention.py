"""Attention within windows, and the moves between window orders: the two places where Swin spends memory and time.

Both are written as autograd functions, because the plain operators waste either: the softmax of every window would be
kept for the backward pass, and the gradient of a gather is a slow scatter although for a permutation it is a gather
too. While a graph is captured for deployment the plain operators are used.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.autograd import Function
from torch.autograd.function import once_differentiable

from smart_nets.networks.windows import capturing


def reorder(x: Tensor, index: Tensor, inverse: Tensor) -> Tensor:
    """Tokens in another order: result[:, i] = x[:, index[i]].

    Args:
        x: (B, P, C).
        index: (P,) a permutation.
        inverse: (P,) the permutation that undoes it.
    """
    return x.index_select(1, index) if capturing() else _Reorder.apply(x, index, inverse)


def attention_map(qkv: Tensor, bias: Tensor, mask: Tensor | None, scale: float) -> Tensor:
    """softmax(q k^T * scale + bias + mask), in float32 or wider.

    Args:
        qkv: (B, windows, n, 3, heads, d).
        bias: (heads, n, n), the same for all windows.
        mask: (windows, n, n) additive, the same for all heads; None when no window is masked.

    Returns:
        (B, windows, heads, n, n).
    """
    q, k = [qkv[..., part, :, :].transpose(2, 3) for part in (0, 1)]  # (B, windows, heads, n, d)
    scores = (q * scale) @ k.transpose(-2, -1)
    return (scores + _offset(bias, mask)).softmax(-1)


def attend(qkv: Tensor, bias: Tensor, mask: Tensor | None, scale: float) -> Tensor:
    """The values of each window mixed by its attention; arguments as `attention_map`. Returns (B, P, heads * d)."""
    if capturing():
        v = qkv[..., 2, :, :].transpose(2, 3)
        mixed = (attention_map(qkv, bias, mask, scale).to(v.dtype) @ v).transpose(2, 3)
    else:
        mixed = _Attend.apply(qkv, bias, mask, scale)
    return mixed.flatten(1, 2).flatten(2)  # (B, windows, n, heads, d) -> (B, P, C)


class _Reorder(Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, index: Tensor, inverse: Tensor) -> Tensor:
        ctx.save_for_backward(index, inverse)
        batch, tokens, width = x.shape
        if batch > 1:  # axis 1 as rows of axis 0, for which the CPU has a path that copies whole rows
            index = (index + torch.arange(batch, device=x.device).unsqueeze(1) * tokens).flatten()  # (B * P,)
        return x.reshape(-1, width).index_select(0, index).view(batch, tokens, width)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None, None]:
        index, inverse = ctx.saved_tensors
        return _Reorder.apply(grad, inverse, index), None, None


class _Attend(Function):
    """Windowed attention that keeps its input only; the backward pass computes the softmax anew."""

    @staticmethod
    def forward(ctx: Any, qkv: Tensor, bias: Tensor, mask: Tensor | None, scale: float) -> Tensor:
        ctx.save_for_backward(qkv, bias, mask)
        ctx.scale = scale
        with torch.autocast(qkv.device.type, enabled=False):
            attention, _, _, v = _softmax(qkv, bias, mask, scale)
            mixed = torch.bmm(attention, v)  # (B * windows * heads, n, d)
        return _windows_first(mixed, qkv).to(qkv.dtype)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, Tensor, None, None]:
        qkv, bias, mask = ctx.saved_tensors
        with torch.autocast(qkv.device.type, enabled=False):
            return *_attend_backward(grad, qkv, bias, mask, ctx.scale), None, None


def _attend_backward(
    grad: Tensor, qkv: Tensor, bias: Tensor, mask: Tensor | None, scale: float
) -> tuple[Tensor, Tensor]:
    """From the gradient of the mixed values (B, windows, n, heads, d) to those of qkv and bias."""
    _, _, n, _, heads, width = qkv.shape
    attention, q, k, v = _softmax(qkv, bias, mask, scale)
    grad = grad.transpose(2, 3).to(v.dtype).reshape(-1, n, width)  # -> (B * windows * heads, n, d)
    scores = torch.bmm(grad, v.transpose(1, 2)).mul_(attention)
    scores.addcmul_(attention, scores.sum(-1, keepdim=True), value=-1)  # now the gradient of the scores
    parts = (
        torch.bmm(scores, k).mul_(scale),
        torch.bmm(scores.transpose(1, 2), q).mul_(scale),
        torch.bmm(attention.transpose(1, 2), grad),
    )
    grad_qkv = torch.stack([_windows_first(part, qkv) for part in parts], dim=3)
    return grad_qkv.to(qkv.dtype), scores.view(-1, heads, n, n).sum(0).to(bias.dtype)


def _softmax(qkv: Tensor, bias: Tensor, mask: Tensor | None, scale: float) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Attention (B * windows * heads, n, n), and q, k, v (B * windows * heads, n, d), in float32 or wider."""
    batch, windows, n, _, heads, width = qkv.shape
    # (B, windows, n, 3, heads, d) -> (3, B, windows, heads, n, d) -> 3 x (B * windows * heads, n, d)
    parts = qkv.permute(3, 0, 1, 4, 2, 5).to(_wide(qkv.dtype)).contiguous()
    q, k, v = parts.view(3, -1, n, width).unbind(0)
    scores = _offset(bias, mask).to(q.dtype).expand(batch, windows, heads, n, n).reshape(-1, n, n)
    return torch.baddbmm(scores, q, k.transpose(1, 2), alpha=scale).softmax(-1), q, k, v


def _offset(bias: Tensor, mask: Tensor | None) -> Tensor:
    """What is added to the scores: (1, heads, n, n), or (windows, heads, n, n) with a mask."""
    bias = bias.unsqueeze(0).to(_wide(bias.dtype))
    return bias if mask is None else bias + mask.unsqueeze(1)


def _windows_first(x: Tensor, qkv: Tensor) -> Tensor:
    """(B * windows * heads, n, d) -> (B, windows, n, heads, d)."""
    batch, windows, n, _, heads, width = qkv.shape
    return x.view(batch, windows, heads, n, width).transpose(2, 3)


def _wide(dtype: torch.dtype) -> torch.dtype:
    return torch.promote_types(dtype, torch.float32)
