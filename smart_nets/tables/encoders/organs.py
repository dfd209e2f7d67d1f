"""Organs named from the features of each encoder, of the same cubes of tissue, each whole scan left out in turn."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from smart_nets.errors import ConfigError
from smart_nets.optional import bar
from smart_nets.organs.fields import FieldCrops
from smart_nets.organs.judge import METHODS, FieldJudge, Right, facts, mean_over_scans
from smart_nets.organs.judge import RAW as RAW_FLOOR
from smart_nets.scans.window import window_hu
from smart_nets.statistics.knn import extract_features
from smart_nets.tables.encoders.contenders import Contender, pairs_of

PART = 32  # crops at once: of 96^3 voxels they take 110 MB


def sides_for(contender: Contender, side: int, spacing: float) -> tuple[list[int], list[int]]:
    """Voxels of a cube at the encoder's spacing, and sides of the crop that it gets.

    Encoders that take any multiple of their stride get the next one, others the crop of their card; the rest is air.

    Args:
        side, spacing: of the cube, voxels and mm.

    Raises:
        ConfigError: the cube is larger than the only crop that the encoder takes.
    """
    cube = [max(1, round(side * spacing / step)) for step in contender.card["spacing"]]
    stride, crop = contender.encoder.stride, list(contender.card["crop_size"])
    if contender.kind == "raw":
        return cube, cube
    if contender.kind != "theirs" or stride > 1:
        return cube, [math.ceil(one / stride) * stride for one in cube]
    if any(one > most for one, most in zip(cube, crop, strict=True)):
        expected = (
            "up to " + " x ".join(f"{a * b:g}" for a, b in zip(crop, contender.card["spacing"], strict=True)) + " mm"
        )
        remedy = "give a smaller side, or a card with its stride if it takes other crops"
        raise ConfigError("takes no cubes of this size", where=contender.name, expected=expected,
                          found=f"{side * spacing:g} mm a side", remedy=remedy)  # fmt: skip
    return cube, crop


def crops_for(contender: Contender, hu: NDArray[Any], spacing: float) -> Tensor:
    """Cubes (m, S, S, S) in HU of `spacing` mm as (m, 1, D, H, W) in [0, 1], at the spacing and window of an encoder."""
    cube, size = sides_for(contender, hu.shape[1], spacing)
    x = torch.from_numpy(hu.astype(np.float32)).unsqueeze(1)  # (m, S, S, S) -> (m, 1, S, S, S)
    if cube != list(hu.shape[1:]):
        x = F.interpolate(x, size=cube, mode="trilinear", align_corners=False)
    low, high = contender.card["hu_window"]
    around = [(whole - inner) // 2 for whole, inner in zip(size, cube, strict=True)]
    ends = [(a, whole - inner - a) for a, whole, inner in zip(around, size, cube, strict=True)]
    return F.pad(window_hu(x, float(low), float(high)), [one for pair in reversed(ends) for one in pair])


def organ_table(
    contenders: Sequence[Contender], crops: FieldCrops, spacing: float, rounds: int, seed: int
) -> dict[str, Any]:
    """{"protocol", "rows": name -> method -> {"value", "low", "high"}, "differences": [{"a", "b", "measure", ...}]}.

    Args:
        crops: cubes of `spacing` mm. rounds, seed: of the bootstrap over scans.

    Raises:
        ConfigError, InputError: an encoder that cannot take the cubes, or gives features that are no numbers.
    """
    side = crops.hu.shape[1]
    for one in contenders:  # all of them before the first computes
        one.encoder.check_crop(sides_for(one, side, spacing)[1])
    rights = {one.name: _right(one, crops, spacing) for one in bar(contenders, "encoders, organs")}
    rows: dict[str, dict[str, Any]] = {name: {} for name in rights}
    told = []
    for method in METHODS:
        scores = {name: right[method].mean(0) for name, right in rights.items()}  # (m,)
        for name, interval in mean_over_scans(scores, crops.scans, rounds, seed, least=0.0).items():
            rows[name][method] = interval
        gaps = {(a, b): scores[a] - scores[b] for a, b in pairs_of(list(scores))}
        for (a, b), interval in mean_over_scans(gaps, crops.scans, rounds, seed).items():
            told.append({"a": a, "b": b, "measure": method, **interval})
    seen = {one.name: sides_for(one, side, spacing) for one in contenders}
    sides: Mapping[str, Any] = {name: {"cube": cube, "crop": crop} for name, (cube, crop) in seen.items()}
    protocol = {**facts(crops), "cube_mm": side * spacing, "seen": sides, "rounds": rounds}
    return {"protocol": protocol, "rows": rows, "differences": told}


def _right(contender: Contender, crops: FieldCrops, spacing: float) -> Right:
    """Whether each crop is named rightly; of raw voxels by their principal components, as the other pages have it."""
    window = (float(contender.card["hu_window"][0]), float(contender.card["hu_window"][1]))
    judge = FieldJudge(crops, window, 0)
    if contender.kind == "raw":
        return judge.plain_floors()[RAW_FLOOR]
    parts = [crops.hu[start : start + PART] for start in range(0, len(crops.hu), PART)]
    found = [extract_features(contender.encoder, crops_for(contender, part, spacing)) for part in parts]
    return judge.right(np.concatenate([one[contender.feature] for one in found]))
