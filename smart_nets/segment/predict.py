"""A whole scan's outlines on the scan's own grid: resample, window, slide the network over it, and back."""

from __future__ import annotations

import math
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from monai.data import MetaTensor
from monai.inferers import SlidingWindowInferer
from monai.networks.utils import eval_mode
from numpy.typing import NDArray
from torch import Tensor, nn

from smart_nets.errors import ConfigError
from smart_nets.networks.segmenter import Segmenter
from smart_nets.scans.grid import check_scan_size, network_grid, onto_grid
from smart_nets.scans.transforms import on_grid_of, volume_of
from smart_nets.scans.volume import Volume
from smart_nets.scans.window import window_hu
from smart_nets.segment.cases.target import largest_share
from smart_nets.segment.cases.volumes import LEAST


def once_for_air(network: Any) -> Any:
    """`network` for sliding windows, which answers windows of one same value, such as air around a body, only once.

    In a chest a third of all windows hold nothing but air; the answers are the same as without, unless it draws at random.
    """
    known: dict[float, tuple[Tensor, ...]] = {}

    def answer(windows: Tensor, *args: Any, **kwargs: Any) -> Any:
        value = windows.flatten()[0]  # (B, 1, x, y, z) -> one number
        if bool((windows != value).any()):
            return network(windows, *args, **kwargs)
        if float(value) not in known:
            found = network(windows, *args, **kwargs)
            each = (found,) if isinstance(found, Tensor) else found
            if not isinstance(each, (tuple, list)):
                return found
            known[float(value)] = tuple(one[:1].clone() for one in each)
        # copies, since MONAI weights an answer in place
        each = tuple(one.repeat(len(windows), 1, 1, 1, 1) for one in known[float(value)])
        return each if len(each) > 1 else each[0]

    return answer


class SegmentInferer(SlidingWindowInferer):
    """Slides a `Segmenter` over a scan; overlapping windows are blended with Gaussian weights, what lacks is air.

    Args:
        roi_size: voxels of a window; sides that the encoder's stride divides.
        overlap: share of a window that neighbours share, 0 to below 1.
        sw_batch_size: windows at once; by default 2 small ones, or a single one of 64^3 voxels or more.
        attention: give {"scores", "attention"}, the encoder's semantic attention beside its answer.

    Raises:
        ConfigError: an overlap out of range.
    """

    def __init__(
        self, roi_size: Sequence[int], overlap: float = 0.5, sw_batch_size: int | None = None, attention: bool = False
    ) -> None:
        if not (isinstance(overlap, (int, float)) and 0 <= overlap < 1):
            raise ConfigError("is no share", where="overlap", expected="0 to below 1", found=overlap)
        # a single small window goes through torch's slow convolution on a CPU: four times as long as two at once
        sw_batch_size = sw_batch_size or (2 if math.prod(roi_size) < 64**3 else 1)
        super().__init__(
            roi_size, sw_batch_size, overlap, mode="gaussian", padding_mode="constant", cval=0.0, device="cpu"
        )  # the scores of a whole scan do not fit every GPU
        self.attention = attention

    def __call__(self, inputs: Tensor, network: Any, *args: Any, **kwargs: Any) -> Any:
        """(1, 1, X, Y, Z) in [0, 1] -> scores (1, C, X, Y, Z), or these and attention (1, 1, X, Y, Z)."""
        if not self.attention:
            return super().__call__(inputs, once_for_air(network), *args, **kwargs)
        inner = getattr(network, "module", network)
        scores, attention = super().__call__(inputs, once_for_air(inner.look), *args, **kwargs)
        return {"scores": scores, "attention": attention}


def shares_of(scores: Tensor) -> NDArray[np.float32]:
    """Softmax over the channels of scores (C, x, y, z), in the memory of one copy."""
    found = scores.detach().float().cpu().as_subclass(Tensor).clone()
    found -= found.amax(0, keepdim=True)
    found.exp_()
    found /= found.sum(0, keepdim=True)
    return found.numpy()


def onto_scan(shares: NDArray[np.float32], grid: Volume, scan: Volume) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
    """Channels of the largest share and the share of all foreground, (X, Y, Z) both, on the scan's grid.

    Args:
        shares: (C, x, y, z) of each voxel, the background first, summing to 1; on `grid`.
        scan: on any grid.
    """
    shape = scan.array.shape
    each = (
        (channel, onto_grid(replace(grid, array=shares[channel]), scan.affine, shape))
        for channel in range(1, len(shares))
    )
    chosen, rest = largest_share(each, shape)
    return chosen.astype(np.uint8), np.clip(1 - rest, 0, 1, dtype=np.float32)


@dataclass(frozen=True)
class ScanSegmenter:
    """Outlines of whole scans.

    Args:
        network: (B, 1, D, H, W) -> scores (B, C, D, H, W).
        crop_size: voxels of a window.
        spacing: mm of a voxel as the network sees it.
        hu_window: HU that become 0 and 1.
        overlap: of neighbouring windows.
    """

    network: Segmenter | nn.Module
    crop_size: Sequence[int]
    spacing: Sequence[float]
    hu_window: Sequence[float]
    overlap: float = 0.5

    @torch.no_grad()
    def __call__(self, scan: Volume) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
        """Channels and the share of all foreground (X, Y, Z) of a scan in HU on any grid, on that grid.

        Raises:
            ConfigError: a setting out of range. InputError: the scan is shorter than half of `LEAST` voxels.
        """
        grid = network_grid(scan, self.spacing)
        check_scan_size(grid, LEAST, self.spacing)
        low, high = self.hu_window
        image = window_hu(np.ascontiguousarray(grid.array), low, high)[None, None]  # (x, y, z) -> (1, 1, x, y, z)
        device = next((weight.device for weight in self.network.parameters()), image.device)
        with eval_mode(self.network):
            scores = SegmentInferer(self.crop_size, self.overlap)(image.to(device), self.network)
        shares = shares_of(scores[0])  # (1, C, x, y, z) -> (C, x, y, z)
        return onto_scan(shares, grid, scan)


class OutlineScand:
    """Scores on the network's grid -> "pred", channels (1, X, Y, Z) uint8 on the scan's, and "probability" of any of them.

    The batch's "image" has the network's grid and "scan" is the scan as it was loaded (`ToNetworkGridd`). Where the inferer
    gives attention beside the scores, "attention" is on the scan's grid, too; 1 is an even share.
    """

    def __init__(self, keys: str = "pred", image: str = "image", scan: str = "scan") -> None:
        self.key, self.image, self.scan = keys, image, scan

    def __call__(self, data: Mapping[Hashable, Any]) -> dict[Hashable, Any]:
        item = dict(data)
        scan: MetaTensor = item[self.scan]
        target = volume_of(scan)
        told = item[self.key] if isinstance(item[self.key], Mapping) else {"scores": item[self.key]}
        shares = shares_of(torch.as_tensor(told["scores"]))
        grid = Volume(shares[0], np.asarray(item[self.image].affine), target.where)
        chosen, probability = onto_scan(shares, grid, target)
        name = item.get("name")
        if "attention" in told:
            seen = replace(grid, array=torch.as_tensor(told["attention"])[0].float().cpu().numpy())
            item["attention"] = on_grid_of(onto_grid(seen, target.affine, target.array.shape), scan, name)
        item[self.key] = on_grid_of(chosen, scan, name)
        item["probability"] = on_grid_of(probability, scan, name)
        return item
