"""Where tokens lie in the windows of a Swin stage: index tables, made once per grid."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import torch
from torch import Tensor

from smart_nets.networks.cells import Grid

BLOCKED = -100.0  # what Swin adds to the score of two tokens that only the shift brought together


@dataclass(frozen=True, eq=False)
class WindowPlan:
    """Index tables of one stage. P tokens are those of the grid padded to whole windows, W windows of n tokens each.

    Blocks alternate between plain and shifted windows; pairs of tables are for the plain and for the shifted.
    """

    padded: Grid
    windows: int  # W
    tokens: int  # n
    shifted: bool  # False when the whole grid is one window: then all blocks are plain
    order: tuple[Tensor, Tensor]  # 2 x (P,), which token of the padded grid stands at each place of the windows
    back: tuple[Tensor, Tensor]  # 2 x (P,), at which place of the windows each token of the padded grid stands
    padding: tuple[Tensor, Tensor] | None  # 2 x (W, n, 1) bool, True where a token only fills up; None without padding
    kind: tuple[Tensor, Tensor]  # 2 x (W,), which of the masks a window has
    masks: tuple[Tensor, Tensor]  # 2 x (kinds, n, n) additive; the plain windows have a single one, of zeros


@torch.compiler.disable
def plan_windows(grid: Grid, window: int, device: torch.device) -> WindowPlan:
    """The plan of a stage with tokens on `grid`; kept per grid, but made anew while a graph is being captured."""
    if capturing():
        return _build(grid, window, device)
    return _cached(grid, window, device)


def capturing() -> bool:
    """True inside torch.jit.trace, torch.export and torch.compile, which need plain operators and fresh constants."""
    return torch.jit.is_tracing() or torch.compiler.is_compiling()


@lru_cache(maxsize=64)
def _cached(grid: Grid, window: int, device: torch.device) -> WindowPlan:
    with torch.inference_mode(False):  # else a first call at inference would leave tensors that training must not save
        return _build(grid, window, device)


def _build(grid: Grid, window: int, device: torch.device) -> WindowPlan:
    # A grid side no longer than the window is one window: it is not padded and not shifted.
    size = tuple(min(window, side) for side in grid)
    shift = tuple(window // 2 if side > window else 0 for side in grid)
    depth, height, width = [-(-side // step) * step for side, step in zip(grid, size, strict=True)]
    padded = (depth, height, width)
    places = np.arange(depth * height * width).reshape(padded)
    plain = _partition(places, size)
    shifted = _partition(np.roll(places, [-step for step in shift], (0, 1, 2)), size)
    inside = np.zeros(padded, bool)
    inside[: grid[0], : grid[1], : grid[2]] = True
    outside = ~inside.reshape(-1)
    kind, masks = _shift_masks(padded, size, shift)
    tokens = int(np.prod(size))

    def put(table: np.ndarray) -> Tensor:
        return torch.tensor(table, device=device)

    def filling(order: np.ndarray) -> Tensor:
        return put(outside[order].reshape(-1, tokens, 1))  # (P,) -> (W, n, 1)

    return WindowPlan(
        padded=padded,
        windows=plain.size // tokens,
        tokens=tokens,
        shifted=any(shift),
        order=(put(plain), put(shifted)),
        back=(put(np.argsort(plain)), put(np.argsort(shifted))),
        padding=(filling(plain), filling(shifted)) if outside.any() else None,
        kind=(put(np.zeros_like(kind)), put(kind)),
        masks=(put(np.zeros_like(masks[:1])), put(masks)),
    )


def _partition(volume: np.ndarray, size: tuple[int, ...]) -> np.ndarray:
    """(D, H, W) -> (D * H * W,) window by window, row-major within."""
    (d, h, w), (a, b, c) = volume.shape, size
    return volume.reshape(d // a, a, h // b, b, w // c, c).transpose(0, 2, 4, 1, 3, 5).reshape(-1)


def _shift_masks(padded: Grid, size: tuple[int, ...], shift: tuple[int, ...]) -> tuple[np.ndarray, np.ndarray]:
    """The kind of each window and the additive mask of each kind: at most 27, whatever the grid."""
    regions = np.zeros(padded, np.int64)
    for axis, (side, step, offset) in enumerate(zip(padded, size, shift, strict=True)):
        # Along an axis: 0 before the last window, 1 and 2 its two parts, which the roll brought together.
        line = np.digitize(np.arange(side), [side - step, side - offset]) if offset else np.zeros(side, np.int64)
        regions = regions * 3 + line.reshape([-1 if i == axis else 1 for i in range(3)])
    windows = _partition(regions, size).reshape(-1, int(np.prod(size)))
    masks = np.where(windows[:, :, None] != windows[:, None, :], BLOCKED, 0.0).astype(np.float32)
    unique, kind = np.unique(masks.reshape(len(masks), -1), axis=0, return_inverse=True)
    return kind.reshape(-1), unique.reshape(-1, *masks.shape[1:])
