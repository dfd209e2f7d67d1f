"""Heads of pretraining: prototypes for the distillation losses, voxels for the image loss."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import torch
import torch.distributed as dist
import torch.nn.functional as F
from torch import Tensor, nn

from smart_nets.errors import ConfigError
from smart_nets.networks.blocks import init_linear


class PrototypeLinear(nn.Module):
    """Cosine similarity to `out_dim` directions: a weight-normed linear layer without bias whose gain stays one."""

    def __init__(self, in_dim: int, out_dim: int) -> None:
        super().__init__()
        directions = nn.Linear(in_dim, out_dim, bias=False)
        nn.init.trunc_normal_(directions.weight, std=0.02)
        self.weight_v = nn.Parameter(directions.weight.detach())
        self.weight_g = nn.Parameter(self.weight_v.new_ones(out_dim, 1), requires_grad=False)

    def forward(self, x: Tensor) -> Tensor:
        """(..., in_dim) -> (..., out_dim)."""
        # float() keeps the norm in float32 whatever autocast or the weights are.
        return F.linear(x, (self.weight_g * F.normalize(self.weight_v.float(), dim=-1, eps=1e-6)).to(x.dtype))


class Standardise(nn.Module):
    """Takes the mean over the batch off every channel and divides by its spread, over all ranks: (..., C) -> (..., C).

    In a fresh network nearly all of a feature is the same for every input, and what tells inputs apart drowns in it. A
    batch norm without gain and without memory: it has no state, and student and teacher each use their own batch.
    """

    def forward(self, x: Tensor) -> Tensor:
        rows = x.float().flatten(0, -2)  # (..., C) -> (R, C)
        if len(rows) < 2:
            expected, remedy = "2 scans or more in a batch", "raise batch_size, or standardise no head"
            raise ConfigError(
                "one row has no spread", where="standardised_heads", expected=expected, found=len(rows), remedy=remedy
            )
        centred = rows - _over_ranks(rows.mean(0))
        spread = _over_ranks(centred.square().mean(0))
        return (centred * torch.rsqrt(spread + 1e-5)).reshape(x.shape)  # (R, C) -> (..., C)


def _over_ranks(mean: Tensor) -> Tensor:
    """The mean of the ranks' means, which have batches of one size; gradients flow through it."""
    ranks = dist.get_world_size() if dist.is_available() and dist.is_initialized() else 1
    return mean if ranks == 1 else _SumOverRanks.apply(mean) / ranks


class _SumOverRanks(torch.autograd.Function):
    """A sum over all ranks whose gradient is the sum of theirs."""

    @staticmethod
    def forward(context: Any, x: Tensor) -> Tensor:
        total = x.clone()
        dist.all_reduce(total)
        return total

    @staticmethod
    def backward(context: Any, *gradients: Tensor) -> Tensor:
        total = gradients[0].clone()
        dist.all_reduce(total)
        return total


class ProjectionHead(nn.Module):
    """The DINO head: MLP with GELU, unit length, then prototypes (h^Patch, h^CLS, h^g of SMART).

    Args:
        in_dim: width of the tokens.
        out_dim: number of prototypes K.
        hidden: width of the MLP's hidden layers.
        bottleneck: width before the prototypes.
        layers: linear layers of the MLP; 1 is a plain linear projection.
        standardise: whether the input is standardised over the batch first.

    The prototypes are the attribute `last`: freeze its gradients in the first epoch.
    """

    def __init__(
        self,
        in_dim: int,
        out_dim: int = 8192,
        hidden: int = 2048,
        bottleneck: int = 256,
        layers: int = 3,
        standardise: bool = False,
    ) -> None:
        super().__init__()
        if layers < 1 or min(in_dim, out_dim, hidden, bottleneck) < 1:
            raise ConfigError(
                "a projection head needs positive sizes", found=(in_dim, out_dim, hidden, bottleneck, layers)
            )
        widths = [in_dim, *[hidden] * (layers - 1), bottleneck]
        steps: list[nn.Module] = []
        for before, after in pairwise(widths):
            steps += [nn.Linear(before, after), nn.GELU()]
        self.standardise = Standardise() if standardise else nn.Identity()
        self.mlp = nn.Sequential(*steps[:-1])
        self.last = PrototypeLinear(bottleneck, out_dim)
        self.mlp.apply(init_linear)

    def forward(self, x: Tensor) -> Tensor:
        """(..., in_dim) -> logits (..., out_dim), before any temperature."""
        return self.last(F.normalize(self.mlp(self.standardise(x)).float(), dim=-1, eps=1e-6))


class ImageHead(nn.Module):
    """One linear layer from each token of a feature map to the voxels of its cell (SMART sec. 3.3, the AMIP decoder).

    Args:
        in_dim: channels of the feature map.
        cell: voxels a side that one token covers.
        out_chans: channels of the image.
        start: what a fresh head paints everywhere, near the middle of what it will see; None starts at random biases.
    """

    def __init__(self, in_dim: int, cell: int, out_chans: int = 1, start: float | None = None) -> None:
        super().__init__()
        if min(in_dim, cell, out_chans) < 1:
            raise ConfigError("an image head needs positive sizes", found=(in_dim, cell, out_chans))
        self.cell, self.out_chans = cell, out_chans
        self.proj = nn.Linear(in_dim, out_chans * cell**3)
        if start is not None:
            nn.init.trunc_normal_(self.proj.weight, std=0.02)
            nn.init.constant_(self.proj.bias, start)

    def forward(self, tokens: Tensor) -> Tensor:
        """(B, C, d, h, w) -> (B, out_chans, d * cell, h * cell, w * cell)."""
        _, _, d, h, w = tokens.shape
        s = self.cell
        # A matrix product on the channels; a convolution of kernel 1 would be the same, 10 times slower on a CPU.
        x = self.proj(tokens.permute(0, 2, 3, 4, 1))  # (B, C, d, h, w) -> (B, d, h, w, O * s^3)
        # (B, d, h, w, O * s^3) -> (B, d, h, w, O, s, s, s) -> (B, O, d, s, h, s, w, s)
        x = x.reshape(-1, d, h, w, self.out_chans, s, s, s).permute(0, 4, 1, 5, 2, 6, 3, 7)
        return x.reshape(-1, self.out_chans, d * s, h * s, w * s)
