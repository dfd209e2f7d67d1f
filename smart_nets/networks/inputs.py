"""What may enter an encoder: images whose sides fit, masks that fit the images, and what stands for a hidden token."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, get_args

import torch
from torch import Tensor

from smart_nets.errors import ConfigError
from smart_nets.networks.cells import expand, grid_of
from smart_nets.settings import one_of

Fill = Literal["mask_token", "zero"]


def check_image(x: Tensor, in_chans: int, stride: int) -> None:
    """ConfigError unless `x` is (B, in_chans, D, H, W) with sides the stride divides; names the nearest valid sizes."""
    if x.dim() != 5 or x.shape[1] != in_chans:
        raise ConfigError("not a batch of images", expected=f"(B, {in_chans}, D, H, W)", found=tuple(x.shape))
    check_size([int(side) for side in x.shape[2:]], stride)


def check_size(sides: Sequence[int], stride: int) -> None:
    """ConfigError unless there are three sides that the stride divides; names the nearest valid sizes."""
    if not isinstance(sides, (list, tuple)) or len(sides) != 3 or not all(isinstance(side, int) for side in sides):
        raise ConfigError("needs three sides", where="crop size", expected=[stride] * 3, found=sides)
    if any(side < 1 or side % stride for side in sides):
        nearest = sorted({size for side in sides for size in (side // stride * stride, -(-side // stride) * stride)})
        expected = f"multiples of {stride}, such as {' or '.join(str(size) for size in nearest if size) or stride}"
        remedy = "change the crop size"
        raise ConfigError(
            "crop sides do not fit the encoder", expected=expected, found=" x ".join(map(str, sides)), remedy=remedy
        )


def expand_mask(mask: Tensor, x: Tensor, cell: int) -> Tensor:
    """The mask (B, N) of images (B, in_chans, D, H, W) on the grid of tokens of `cell` voxels a side: (B, d, h, w)."""
    if mask.dtype is not torch.bool or mask.shape[0] != x.shape[0]:
        found = f"{mask.dtype} {tuple(mask.shape)}"
        raise ConfigError("not a mask of these images", expected=f"bool ({x.shape[0]}, N), True = hidden", found=found)
    return expand(mask, grid_of([int(side) for side in x.shape[2:]], cell))


def fill_token(mask_token: Tensor, fill: Fill) -> Tensor:
    """What hidden tokens become; ConfigError for an unknown fill."""
    one_of("fill", fill, get_args(Fill))
    # Zero as a multiple of the token: the parameter stays in the graph, which distributed training asks for.
    return mask_token if fill == "mask_token" else mask_token * 0
