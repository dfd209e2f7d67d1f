"""Which tokens the student does not see and which the teacher loses: pure functions that return bool (B, N), True = hidden.

`StudentMask` and `PatchDropout` bind the choices of a configuration to these functions and check them once, at the start.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Literal, get_args

import torch
from torch import Tensor

from smart_nets.errors import ConfigError
from smart_nets.networks.cells import Grid, expand, grid_of
from smart_nets.settings import INSIDE_0_1, UP_TO_1, one_of

Mode = Literal["attentive", "low", "mst", "block", "random"]
Hint = Literal["top", "random"]
MASK_CELL = 16  # voxels per side of a cell of the fixed mask grid, as in SMIT


def count_of(ratio: float, n: int) -> int:
    """floor(ratio * n), immune to products such as 0.29 * 100 = 28.999999999999996."""
    return math.floor(ratio * n + 1e-9)


def attentive(
    attention: Tensor, ratio: float = 0.7, hint_ratio: float = 0.1, hint: Hint = "top", hint_pool: float | None = None
) -> Tensor:
    """Hide the tokens with the highest attention, except for a few hints (SMART section 3.2).

    Ranks 1 .. floor(rN) are hidden; of the first floor(pool N) of them, floor(sN) hints are shown again: the very top
    ones (`hint="top"`), or as many drawn at random (`hint="random"`, AttMask's rule). N=512, r=.7, s=.1: 358 - 51 = 307.

    Args:
        attention: (B, N), any scale; only its order matters. Ties go to the lower index.
        hint_pool: share of N from which random hints are drawn; default `hint_ratio`.
    """
    n = attention.shape[1]
    order = attention.detach().argsort(dim=1, descending=True, stable=True)
    hidden = _scatter(order[:, : count_of(ratio, n)], n, True)
    hints = count_of(hint_ratio, n)
    if hint == "random":
        pool = order[:, : count_of(hint_ratio if hint_pool is None else hint_pool, n)]
        order = pool.gather(1, torch.rand(pool.shape, device=pool.device).argsort(dim=1))
    return hidden.scatter(1, order[:, :hints], False)


def low_attending(attention: Tensor, ratio: float = 0.7) -> Tensor:
    """Hide the floor(rN) tokens with the lowest attention; no hints (MST as the SMART paper runs it, section 4.2)."""
    n = attention.shape[1]
    return _scatter(attention.detach().argsort(dim=1, stable=True)[:, : count_of(ratio, n)], n, True)


def mst_bernoulli(attention: Tensor, ratio: float = 0.25, probability: float = 0.5) -> Tensor:
    """MST's own rule: each of the floor(rN) lowest-attending tokens is hidden with a probability.

    The defaults hide 1/8 of the tokens on average. The count varies from sample to sample.
    """
    candidates = low_attending(attention, ratio)
    return candidates & (torch.rand(candidates.shape, device=candidates.device) < probability)


def random_mask(batch: int, n: int, ratio: float = 0.7, device: torch.device | str = "cpu") -> Tensor:
    """Hide ceil(rN) tokens drawn uniformly (SMIT)."""
    order = torch.rand(batch, n, device=device).argsort(dim=1)
    return _scatter(order[:, : math.ceil(ratio * n - 1e-9)], n, True)


def block_mask(batch: int, grid: Grid, ratio: float = 0.7, device: torch.device | str = "cpu") -> Tensor:
    """Hide boxes of cells until floor(rN) are hidden: BEiT's and iBOT's sampler in three dimensions.

    A box has a random volume and two random aspect ratios in [0.3, 1/0.3]. What boxes cannot fill exactly is topped up
    with single cells, so that every sample of a batch hides the same number.
    """
    masks = torch.stack([_blocks(grid, count_of(ratio, math.prod(grid))) for _ in range(batch)])
    return masks.flatten(1).to(device)  # (B, H, W, D) -> (B, N)


def patch_dropout(batch: int, n: int, ratio: float = 0.7, device: torch.device | str = "cpu") -> Tensor:
    """The noisy teacher's mask (SMART section 3.4): floor(N (1 - r_t)) tokens stay, drawn uniformly. N=512: 153 stay."""
    order = torch.rand(batch, n, device=device).argsort(dim=1)
    return _scatter(order[:, count_of(1 - ratio, n) :], n, True)


def resample_attention(attention: Tensor, grid: Grid, target: Grid) -> Tensor:
    """Attention (B, N) of one grid on another: cells are repeated towards a finer grid, averaged towards a coarser one."""
    maps = attention.reshape(-1, 1, *grid)  # (B, N) -> (B, 1, d, h, w)
    return torch.nn.functional.interpolate(maps, size=target, mode="area").flatten(1)


def resample_mask(mask: Tensor, grid: Grid, target: Grid) -> Tensor:
    """A mask (B, N) of one grid on another; a coarser cell is hidden when at least half of it is."""
    if grid == target:
        return mask
    if math.prod(target) > math.prod(grid):
        return expand(mask, target).flatten(1)
    return resample_attention(mask.float(), grid, target) >= 0.5


@dataclass(frozen=True)
class StudentMask:
    """The student's mask as a configuration states it. Called with the teacher's attention, returns (B, N) bool.

    Args:
        mode: "attentive" (SMART, default), "low", "mst", "block" or "random".
        ratio: r, the share of tokens to hide.
        hint_ratio: s, the share of all tokens shown again as hints; only with "attentive"; 0 is plain AttMask-High.
        hint: "top" or "random"; `hint_pool` is the share of N random hints are drawn from.
        probability: of "mst".
        cell: "sa" masks on the attention's own grid, "16vox" on cells of 16 voxels wherever semantic attention sits.
        share: of the crops that are masked at all, an exact count of at least one, drawn anew each time; the others are
            seen whole, as they will be after training (SMART: 1; DINOv2, AttMask and iBOT train with 0.5).

    Raises:
        ConfigError: when the numbers contradict each other.
    """

    mode: Mode = "attentive"
    ratio: float = 0.7
    hint_ratio: float = 0.1
    hint: Hint = "top"
    hint_pool: float | None = None
    probability: float = 0.5
    cell: Literal["sa", "16vox"] = "sa"
    share: float = 1.0

    def __post_init__(self) -> None:
        one_of("mask_mode", self.mode, get_args(Mode))
        one_of("hint", self.hint, get_args(Hint))
        one_of("mask_grid", self.cell, ("sa", "16vox"))
        INSIDE_0_1.check("mask_ratio", self.ratio)
        UP_TO_1.check("mask_share", self.share, "1 masks every crop")
        if self.mode == "mst":
            INSIDE_0_1.check("mst_probability", self.probability)
        if self.mode != "attentive":
            return
        pool = self.hint_ratio if self.hint_pool is None else self.hint_pool
        if not 0 <= self.hint_ratio < self.ratio:
            what, expected = "hints would show every hidden token", f"a number in [0, mask_ratio={self.ratio})"
            remedy = "lower hint_ratio or raise mask_ratio"
            raise ConfigError(what, where="hint_ratio", expected=expected, found=self.hint_ratio, remedy=remedy)
        if self.hint == "random" and not self.hint_ratio <= pool <= self.ratio:
            what = "the pool of hints must lie among the hidden tokens and hold all hints"
            expected = f"a number in [hint_ratio={self.hint_ratio}, mask_ratio={self.ratio}]"
            raise ConfigError(what, where="hint_pool", expected=expected, found=pool, remedy="change hint_pool")

    @property
    def needs_attention(self) -> bool:
        return self.mode in ("attentive", "low", "mst")

    def __call__(self, attention: Tensor | None, batch: int, grid: Grid, size: Grid, device: torch.device) -> Tensor:
        """Args: attention (B, N) on `grid`, or None for "random" and "block"; `size` of the crop in voxels."""
        hidden = self._hidden(attention, batch, grid, size, device)
        if self.share == 1:
            return hidden
        masked = torch.randperm(batch, device=hidden.device) < max(1, round(self.share * batch))  # (B,)
        return hidden & masked.unsqueeze(1)

    def count(self, n: int) -> int:
        """How many of n cells of a masked crop are hidden; with "mst", may be hidden."""
        if self.mode == "random":
            return math.ceil(self.ratio * n - 1e-9)
        return count_of(self.ratio, n) - (count_of(self.hint_ratio, n) if self.mode == "attentive" else 0)

    def unguided(self) -> StudentMask:
        """The same mask without attention, for the first steps, in which attention says nothing yet."""
        return replace(self, mode="random") if self.needs_attention else self

    def _hidden(self, attention: Tensor | None, batch: int, grid: Grid, size: Grid, device: torch.device) -> Tensor:
        target = grid if self.cell == "sa" else grid_of(size, MASK_CELL)
        if not self.needs_attention:
            if self.mode == "block":
                return block_mask(batch, target, self.ratio, device)
            return random_mask(batch, math.prod(target), self.ratio, device)
        if attention is None:
            remedy = "set sa_stage, or mask_mode to random or block"
            raise ConfigError("needs semantic attention", where="mask_mode", found=self.mode, remedy=remedy)
        if target != grid:
            attention = resample_attention(attention, grid, target)
        if self.mode == "attentive":
            return attentive(attention, self.ratio, self.hint_ratio, self.hint, self.hint_pool)
        if self.mode == "low":
            return low_attending(attention, self.ratio)
        return mst_bernoulli(attention, self.ratio, self.probability)


def _scatter(index: Tensor, n: int, value: bool) -> Tensor:
    return torch.zeros(index.shape[0], n, dtype=torch.bool, device=index.device).scatter(1, index, value)


def _blocks(grid: Grid, count: int) -> Tensor:
    mask = torch.zeros(grid, dtype=torch.bool)
    low = (min(grid) // 3) ** 3
    while (room := count - int(mask.sum())) > 0:
        if not any(_place_block(mask, low, room) for _ in range(10)):
            break
    rest = (~mask).flatten().nonzero().squeeze(1)
    mask.view(-1)[rest[torch.randperm(len(rest))[: count - int(mask.sum())]]] = True
    return mask


def _place_block(mask: Tensor, low: int, room: int) -> bool:
    """Try one random box; True when it hid at least one new cell and no more than there is room for."""
    volume, log_a, log_b = torch.rand(3).tolist()
    volume = min(low, room) + volume * (room - min(low, room))
    a, b = (math.exp((2 * u - 1) * math.log(1 / 0.3)) for u in (log_a, log_b))
    sides = [round(v ** (1 / 3)) for v in (volume * a * b, volume * a / b**2, volume * b / a**2)]  # product ~ volume
    if any(not 1 <= side <= full for side, full in zip(sides, mask.shape, strict=True)):
        return False
    corner = [int(torch.randint(full - side + 1, ())) for side, full in zip(sides, mask.shape, strict=True)]
    box = mask[tuple(slice(c, c + s) for c, s in zip(corner, sides, strict=True))]
    new = int((~box).sum())
    if not 0 < new <= room:
        return False
    box.fill_(True)
    return True
