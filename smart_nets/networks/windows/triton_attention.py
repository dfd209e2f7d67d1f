"""Windowed attention as one kernel on a GPU: no scores in memory, no copies that change the order of axes.

Where `usable` says False, as without Triton or for larger windows, attention takes the plain path.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import torch
from torch import Tensor
from torch.autograd import Function
from torch.autograd.function import once_differentiable

from smart_nets.optional import absent

DTYPES = (torch.float32, torch.bfloat16, torch.float16)
TOKENS, WIDTH = 64, 64  # the largest n and d: beyond, the matrices of a window do not fit in a program
OLDEST = (8, 0)  # compute capability: older GPUs lack bfloat16, and Triton does not use their tensor cores
PROGRAMS = 1024  # fills a large GPU several times; not more, since each leaves a sum of the bias's gradient


def usable(qkv: Tensor) -> bool:
    """Whether `attend_fused` serves these queries, keys and values (R, n, 3, heads, d)."""
    _, n, _, _, width = qkv.shape
    if not qkv.is_cuda or qkv.dtype not in DTYPES or n > TOKENS or width > WIDTH:
        return False
    return torch.cuda.get_device_capability(qkv.device) >= OLDEST and _has_triton()


def attend_fused(qkv: Tensor, bias: Tensor, masks: Tensor, kind: Tensor, scale: float) -> Tensor:
    """The values of each window mixed by its attention; scores and softmax in float32, the same bits every time.

    Args:
        qkv: (R, n, 3, heads, d).
        bias: (heads, n, n).
        masks: (kinds, n, n) additive.
        kind: (R,) which of the masks each window has.

    Returns:
        (R, n, heads * d).
    """
    return _AttendFused.apply(qkv, bias, masks, kind, scale)


class _AttendFused(Function):
    """Keeps its input only; the backward pass computes the softmax anew."""

    @staticmethod
    def forward(ctx: Any, qkv: Tensor, bias: Tensor, masks: Tensor, kind: Tensor, scale: float) -> Tensor:
        windows, n, _, heads, width = qkv.shape
        qkv, bias, masks, kind = [each.contiguous() for each in (qkv, bias, masks, kind)]
        ctx.save_for_backward(qkv, bias, masks, kind)
        ctx.scale = scale
        out = qkv.new_empty((windows, n, heads * width))  # a tuple, for MONAI's tensors
        _launch("attend_kernel", qkv, bias, masks, kind, out, scale=scale)
        return out

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        qkv, bias, masks, kind = ctx.saved_tensors
        of_qkv = torch.empty_like(qkv)
        of_bias = qkv.new_empty((_programs(qkv)[0], *bias.shape), dtype=torch.float32)
        _launch("attend_backward_kernel", qkv, bias, masks, kind, grad.contiguous(), of_qkv, of_bias, scale=ctx.scale)
        return of_qkv, of_bias.sum(0).to(bias.dtype), None, None, None


def _programs(qkv: Tensor) -> tuple[int, int]:
    """How many programs each head gets, and how many windows each of them takes."""
    windows, heads = qkv.shape[0], qkv.shape[3]
    run = max(1, -(-windows * heads // PROGRAMS))
    return -(-windows // run), run


def _launch(kernel: str, qkv: Tensor, *others: Tensor, scale: float) -> None:
    from smart_nets.networks.windows import triton_kernels

    windows, n, _, heads, width = qkv.shape
    programs, run = _programs(qkv)
    # Triton's interpreter, by which the tests run on a CPU, cannot multiply bfloat16.
    interpreted = triton_kernels.triton.knobs.runtime.interpret
    product = str(torch.float32 if interpreted else qkv.dtype).removeprefix("torch.")
    # More warps and no prefetching for float32: its operands take twice the room.
    warps, stages = (8, 1) if qkv.dtype == torch.float32 else (4, 2)
    with torch.cuda.device_of(qkv):
        getattr(triton_kernels, kernel)[programs, heads](
            qkv, *others, windows, run, scale, heads, n, width,
            _padded(n), _padded(width), getattr(triton_kernels.tl, product), num_warps=warps, num_stages=stages,
        )  # fmt: skip


def _padded(size: int) -> int:
    """The next power of two, and at least what tensor cores take."""
    return max(16, 1 << (size - 1).bit_length())


@cache
def _has_triton() -> bool:
    return not absent("windowed attention in one kernel", "triton")
