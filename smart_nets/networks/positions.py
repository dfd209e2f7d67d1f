"""Where a token lies, for attention that would otherwise see a bag of tokens (method 1.2: the papers mention none)."""

from __future__ import annotations

import math
from typing import Literal, get_args

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from smart_nets.errors import ConfigError
from smart_nets.networks.cells import Grid

Position = Literal["none", "learned", "sincos"]
LEARNED_SIDE = 8  # the table of a learned position: the paper's 8^3 grid; other grids interpolate it


class PositionEmbedding(nn.Module):
    """What is added to the tokens of a grid to tell their places.

    Args:
        dim: width of the tokens.
        kind: "learned" (a table, interpolated to the grid) or "sincos" (waves of the distance from the crop's middle in
            cells, a third of the channels per axis; no parameters, any grid).

    Raises:
        ConfigError: an unknown kind, or fewer than six channels for "sincos".
    """

    def __init__(self, dim: int, kind: Position) -> None:
        super().__init__()
        if kind not in get_args(Position) or kind == "none":
            raise ConfigError("is not known", where="sa_position", expected="none, learned or sincos", found=kind)
        if kind == "sincos" and dim < 6:
            raise ConfigError("sincos needs six channels or more", where="sa_position", found=dim)
        self.dim = dim
        self.table = nn.Parameter(torch.zeros(1, dim, *[LEARNED_SIDE] * 3)) if kind == "learned" else None
        if self.table is not None:
            nn.init.trunc_normal_(self.table, std=0.02)

    def forward(self, tokens: Tensor, grid: Grid) -> Tensor:
        """(B, N, C) on `grid` -> (B, N, C). ConfigError when the grid has not N cells or the tokens not `dim` channels."""
        if tokens.shape[1:] != (math.prod(grid), self.dim):
            raise ConfigError(
                "are no tokens of this grid", where="sa_position", expected=(*grid, self.dim), found=tuple(tokens.shape)
            )
        if self.table is None:
            return tokens + sincos(grid, self.dim, tokens.device).to(tokens.dtype)
        table = F.interpolate(self.table, size=grid, mode="trilinear", align_corners=False)  # (1, C, d, h, w)
        return tokens + table.flatten(2).transpose(1, 2).to(tokens.dtype)  # -> (1, N, C)


def sincos(grid: Grid, dim: int, device: torch.device | str = "cpu") -> Tensor:
    """Sines and cosines of each cell's offset from the middle: (N, C), periods from 2 pi to about 20 pi cells.

    Counting from the middle, a crop of another size sees the same values around its centre. What three axes cannot
    share evenly stays zero.
    """
    waves = dim // 6
    frequency = 10.0 ** -(torch.arange(waves, device=device) / max(waves, 1))
    parts = []
    for axis, side in enumerate(grid):
        phase = (torch.arange(side, device=device) - (side - 1) / 2).unsqueeze(1) * frequency  # (side, waves)
        shape = [side if i == axis else 1 for i in range(3)]
        parts.append(torch.cat([phase.sin(), phase.cos()], 1).reshape(*shape, -1).expand(*grid, -1))
    joined = torch.cat(parts, -1).flatten(0, 2)  # 3 of (d, h, w, 2 waves) -> (N, 6 waves)
    return F.pad(joined, (0, dim - joined.shape[1]))
