"""How widely, how far and how differently the attention heads of an encoder look (DAGMaN Fig. 4a)."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from itertools import count
from statistics import fmean, stdev
from typing import Any

import numpy as np
import torch
from monai.networks.utils import eval_mode
from torch import Tensor

from smart_nets.errors import CheckpointError, ConfigError
from smart_nets.networks.cells import grid_of
from smart_nets.networks.encoder import Encoder, SmartEncoder
from smart_nets.networks.inputs import check_image
from smart_nets.networks.windows.plan import WindowPlan, plan_windows

MEASURES = ("entropy", "distance_mm", "distance_entropy", "divergence")
BINS = 32  # of the histogram of distances
AT_ONCE = 2**21  # attention values that are reduced together: 16 MB of float64
TINY = torch.finfo(torch.float32).tiny  # stands for an attention of 0 under a logarithm; 0 * log(TINY) is 0


def head_diversity(encoder: Encoder, crops: Tensor, spacing: Sequence[float]) -> dict[str, Any]:
    """Entropy, distance and divergence of every attention head of every block (DAGMaN p. 6-8, Fig. 4a).

    Per head, averaged over the queries, windows and crops of a block:
        entropy: -sum_j A_ij log A_ij in nats, at most `largest_entropy`: ln n with n keys, less in shifted windows, where
            queries at the border of a crop have fewer.
        distance_mm: sum_j A_ij |p_i - p_j| between the centres of the tokens.
        distance_entropy: entropy in nats of the histogram of the queries' distances, 32 bins from 0 to the longest
            distance within a window; at most ln 32.
    Per block, None with one head:
        divergence: mean over all pairs of heads of (KL(a, b) + KL(b, a)) / 2, in nats.

    The [CLS] token looks from no place. Its row counts as one query, and its distance is the spread of its attention:
    how far the attended cells lie from their attention-weighted centre. The histogram counts cells by their attention
    and ends at the diagonal of the grid. Its attention to itself is left out and the rest scaled to a sum of one.

    Swin blocks have all their rows measured, semantic attention and ViT the [CLS] row of every block. Pairs of tokens
    that only a shift of the windows brought together have no attention and count for nothing.

    Args:
        crops: (B, 1, D, H, W) intensities in [0, 1], on any device; one crop is on the encoder's at a time.
        spacing: mm per voxel along the three axes of a crop.

    Returns:
        {"blocks": [{"name", "stage": 1 to 4 or "SA", "entropy": [per head], "largest_entropy", "distance_mm": [per head],
        "distance_entropy": [per head], "divergence"}],
        "stages": [{"stage", and per measure {"mean", "sd"} over the stage's heads, of divergence over its blocks}]}.
        "sd" is the sample's, None for fewer than two values.

    Raises:
        ConfigError: crops that do not fit the encoder or would need padded windows, intensities out of range, or a
            spacing that is none. CheckpointError: attention that is not finite.
    """
    check_image(crops, 1, encoder.stride)
    if len(crops) == 0 or not (crops.amin() >= 0 and crops.amax() <= 1):
        found = f"{crops.amin()} to {crops.amax()}" if len(crops) else "0 crops"
        raise ConfigError("are no windowed crops", where="crops", expected="one or more, in [0, 1]", found=found)
    if len(spacing) != 3 or not all(np.isfinite(step) and step > 0 for step in spacing):
        raise ConfigError("not a voxel size", where="spacing", expected="3 lengths in mm above 0", found=spacing)
    with eval_mode(encoder):
        blocks = _swin_blocks(encoder, crops, spacing) if isinstance(encoder, SmartEncoder) else []
        blocks += _cls_blocks(encoder, crops, spacing)
    stages = dict.fromkeys(block["stage"] for block in blocks)
    return {"blocks": blocks, "stages": [_stage(name, blocks) for name in stages]}


def _swin_blocks(encoder: SmartEncoder, crops: Tensor, spacing: Sequence[float]) -> list[dict[str, Any]]:
    sides, found = [int(side) for side in crops.shape[2:]], []
    _check_windows(encoder, sides)
    for number, stage in enumerate(encoder.swin.stages, start=1):
        cell = encoder.patch_size * 2 ** (number - 1)
        grid = grid_of(sides, cell)
        plan = plan_windows(grid, stage.window, torch.device("cpu"))
        places = _places([min(stage.window, side) for side in grid], cell, spacing)
        apart = (places[:, None] - places).norm(dim=-1)  # (n, n)
        for block in range(len(stage.blocks)):
            sums = [_window_sums(piece, apart) for piece in _window_rows(encoder, crops, number, block)]
            largest = _largest_entropy(plan, shifted=bool(block % 2))
            found.append(_block(f"stage {number} block {block + 1}", number, sums, largest))
    return found


def _cls_blocks(encoder: Encoder, crops: Tensor, spacing: Sequence[float]) -> list[dict[str, Any]]:
    kind = "SA block" if isinstance(encoder, SmartEncoder) else "block"
    grid = grid_of([int(side) for side in crops.shape[2:]], encoder.cell)
    places = _places(grid, encoder.cell, spacing)
    found = []
    for block in range(encoder.attention_blocks):
        sums = [_cls_sums(row, places) for row in _cls_rows(encoder, crops, block)]
        found.append(_block(f"{kind} {block + 1}", "SA", sums, math.log(len(places))))
    return found


def _check_windows(encoder: SmartEncoder, sides: Sequence[int]) -> None:
    """ConfigError if a stage would pad its grid: padding would be measured as if it were tissue."""

    def fits(side: int) -> bool:
        grids = [side // (encoder.patch_size * 2**i) for i in range(4)]
        pairs = zip(grids, encoder.swin.stages, strict=True)
        return all(tokens <= stage.window or tokens % stage.window == 0 for tokens, stage in pairs)

    near: set[int] = set()
    for side in sides:
        if not fits(side):
            near |= {next(size for size in count(side, encoder.stride) if fits(size))}
            near |= set([size for size in range(encoder.stride, side, encoder.stride) if fits(size)][-1:])
    if near:
        what, found = "whole windows do not tile the crops at every stage", " x ".join(map(str, sides))
        such = f"sides such as {' or '.join(map(str, sorted(near)))}"
        raise ConfigError(what, where="crop size", expected=such, found=found, remedy="change the crop size")


def _largest_entropy(plan: WindowPlan, shifted: bool) -> float:
    """ln of the number of keys a query may look at, averaged over all queries of a grid."""
    if not (shifted and plan.shifted):
        return math.log(plan.tokens)
    keys = (plan.masks[shifted] == 0).sum(-1)  # (kinds, n)
    return float(keys.double().log().mean(1)[plan.kind[shifted]].mean())


def _places(grid: Sequence[int], cell: int, spacing: Sequence[float]) -> Tensor:
    """Centres in mm of the tokens of a grid or window, (n, 3) float64, row-major, the first at the origin."""
    lines = [torch.arange(side, dtype=torch.float64) * cell * step for side, step in zip(grid, spacing, strict=True)]
    return torch.cartesian_prod(*lines)


def _window_rows(encoder: SmartEncoder, crops: Tensor, stage: int, block: int) -> Iterator[Tensor]:
    """Attention of some windows at a time, (windows, heads, n, n) float64."""
    for crop in crops.split(1):
        x = (crop.to(encoder.mask_token.device) - encoder.input_mean) / encoder.input_std  # as the encoder does itself
        attention = encoder.swin.attention(x, stage, block)[0]  # (windows, heads, n, n)
        for piece in attention.split(max(1, AT_ONCE // attention[0].numel())):
            yield piece.double()


def _cls_rows(encoder: Encoder, crops: Tensor, block: int) -> Iterator[Tensor]:
    """Attention of [CLS] to the patches of one crop at a time, (1, heads, 1, N) float64, summing to one."""
    device = next(encoder.parameters()).device
    for crop in crops.split(1):
        row = encoder.cls_attention(crop.to(device), block).double().clamp_min(TINY)
        yield (row / row.sum(-1, keepdim=True)).unsqueeze(2)


def _window_sums(attention: Tensor, apart: Tensor) -> list[Tensor]:
    """`_sums` of windows (windows, heads, n, n) whose tokens lie `apart` mm (n, n)."""
    apart = apart.to(attention.device)
    distance = torch.einsum("whij,ij->whi", attention, apart)
    return _sums(attention, distance, torch.ones_like(distance), float(apart.max()))


def _cls_sums(attention: Tensor, places: Tensor) -> list[Tensor]:
    """`_sums` of [CLS] rows (B, heads, 1, N) over cells at `places` in mm (N, 3)."""
    places = places.to(attention.device)
    centre = attention @ places  # (B, heads, 1, 3)
    distance = (places - centre).norm(dim=-1)  # (B, heads, N)
    return _sums(attention, distance, attention.squeeze(2), float((places[-1] - places[0]).norm()))


def _sums(attention: Tensor, distance: Tensor, weight: Tensor, longest: float) -> list[Tensor]:
    """What some rows add to a block's means: number of rows (), entropy (heads,), distance (heads,), divergence (),
    and the histogram of distances (heads, BINS).

    Args:
        attention: (windows, heads, rows, keys), each row summing to one.
        distance, weight: (windows, heads, k), in mm, and what each counts.
        longest: where the histogram ends.
    """
    if not attention.isfinite().all():
        raise CheckpointError("gives attention that is not finite", where="encoder", remedy="look at its weights")
    heads = attention.shape[1]
    log = attention.clamp_min(TINY).log()
    entropy = -(attention * log).sum(-1)  # (windows, heads, rows)
    # KL(a, b) = sum_j a log a - a log b, summed over all ordered pairs of heads; a head with itself gives 0.
    divergence = -heads * entropy.sum() - (attention.sum(1) * log.sum(1)).sum()
    bins = (distance / (longest or 1.0) * BINS).long().clamp_(max=BINS - 1)
    bins += torch.arange(heads, device=bins.device).view(1, -1, 1) * BINS  # a histogram per head, one after the other
    histogram = torch.bincount(bins.flatten(), weight.flatten(), heads * BINS).view(heads, BINS)
    rows = torch.tensor(attention.shape[0] * attention.shape[2], device=attention.device)
    return [rows, entropy.sum((0, 2)), (distance * weight).sum((0, 2)), divergence, histogram]


def _block(name: str, stage: int | str, sums: Iterable[list[Tensor]], largest: float) -> dict[str, Any]:
    rows, entropy, distance, divergence, histogram = [torch.stack(parts).sum(0) for parts in zip(*sums, strict=True)]
    pairs = len(entropy) * (len(entropy) - 1)
    share = histogram / histogram.sum(1, keepdim=True)
    return {
        "name": name,
        "stage": stage,
        "entropy": (entropy / rows).tolist(),
        "largest_entropy": largest,
        "distance_mm": (distance / rows).tolist(),
        "distance_entropy": torch.special.entr(share).sum(1).tolist(),
        "divergence": max(0.0, float(divergence / (rows * pairs))) if pairs else None,  # rounding can dip below 0
    }


def _stage(name: int | str, blocks: Iterable[dict[str, Any]]) -> dict[str, Any]:
    """Mean and SD of each measure over the blocks of a stage, which may have no divergence."""
    found: dict[str, Any] = {"stage": name}
    own = [block for block in blocks if block["stage"] == name]
    for measure in MEASURES:
        parts = [block[measure] if isinstance(block[measure], list) else [block[measure]] for block in own]
        values = [value for part in parts for value in part if value is not None]
        found[measure] = {
            "mean": fmean(values) if values else None,
            "sd": stdev(values) if len(values) > 1 else None,
        }
    return found
