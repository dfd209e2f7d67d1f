"""Grids of isotropic cells: one mask or attention map serves tokens of any stage and voxels alike."""

from __future__ import annotations

import math
from collections.abc import Sequence

from torch import Tensor

from smart_nets.errors import ConfigError

Grid = tuple[int, int, int]


def grid_of(size: Sequence[int], cell: int) -> Grid:
    """The grid of cells of `cell` units a side that tiles `size` (depth, height, width).

    Raises:
        ConfigError: `size` has not three sides, or the cell does not divide every side.
    """
    if len(size) != 3 or cell < 1 or any(side < 1 or side % cell for side in size):
        remedy = "choose a crop size that is a multiple of the cell"
        raise ConfigError(
            "cells do not tile the volume",
            expected=f"three sides divisible by {cell}",
            found=tuple(size),
            remedy=remedy,
        )
    depth, height, width = [int(side) // cell for side in size]
    return depth, height, width


def cell_of(mask: Tensor, size: Sequence[int]) -> int:
    """Voxels per side of the cells of a mask (B, N) on a crop of this size."""
    return round((math.prod(size) / mask.shape[1]) ** (1 / 3))


def expand(mask: Tensor, shape: Sequence[int]) -> Tensor:
    """A mask on a grid of isotropic cells, repeated onto the finer grid it covers (SMART sec. 3.2: `u~ = m . u`).

    Args:
        mask: (B, N), one value per cell, row-major over (depth, height, width). True = hidden.
        shape: the finer grid (tokens of the patch embedding, or voxels).

    Returns:
        (B, *shape), each cell's value in all the places it covers.

    Raises:
        ConfigError: no cubic cell tiles `shape` into exactly N cells.
    """
    if mask.dim() != 2 or len(shape) != 3:
        raise ConfigError("a mask must be (B, N) and a grid have three sides", found=(tuple(mask.shape), tuple(shape)))
    cells = int(mask.shape[1])
    cell = round((math.prod(shape) / cells) ** (1 / 3)) if cells else 0
    if cell < 1 or any(side % cell for side in shape) or math.prod(side // cell for side in shape) != cells:
        remedy = "draw the mask on the encoder's own grid (Encoding.grid)"
        raise ConfigError(
            "the mask does not fit the grid",
            expected=f"a value per cubic cell of {tuple(shape)}",
            found=f"{cells}",
            remedy=remedy,
        )
    depth, height, width = grid_of(shape, cell)
    coarse = mask.reshape(-1, depth, height, width)  # (B, N) -> (B, d, h, w)
    if cell == 1:
        return coarse
    fine = coarse[:, :, None, :, None, :, None].expand(-1, depth, cell, height, cell, width, cell)
    return fine.reshape(-1, *shape)  # (B, d, cell, h, cell, w, cell) -> (B, D, H, W)
