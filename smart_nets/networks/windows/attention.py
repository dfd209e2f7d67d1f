"""Attention within windows, written as an autograd function: the plain operators would keep every softmax for backward.

While a graph is captured for deployment the plain operators are used; on a GPU, where it can, one kernel does it all.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.autograd import Function
from torch.autograd.function import once_differentiable

from smart_nets.networks.windows.plan import capturing
from smart_nets.networks.windows.triton_attention import attend_fused, usable


def window_weights(qkv: Tensor, bias: Tensor, mask: Tensor, scale: float) -> Tensor:
    """softmax(q k^T * scale + bias + mask), in float32 or wider.

    Args:
        qkv: (R, n, 3, heads, d), of R windows.
        bias: (heads, n, n), the same for all windows.
        mask: (R, n, n) additive, the same for all heads.

    Returns:
        (R, heads, n, n).
    """
    q, k = [qkv[:, :, part].transpose(1, 2) for part in (0, 1)]  # (R, heads, n, d)
    scores = (q * scale) @ k.transpose(-2, -1)
    return (scores + bias.to(_wide(bias.dtype)) + mask.unsqueeze(1)).softmax(-1)


def attend_windows(qkv: Tensor, bias: Tensor, masks: Tensor, kind: Tensor, scale: float) -> Tensor:
    """The values of each window mixed by its attention.

    Args:
        qkv: (R, n, 3, heads, d).
        bias: (heads, n, n).
        masks: (kinds, n, n) additive.
        kind: (R,) which of the masks each window has.

    Returns:
        (R, n, heads * d).
    """
    if not capturing() and usable(qkv):
        return attend_fused(qkv, bias, masks, kind, scale)
    if capturing():
        v = qkv[:, :, 2].transpose(1, 2)  # (R, heads, n, d)
        mixed = (window_weights(qkv, bias, masks[kind], scale).to(v.dtype) @ v).transpose(1, 2)
    else:
        mixed = _Attend.apply(qkv, bias, masks, kind, scale)
    return mixed.flatten(2)  # (R, n, heads, d) -> (R, n, C)


class _Attend(Function):
    """Windowed attention that keeps its input only; the backward pass computes the softmax anew."""

    @staticmethod
    def forward(ctx: Any, qkv: Tensor, bias: Tensor, masks: Tensor, kind: Tensor, scale: float) -> Tensor:
        windows, n, _, heads, width = qkv.shape
        ctx.save_for_backward(qkv, bias, masks, kind)
        ctx.scale = scale
        with torch.autocast(qkv.device.type, enabled=False):
            attention, _, _, v = _softmax(qkv, bias, masks, kind, scale)
            mixed = torch.bmm(attention, v).view(windows, heads, n, width)
        return mixed.transpose(1, 2).to(qkv.dtype)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        qkv, bias, masks, kind = ctx.saved_tensors
        with torch.autocast(qkv.device.type, enabled=False):
            grad_qkv, grad_bias = _attend_backward(grad, qkv, bias, masks, kind, ctx.scale)
        return grad_qkv, grad_bias.to(bias.dtype), None, None, None


def _attend_backward(
    grad: Tensor, qkv: Tensor, bias: Tensor, masks: Tensor, kind: Tensor, scale: float
) -> tuple[Tensor, Tensor]:
    """From the gradient of the mixed values (R, n, heads, d) to those of `qkv` and of the bias."""
    windows, n, _, heads, width = qkv.shape
    attention, q, k, v = _softmax(qkv, bias, masks, kind, scale)
    grad = grad.transpose(1, 2).to(v.dtype).reshape(-1, n, width)  # -> (R * heads, n, d)
    grads = q.new_empty((3, windows * heads, n, width))
    torch.bmm(attention.transpose(1, 2), grad, out=grads[2])
    scores = torch._softmax_backward_data(torch.bmm(grad, v.transpose(1, 2)), attention, -1, attention.dtype)
    grads[0].baddbmm_(scores, k, beta=0, alpha=scale)  # beta=0: what the empty tensor holds is not read
    grads[1].baddbmm_(scores.transpose(1, 2), q, beta=0, alpha=scale)
    # (3, R * heads, n, d) -> (3, R, heads, n, d) -> (R, n, 3, heads, d)
    grad_qkv = grads.view(3, windows, heads, n, width).permute(1, 3, 0, 2, 4).to(qkv.dtype)
    return grad_qkv.contiguous(), scores.view(-1, heads, n, n).sum(0)


def _softmax(
    qkv: Tensor, bias: Tensor, masks: Tensor, kind: Tensor, scale: float
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """The attention (R * heads, n, n) and q, k, v (R * heads, n, d), in float32 or wider."""
    n, width, wide = qkv.shape[1], qkv.shape[4], _wide(qkv.dtype)
    q, k, v = qkv.permute(2, 0, 3, 1, 4).to(wide).contiguous().view(3, -1, n, width).unbind(0)
    # (kinds, heads, n, n) -> (R, heads, n, n): bias and mask, which the product is added to in place
    scores = (bias.to(wide) + masks.to(wide).unsqueeze(1)).index_select(0, kind).view(-1, n, n)
    scores.baddbmm_(q, k.transpose(1, 2), alpha=scale)
    return torch.softmax(scores, -1, out=scores), q, k, v


def _wide(dtype: torch.dtype) -> torch.dtype:
    return torch.promote_types(dtype, torch.float32)
