"""Two random crops of one scan, the views between which the student is taught."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from monai.transforms import MapTransform, Randomizable

from smart_nets.errors import ConfigError, InputError
from smart_nets.lists.cache import VolumeCache
from smart_nets.lists.store import CachedScan
from smart_nets.pretrain.view_changes import ViewChanges
from smart_nets.scans.crop import crop_or_pad
from smart_nets.scans.read import read_options
from smart_nets.scans.window import WINDOW, window_hu
from smart_nets.settings import BELOW_1, between

NOT_AIR, TRIES = -950, 8  # HU above which a voxel is lung or denser; draws


class LoadCachedd(MapTransform):
    """Replace the path at `keys` by its prepared scan (`CachedScan`), read from or written to the cache.

    An item may hold "series", the SeriesInstanceUID to take from a DICOM folder.

    Raises:
        InputError, GeometryError: the scan cannot be used, see `read_scan`.
    """

    def __init__(self, keys: str | Sequence[str], cache: VolumeCache) -> None:
        super().__init__(keys)
        self.cache = cache

    def __call__(self, data: Mapping[Hashable, Any]) -> dict[Hashable, Any]:
        item = dict(data)
        for key in self.keys:
            item[key] = self.cache.get(item[key], **read_options(item))
        return item


class TwoViewsd(Randomizable, MapTransform):
    """Cut two random crops out of a prepared scan, window them, and put them at "views".

    The item gets "views" float32 (2P, 1, D, H, W) in [0, 1], view u of each of P places, then view v of each; "starts" int64
    (2P, 3), the first voxel of each crop in the prepared scan; and "padded", the number of axes on which the scan was
    shorter than the crop. The scan itself gives way to its path, so that items of different sizes can be collated. D, H,
    W run along R, A, S.

    Crops are independent and uniform over the foreground box (SMART, "random cropping of 3D regions"); with
    `parent_crop` both lie inside one random larger crop, which guarantees overlap (SMIT). With `changes` each crop has
    its own size around the same middle, and its own brightness, contrast and noise.

    Args:
        keys: the key holding a `CachedScan`.
        size: voxels of a crop.
        window: HU that become 0 and 1. None leaves int16 HU, half the bytes to hand over from a worker process, for a
            training step that calls `window_hu` on the accelerator.
        parent_crop: voxels of the larger crop, or None.
        changes: what differs between views besides place; nothing by default.
        tissue: smallest share of the middle half of a view that must not be air: where it is less, another place is drawn, up
            to `TRIES` times. 0 takes any place.
        places: P, pairs of views from one scan. Small crops of one patient side by side in a batch must be told apart by
            where they are, not by whose they are.

    Raises:
        ConfigError: a size is not positive, or the parent smaller than the crop.
        InputError: a scan is shorter than half the crop on some axis.
    """

    def __init__(
        self,
        keys: str = "image",
        size: Sequence[int] = (128, 128, 128),
        window: tuple[float, float] | None = WINDOW,
        parent_crop: Sequence[int] | None = None,
        changes: ViewChanges | None = None,
        tissue: float = 0.0,
        places: int = 1,
    ) -> None:
        super().__init__(keys)
        if len(size) != 3 or min(size) < 1:
            raise ConfigError("a crop needs three sizes above 0", where="size", found=list(size))
        if window is not None and not window[0] < window[1]:
            raise ConfigError("window needs low below high", where="window", found=list(window))
        if parent_crop is not None and (len(parent_crop) != 3 or any(np.less(parent_crop, size))):
            what, expected = "the parent crop must not be smaller than the crop", f"at least {list(size)}"
            raise ConfigError(what, where="parent_crop", expected=expected, found=list(parent_crop))
        self.size, self.window = np.array(size), window
        self.parent = None if parent_crop is None else np.array(parent_crop)
        self.changes = changes or ViewChanges()
        BELOW_1.check("tissue", tissue)
        between("places", places, 1)
        self.tissue, self.places = tissue, places

    def __call__(self, data: Mapping[Hashable, Any]) -> dict[Hashable, Any]:
        item = dict(data)
        scan: CachedScan = item[self.keys[0]]
        shape = np.array(scan.array.shape)
        if (shape * 2 < self.size).any():
            expected, remedy = f"at least {(self.size + 1) // 2} voxels", "leave it out, or take a smaller crop"
            raise InputError(
                "is smaller than half the crop", where=scan.source, expected=expected, found=shape, remedy=remedy
            )
        pairs = np.stack([self._pair(scan.array) for _ in range(self.places)])  # (P, 2, 3)
        starts = pairs.transpose(1, 0, 2).reshape(-1, 3)  # (P, 2, 3) -> (2P, 3)
        views = torch.from_numpy(np.stack([self._view(scan.array, start) for start in starts]))
        views = views[:, None]  # (2P, D, H, W) -> (2P, 1, D, H, W)
        item["views"] = views if self.window is None else window_hu(views, *self.window)
        item["starts"] = torch.from_numpy(starts)
        item["padded"] = int((shape < self.size).sum())
        item[self.keys[0]] = scan.source
        return item

    def randomize(self, data: np.ndarray) -> np.ndarray:  # type: ignore[override]
        """First voxels (2, 3) of the two crops in a scan of shape `data`; negative where it must be padded."""
        low, room = np.zeros(3, dtype=np.int64), data
        if self.parent is not None:
            room = np.minimum(self.parent, data)
            low = self._start(data - room)
        centred = -((self.size - data) // 2)  # where the scan is shorter than the crop it is padded on both sides
        starts = [low + self._start(np.maximum(room - self.size, 0)) for _ in range(2)]
        return np.where(data < self.size, centred, np.stack(starts))

    def _pair(self, array: np.ndarray) -> np.ndarray:
        """The starts (2, 3) of both crops, where there is something to see."""
        starts = self.randomize(np.array(array.shape))
        for _ in range(TRIES if self.tissue else 0):
            middle = crop_or_pad(array, np.rint(starts.mean(0)).astype(np.int64) + self.size // 4, self.size // 2)
            if (middle[::2, ::2, ::2] > NOT_AIR).mean() >= self.tissue:
                break
            starts = self.randomize(np.array(array.shape))
        return starts

    def _view(self, array: np.ndarray, start: np.ndarray) -> np.ndarray:
        """The view (D, H, W) in HU around the middle of the nominal crop that begins at `start`."""
        side = self.changes.side(self.size, self.R)
        return self.changes(crop_or_pad(array, start + (self.size - side) // 2, side), self.size, self.R)

    def _start(self, slack: np.ndarray) -> np.ndarray:
        return self.R.randint(0, slack + 1)
