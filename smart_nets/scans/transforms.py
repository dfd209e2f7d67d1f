"""Whole scans as MONAI transforms: from the file's grid to the network's, and maps back onto the file's."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from monai.data import MetaTensor
from monai.transforms import MapTransform

from smart_nets.scans.grid import check_scan_size, network_grid, onto_grid
from smart_nets.scans.volume import Volume


def volume_of(image: MetaTensor) -> Volume:
    """A loaded scan or map (1, X, Y, Z) as `Volume`, on its own grid."""
    where = str(image.meta.get("filename_or_obj", "image"))
    return Volume(image[0].cpu().numpy(), np.asarray(image.affine), where)  # (1, X, Y, Z) -> (X, Y, Z)


class ToNetworkGridd(MapTransform):
    """Resample a loaded scan to the network's grid and keep the scan itself under another key.

    Args:
        keys: of the scan, HU (1, X, Y, Z) with its affine, on any grid.
        spacing: mm.
        crop_size: voxels of the network's window.
        scan: the key that gets the scan as it was.

    Raises:
        ConfigError: spacing or window have not three sides. InputError: the scan is shorter than half a window.
    """

    def __init__(
        self, keys: str | Sequence[str], spacing: Sequence[float], crop_size: Sequence[int], scan: str = "scan"
    ) -> None:
        super().__init__(keys)
        self.spacing, self.crop_size, self.scan = spacing, crop_size, scan

    def __call__(self, data: Mapping[Hashable, Any]) -> dict[Hashable, Any]:
        item = dict(data)
        for key in self.keys:
            image: MetaTensor = item[key]
            coarse = network_grid(volume_of(image), self.spacing)
            check_scan_size(coarse, self.crop_size, self.spacing)
            voxels = torch.from_numpy(np.ascontiguousarray(coarse.array))[None]  # (X, Y, Z) -> (1, X, Y, Z)
            meta = {name: value for name, value in image.meta.items() if name != "affine"}
            # what MONAI's writers and MONAI Label ask of an image's metadata is that of the file
            item[key] = MetaTensor(voxels, affine=torch.from_numpy(coarse.affine), meta=meta)
            item[self.scan] = image
        return item


class BackToScand(MapTransform):
    """Put a map on the network's grid (1, x, y, z) back onto the grid of the scan: (1, X, Y, Z) float32.

    Args:
        keys: of the maps.
        image: key of the network's input, whose affine is the map's.
        scan: key of the scan as it was loaded.
    """

    def __init__(self, keys: str | Sequence[str], image: str = "image", scan: str = "scan") -> None:
        super().__init__(keys)
        self.image, self.scan = image, scan

    def __call__(self, data: Mapping[Hashable, Any]) -> dict[Hashable, Any]:
        item = dict(data)
        scan: MetaTensor = item[self.scan]
        target = volume_of(scan)
        for key in self.keys:
            values = torch.as_tensor(item[key])[0].float().cpu().numpy()  # (1, x, y, z) -> (x, y, z)
            placed = replace(target, array=values, affine=np.asarray(item[self.image].affine))
            voxels = onto_grid(placed, target.affine, target.array.shape)
            item[key] = on_grid_of(voxels, scan, item.get("name"))
        return item


def on_grid_of(voxels: np.ndarray, scan: MetaTensor, name: str | None = None) -> MetaTensor:
    """Voxels (X, Y, Z) as a tensor (1, X, Y, Z) that MONAI saves on the grid of `scan`, under `name` if it has one."""
    affine = np.asarray(scan.affine)
    # `SaveImage` drops what follows the last dot: without an ending 1.2.3 and 1.2.4 would be one file;
    # the last two are the scan's own grid again: without them MONAI's `SaveImage` fails on axes in another order
    meta = {
        "filename_or_obj": f"{name}.nii.gz" if name else scan.meta.get("filename_or_obj", "image"),
        "original_affine": affine,
        "spatial_shape": np.asarray(voxels.shape),
    }
    return MetaTensor(torch.from_numpy(voxels)[None], affine=torch.from_numpy(affine), meta=meta)
