"""The proof of a conversion: two networks, one input, and how far their outputs lie apart."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from smart_nets.errors import CheckpointError

TOLERANCE = 1e-5  # of the largest output

Outputs = Callable[[Tensor], Sequence[Tensor]]


def prove(own: Outputs, theirs: Outputs, channels: int, crop_size: Sequence[int], where: object) -> float:
    """The largest difference of any output on the same input, over the largest output.

    Args:
        own, theirs: (1, channels, D, H, W) in [0, 1] -> outputs that should be equal, one by one.
        crop_size: D, H, W.
        where: what is told if they are not.

    Raises:
        CheckpointError: more than `TOLERANCE`, or outputs of other shapes.
    """
    generator = torch.Generator().manual_seed(0)
    image = torch.rand(1, channels, *crop_size, generator=generator)
    with torch.no_grad():
        pairs = list(zip(own(image), theirs(image), strict=True))
    if any(one.shape != other.shape for one, other in pairs):
        raise _unequal(where, "outputs of another shape")
    largest = max(float(one.abs().max()) for one, _ in pairs)
    difference = max(float((one - other).abs().max()) for one, other in pairs) / largest
    if not (math.isfinite(difference) and difference <= TOLERANCE):
        raise _unequal(where, f"a difference of {difference:.2g}")
    return difference


def _unequal(where: object, found: Any) -> CheckpointError:
    remedy = "say in which order these weights merge neighbours: --downsample merging or mergingv2"
    return CheckpointError("gives other outputs than its source", where=where, found=found, remedy=remedy,
                           expected=f"the same to {TOLERANCE:g} of the largest")  # fmt: skip
