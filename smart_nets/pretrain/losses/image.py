"""AMIP: how well hidden voxels are painted back (SMART equation (6); the target is the view itself, DAGMaN equation 5)."""

from __future__ import annotations

import torch
from torch import Tensor

from smart_nets.errors import ConfigError


@torch.autocast("cuda", enabled=False)
@torch.autocast("cpu", enabled=False)
def masked_l1(reconstruction: Tensor, image: Tensor, hidden: Tensor) -> Tensor:
    """Mean absolute error over the hidden voxels.

    Args:
        reconstruction, image: (B, 1, D, H, W), intensities in [0, 1].
        hidden: (B, D, H, W) bool, True = the student did not see it.

    Returns:
        a scalar; 0 when nothing is hidden.
    """
    weight = hidden.unsqueeze(1).float()  # (B, D, H, W) -> (B, 1, D, H, W)
    error = (reconstruction.float() - image.float()).abs() * weight
    return error.sum() / weight.sum().clamp(min=1)


@torch.no_grad()
def one_grey(image: Tensor, hidden: Tensor) -> Tensor:
    """What `masked_l1` would be if each view were painted in its own best grey, the median of its hidden voxels.

    The yardstick for AMIP: a network that has learned no more than how bright a view is reaches it.

    Args:
        image: (B, 1, D, H, W).
        hidden: (B, D, H, W) bool.

    Returns:
        a scalar; 0 when nothing is hidden.

    Raises:
        ConfigError: a mask of other voxels.
    """
    if image.shape[2:] != hidden.shape[1:] or len(image) != len(hidden):
        expected, found = "(B, D, H, W) of (B, 1, D, H, W)", (tuple(hidden.shape), tuple(image.shape))
        raise ConfigError("not a mask of these images", where="hidden", expected=expected, found=found)
    parts = [view[0][places].float() for view, places in zip(image, hidden, strict=True)]
    missed = torch.stack([(part - part.median()).abs().sum() if part.numel() else part.sum() for part in parts])
    return missed.sum() / hidden.sum().clamp(min=1)
