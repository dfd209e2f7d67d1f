"""Heads of pretraining: prototypes for the distillation losses, voxels for the image loss."""

from __future__ import annotations

from itertools import pairwise

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


class ProjectionHead(nn.Module):
    """The DINO head: MLP with GELU and no batch norm, unit length, then prototypes (h^Patch, h^CLS, h^g of SMART).

    Args:
        in_dim: width of the tokens.
        out_dim: number of prototypes K.
        hidden: width of the MLP's hidden layers.
        bottleneck: width before the prototypes.
        layers: linear layers of the MLP; 1 is a plain linear projection.

    The prototypes are the attribute `last`: freeze its gradients in the first epoch.
    """

    def __init__(
        self, in_dim: int, out_dim: int = 8192, hidden: int = 2048, bottleneck: int = 256, layers: int = 3
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
        self.mlp = nn.Sequential(*steps[:-1])
        self.last = PrototypeLinear(bottleneck, out_dim)
        self.mlp.apply(init_linear)

    def forward(self, x: Tensor) -> Tensor:
        """(..., in_dim) -> logits (..., out_dim), before any temperature."""
        return self.last(F.normalize(self.mlp(x).float(), dim=-1, eps=1e-6))


class ImageHead(nn.Module):
    """One linear layer from each deep token to the voxels of its cell (SMART sec. 3.3, the AMIP decoder).

    Args:
        in_dim: channels of the deep feature map.
        cell: voxels a side that one token covers.
        out_chans: channels of the image.
    """

    def __init__(self, in_dim: int, cell: int, out_chans: int = 1) -> None:
        super().__init__()
        if min(in_dim, cell, out_chans) < 1:
            raise ConfigError("an image head needs positive sizes", found=(in_dim, cell, out_chans))
        self.cell, self.out_chans = cell, out_chans
        self.proj = nn.Conv3d(in_dim, out_chans * cell**3, kernel_size=1)

    def forward(self, deep: Tensor) -> Tensor:
        """(B, C, d, h, w) -> (B, out_chans, d * cell, h * cell, w * cell)."""
        _, _, d, h, w = deep.shape
        s = self.cell
        # (B, O * s^3, d, h, w) -> (B, O, s, s, s, d, h, w) -> (B, O, d, s, h, s, w, s)
        x = self.proj(deep).reshape(-1, self.out_chans, s, s, s, d, h, w)
        return x.permute(0, 1, 5, 2, 6, 3, 7, 4).reshape(-1, self.out_chans, d * s, h * s, w * s)
