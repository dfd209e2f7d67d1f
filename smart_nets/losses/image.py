"""AMIP: how well hidden voxels are painted back (SMART equation (6); the target is the view itself, DAGMaN equation 5)."""

from __future__ import annotations

import torch
from torch import Tensor


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
