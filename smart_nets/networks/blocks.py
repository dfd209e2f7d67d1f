"""What the transformers share: initialisation, MLP, stochastic depth and the pre-norm ViT block."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.autograd import Function
from torch.autograd.function import once_differentiable

from smart_nets.errors import ConfigError


def init_linear(module: nn.Module) -> None:
    """Truncated normal weights (std 0.02) and zero biases, for `Module.apply`."""
    if isinstance(module, nn.Linear):
        nn.init.trunc_normal_(module.weight, std=0.02)
        if module.bias is not None:
            nn.init.zeros_(module.bias)


def linear_std(linear: nn.Linear, gain: float | None) -> float:
    """Standard deviation of a fresh linear layer's weights: 0.02, or gain / sqrt(inputs) so that narrow ones are heard."""
    return 0.02 if gain is None else gain / linear.in_features**0.5


def head_dim(dim: int, heads: int) -> int:
    """Width of one attention head; ConfigError when the heads do not divide the width."""
    if heads < 1 or dim % heads:
        raise ConfigError("attention heads must divide the width", expected=f"a divisor of {dim}", found=heads)
    return dim // heads


class Mlp(nn.Module):
    """Linear, GELU, Linear on the last axis. (..., dim) -> (..., dim)."""

    def __init__(self, dim: int, hidden: int) -> None:
        super().__init__()
        self.linear1 = nn.Linear(dim, hidden)
        self.linear2 = nn.Linear(hidden, dim)

    def forward(self, x: Tensor) -> Tensor:
        hidden = self.linear1(x)
        if torch.jit.is_tracing() or torch.compiler.is_compiling() or not torch.is_grad_enabled():
            return self.linear2(F.gelu(hidden))
        return _GeluLinear.apply(hidden, self.linear2.weight, self.linear2.bias)


class _GeluLinear(Function):
    """linear(gelu(x)) that keeps x alone: GELU costs little, and its result is the largest tensor of a block."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
        ctx.save_for_backward(x, weight)
        return F.linear(F.gelu(x), weight, bias)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        x, weight = ctx.saved_tensors
        rows = grad.flatten(0, -2)  # (..., O) -> (R, O)
        to_gelu = (grad @ weight.to(grad.dtype)).to(x.dtype)
        to_weight = (rows.t() @ F.gelu(x).flatten(0, -2).to(grad.dtype)).to(weight.dtype)
        return torch.ops.aten.gelu_backward(to_gelu, x), to_weight, rows.sum(0).to(weight.dtype)


class DropPath(nn.Module):
    """Stochastic depth: in training a whole residual branch is left out per sample, with probability `rate`."""

    def __init__(self, rate: float) -> None:
        super().__init__()
        if not 0 <= rate < 1:
            raise ConfigError("drop path rate must lie in [0, 1)", found=rate)
        self.rate = rate

    def gate(self, x: Tensor) -> Tensor | None:
        """The factor of each sample's branch (B, 1, ...): 0, or more than 1 to keep the mean. None: all branches stay."""
        if not self.training or self.rate == 0:
            return None
        keep = torch.rand(x.shape[0], *[1] * (x.dim() - 1), device=x.device) >= self.rate
        return keep.to(x.dtype) / (1 - self.rate)


def drop_path_rates(last: float, depth: int) -> list[float]:
    """Rates that grow linearly from 0 at the first of `depth` blocks to `last` at the last."""
    return [last * i / max(1, depth - 1) for i in range(depth)]


def drop_path_off(module: nn.Module) -> None:
    """A network without stochastic depth, such as the teacher, in whatever mode a library may put it."""
    for part in module.modules():
        if isinstance(part, DropPath):
            part.rate = 0.0


def add(x: Tensor, branch: Tensor, gate: Tensor | None) -> Tensor:
    """The residual sum, with the branch scaled per sample by a `DropPath.gate`."""
    return x + branch if gate is None else x + branch * gate


class LayerScale(nn.Module):
    """One learned gain per channel on a residual branch (SMART sec. 3.1, after CaiT)."""

    def __init__(self, dim: int, init: float) -> None:
        super().__init__()
        self.gamma = nn.Parameter(torch.full((dim,), float(init)))

    def forward(self, x: Tensor) -> Tensor:
        return x * self.gamma


class SelfAttention(nn.Module):
    """Multi-head self-attention. The full map is never built: only the row of the last token can be asked for."""

    def __init__(self, dim: int, heads: int) -> None:
        super().__init__()
        self.heads, self.scale = heads, head_dim(dim, heads) ** -0.5
        self.qkv = nn.Linear(dim, 3 * dim)
        self.proj = nn.Linear(dim, dim)

    def _split(self, x: Tensor, parts: int) -> tuple[Tensor, ...]:
        batch, tokens, width = x.shape  # (B, N, parts * C) -> parts x (B, heads, N, C / heads)
        return x.view(batch, tokens, parts, self.heads, width // (parts * self.heads)).permute(2, 0, 3, 1, 4).unbind(0)

    def forward(self, x: Tensor) -> Tensor:
        """(B, N, C) -> (B, N, C)."""
        q, k, v = self._split(self.qkv(x), 3)
        return self.proj(F.scaled_dot_product_attention(q, k, v).transpose(1, 2).flatten(2))

    def last_query(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """The last token's output (B, 1, C) and its softmax row (B, heads, N) in float32."""
        dim, bias = x.shape[-1], self.qkv.bias
        (q,) = self._split(F.linear(x[:, -1:], self.qkv.weight[:dim], bias[:dim]), 1)
        k, v = self._split(F.linear(x, self.qkv.weight[dim:], bias[dim:]), 2)
        # A product and a sum instead of a matmul: autocast leaves them alone, and masks ranked by this row need float32.
        row = ((q.float() * self.scale) * k.float()).sum(-1).softmax(-1)  # (B, heads, N)
        mixed = row.unsqueeze(2).to(v.dtype) @ v  # (B, heads, 1, C / heads)
        return self.proj(mixed.transpose(1, 2).flatten(2)), row


class ViTBlock(nn.Module):
    """Pre-norm transformer block: x + scale * attention(norm(x)), then x + scale * MLP(norm(x)).

    Args:
        layer_scale: initial gain of both residual branches; None leaves the gains out.
        drop_path: rate of stochastic depth on both branches.
    """

    def __init__(
        self, dim: int, heads: int, mlp_ratio: float = 4.0, layer_scale: float | None = None, drop_path: float = 0.0
    ) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(dim, eps=1e-6)
        self.attn = SelfAttention(dim, heads)
        self.scale1 = nn.Identity() if layer_scale is None else LayerScale(dim, layer_scale)
        self.norm2 = nn.LayerNorm(dim, eps=1e-6)
        self.mlp = Mlp(dim, int(dim * mlp_ratio))
        self.scale2 = nn.Identity() if layer_scale is None else LayerScale(dim, layer_scale)
        self.drop_path = DropPath(drop_path)

    def _finish(self, x: Tensor, attended: Tensor) -> Tensor:
        x = add(x, self.scale1(attended), self.drop_path.gate(x))
        return add(x, self.scale2(self.mlp(self.norm2(x))), self.drop_path.gate(x))

    def forward(self, x: Tensor) -> Tensor:
        """(B, N, C) -> (B, N, C)."""
        return self._finish(x, self.attn(self.norm1(x)))

    def last_query(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """The block for the last token alone: its output (B, 1, C) and its attention row (B, heads, N)."""
        attended, row = self.attn.last_query(self.norm1(x))
        return self._finish(x[:, -1:], attended), row
