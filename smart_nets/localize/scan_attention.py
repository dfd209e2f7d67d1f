"""Attention of a whole scan on the scan's own grid: resample, window, slide the network over it, and back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from monai.inferers import SlidingWindowInferer
from monai.networks.utils import eval_mode
from numpy.typing import NDArray
from torch import nn

from smart_nets.errors import ConfigError
from smart_nets.scans.grid import check_scan_size, network_grid, onto_grid
from smart_nets.scans.volume import Volume
from smart_nets.scans.window import window_hu


class WindowInferer(SlidingWindowInferer):
    """Slides an `AttentionNet` over a scan and blends overlapping windows with Gaussian weights.

    Each window's attention is relative to uniform within it. A scan smaller than a window is padded with air.

    Args:
        roi_size: voxels of a window; the crop size of pretraining is the natural choice.
        overlap: share of a window that neighbours share, 0 to below 1.
        sw_batch_size: windows at once.

    Raises:
        ConfigError: an overlap out of range.
    """

    def __init__(self, roi_size: Sequence[int], overlap: float = 0.5, sw_batch_size: int = 4) -> None:
        if not (isinstance(overlap, (int, float)) and 0 <= overlap < 1):
            raise ConfigError("is no share", where="overlap", expected="0 to below 1", found=overlap)
        super().__init__(roi_size, sw_batch_size, overlap, mode="gaussian", padding_mode="constant", cval=0.0)


@dataclass(frozen=True)
class ScanAttention:
    """The semantic attention of scans.

    Args:
        network: an `AttentionNet`, or any network (B, 1, D, H, W) -> (B, 1, D, H, W).
        crop_size: voxels of a window.
        spacing: mm of a voxel as the network sees it.
        hu_window: HU that become 0 and 1.
        overlap: of neighbouring windows.
    """

    network: nn.Module
    crop_size: Sequence[int]
    spacing: Sequence[float]
    hu_window: Sequence[float]
    overlap: float = 0.5

    @torch.no_grad()
    def __call__(self, scan: Volume) -> NDArray[np.float32]:
        """Attention (X, Y, Z) float32 of a scan in HU on any grid, on that grid; 1 = uniform within a window.

        Raises:
            ConfigError: a setting out of range. InputError: the scan is shorter than half a window.
        """
        coarse = network_grid(scan, self.spacing)
        check_scan_size(coarse, self.crop_size, self.spacing)
        low, high = self.hu_window
        image = window_hu(np.ascontiguousarray(coarse.array), low, high)[None, None]  # (X, Y, Z) -> (1, 1, X, Y, Z)
        device = next((weight.device for weight in self.network.parameters()), image.device)
        with eval_mode(self.network):
            shown: Any = WindowInferer(self.crop_size, self.overlap)(image.to(device), self.network)
        return onto_grid(replace(coarse, array=shown[0, 0].cpu().numpy()), scan.affine, scan.array.shape)
