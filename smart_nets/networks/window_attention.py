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


def window_weights(qkv: Tensor, bias: Tensor, mask: Tensor | None, scale: float) -> Tensor:
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


def attend_windows(qkv: Tensor, bias: Tensor, mask: Tensor | None, scale: float) -> Tensor:
    """The values of each window mixed by its attention; arguments as `window_weights`. Returns (B, P, heads * d)."""
    if capturing():
        v = qkv[..., 2, :, :].transpose(2, 3)
        mixed = (window_weights(qkv, bias, mask, scale).to(v.dtype) @ v).transpose(2, 3)
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
        batch, windows, n, _, heads, width = qkv.shape
        parts = qkv.permute(3, 0, 1, 4, 2, 5).contiguous()  # (3, B, windows, heads, n, d)
        ctx.save_for_backward(parts, bias, mask)
        ctx.scale = scale
        with torch.autocast(qkv.device.type, enabled=False):
            attention, _, _, v = _softmax(parts, bias, mask, scale)
            mixed = torch.bmm(attention, v).view(batch, windows, heads, n, width)
        return mixed.transpose(2, 3).to(qkv.dtype)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, Tensor, None, None]:
        parts, bias, mask = ctx.saved_tensors
        with torch.autocast(parts.device.type, enabled=False):
            grad_parts, grad_bias = _attend_backward(grad, parts, bias, mask, ctx.scale)
        return grad_parts.permute(1, 2, 4, 0, 3, 5).to(parts.dtype), grad_bias.to(bias.dtype), None, None


def _attend_backward(
    grad: Tensor, parts: Tensor, bias: Tensor, mask: Tensor | None, scale: float
) -> tuple[Tensor, Tensor]:
    """From the gradient of the mixed values (B, windows, n, heads, d) to those of q, k, v in `parts` and of the bias."""
    _, _, _, heads, n, width = parts.shape
    attention, q, k, v = _softmax(parts, bias, mask, scale)
    grad = grad.transpose(2, 3).to(v.dtype).reshape(-1, n, width)  # -> (B * windows * heads, n, d)
    scores = torch.bmm(grad, v.transpose(1, 2)).mul_(attention)
    scores.addcmul_(attention, scores.sum(-1, keepdim=True), value=-1)  # now the gradient of the scores
    grad_parts = torch.empty_like(parts, dtype=v.dtype)
    to_q, to_k, to_v = grad_parts.view(3, -1, n, width).unbind(0)
    to_q.baddbmm_(scores, k, beta=0, alpha=scale)  # beta=0: what the empty tensor holds is not read
    to_k.baddbmm_(scores.transpose(1, 2), q, beta=0, alpha=scale)
    torch.bmm(attention.transpose(1, 2), grad, out=to_v)
    return grad_parts, scores.view(-1, heads, n, n).sum(0)


def _softmax(parts: Tensor, bias: Tensor, mask: Tensor | None, scale: float) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """From q, k, v together, (3, B, windows, heads, n, d): the attention (B * windows * heads, n, n) and q, k, v
    (B * windows * heads, n, d), in float32 or wider."""
    _, batch, windows, heads, n, width = parts.shape
    q, k, v = parts.to(_wide(parts.dtype)).view(3, -1, n, width).unbind(0)
    scores = _offset(bias, mask).to(q.dtype).expand(batch, windows, heads, n, n).reshape(-1, n, n)
    return torch.baddbmm(scores, q, k.transpose(1, 2), alpha=scale).softmax(-1), q, k, v


def _offset(bias: Tensor, mask: Tensor | None) -> Tensor:
    """What is added to the scores: (1, heads, n, n), or (windows, heads, n, n) with a mask."""
    bias = bias.unsqueeze(0).to(_wide(bias.dtype))
    return bias if mask is None else bias + mask.unsqueeze(1)


def _wide(dtype: torch.dtype) -> torch.dtype:
    return torch.promote_types(dtype, torch.float32)
