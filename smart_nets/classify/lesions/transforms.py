"""Lesions as MONAI transforms: cubes for training from the cache, cubes for inference from the scan, maps back onto it."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from monai.data import MetaTensor
from monai.transforms import MapTransform

from smart_nets.classify.lesions.crops import OVERVIEW, LesionCrops, crop_lesion, overview_spacing
from smart_nets.classify.lesions.place import lesion_place
from smart_nets.scans.resample import sample_on
from smart_nets.scans.volume import Volume


class LoadLesiond(MapTransform):
    """Replace the path at `keys` of a prepared item by its cube: float32 HU (1, D, H, W) with its affine."""

    def __init__(self, keys: str | Sequence[str], crops: LesionCrops) -> None:
        super().__init__(keys)
        self.crops = crops

    def __call__(self, data: Mapping[Hashable, Any]) -> dict[Hashable, Any]:
        item = dict(data)
        for key in self.keys:
            cube = self.crops.get({**item, "image": item[key]})  # type: ignore[dict-item]
            voxels = torch.from_numpy(cube.array.astype(np.float32))[None]  # (D, H, W) -> (1, D, H, W)
            meta = {"filename_or_obj": cube.source}
            item[key] = MetaTensor(voxels, affine=torch.from_numpy(np.array(cube.affine)), meta=meta)
        return item


class CropLesiond(MapTransform):
    """Cut the cube around one lesion out of a loaded scan, for inference, and remember the scan's own grid.

    The item's "centre_mm" or "mask" tells where, as in `lesion_place`. Its "scan_grid" gets {"affine", "shape", "source",
    "centre_mm", "name"}; the name is that of `with_names`.

    Args:
        keys: of the scan, HU (1, X, Y, Z) with its affine.
        size, spacing: of the cube.
        overview: key that gets the larger field around the cube, HU (1, D, H, W), coarser; none if None.
    """

    def __init__(
        self, keys: str | Sequence[str], size: Sequence[int], spacing: Sequence[float], overview: str | None = None
    ) -> None:
        super().__init__(keys)
        self.size, self.spacing, self.overview = size, spacing, overview

    def __call__(self, data: Mapping[Hashable, Any]) -> dict[Hashable, Any]:
        item = dict(data)
        for key in self.keys:
            image: MetaTensor = item[key]
            source = str(image.meta.get("filename_or_obj", "image"))
            scan = Volume(image[0].numpy(), image.affine.numpy(), source)  # (1, X, Y, Z) -> (X, Y, Z)
            centre, _ = lesion_place(item, scan.to_ras())  # type: ignore[arg-type]
            item[key] = _of_volume(crop_lesion(scan, centre, self.size, self.spacing))
            if self.overview is not None:
                wide = overview_spacing(self.size, self.spacing)
                item[self.overview] = _of_volume(crop_lesion(scan, centre, [OVERVIEW] * 3, wide))
            place = {
                "shape": np.array(scan.array.shape),
                "centre_mm": np.array(centre),
                "name": str(item.get("name", "lesion")),
            }
            item["scan_grid"] = {"affine": scan.affine, "source": source, **place}
        return item


def _of_volume(cube: Volume) -> MetaTensor:
    voxels = torch.from_numpy(cube.array)[None]  # (D, H, W) -> (1, D, H, W)
    return MetaTensor(voxels, affine=torch.from_numpy(cube.affine), meta={"filename_or_obj": cube.where})


class ToScanGridd(MapTransform):
    """Put a map of a cube back onto the grid of the scan it was cut from; `outside` where the cube does not reach.

    Args:
        keys: of maps (1, D, H, W) with the cube's voxels; the cube's affine is that of `image`.
    """

    def __init__(self, keys: str | Sequence[str], image: str = "image", outside: float = 0.0) -> None:
        super().__init__(keys)
        self.image, self.outside = image, outside

    def __call__(self, data: Mapping[Hashable, Any]) -> dict[Hashable, Any]:
        item = dict(data)
        grid = item["scan_grid"]
        affine, shape = np.asarray(grid["affine"]), [int(side) for side in grid["shape"]]
        # `SaveImage` drops what follows the last dot: without an ending 1.2.3 and 1.2.4 would be one file
        name = f"{grid['name']}.nii.gz"
        # the last two are the map's own grid again: without them `SaveImage` fails on axes in another order
        meta = {"filename_or_obj": name, "original_affine": affine, "spatial_shape": np.array(shape)}
        for key in self.keys:
            cube = Volume(torch.as_tensor(item[key])[0].cpu().numpy(), item[self.image].affine.numpy(), grid["source"])
            voxels = torch.from_numpy(sample_on(cube, affine, shape, self.outside))[None]  # (X, Y, Z) -> (1, X, Y, Z)
            item[key] = MetaTensor(voxels, affine=torch.from_numpy(affine), meta=meta)
        return item
