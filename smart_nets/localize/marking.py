"""From a score map to a mask: what lies above a percentile of a region, in its largest pieces (SMART section 4.4)."""

from __future__ import annotations

import math
from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from monai.transforms import MapTransform
from numpy.typing import NDArray

from smart_nets.errors import ConfigError, InputError
from smart_nets.localize.regions import Region, check_region, find_region
from smart_nets.optional import needed
from smart_nets.scans.transforms import on_grid_of, volume_of
from smart_nets.scans.volume import Volume


@dataclass(frozen=True)
class Marked:
    """What was marked: `mask` and the `region` it was taken from, bool (X, Y, Z), and the `threshold` between them.

    `how` tells in words how the region was found.
    """

    mask: NDArray[np.bool_]
    region: NDArray[np.bool_]
    threshold: float
    how: str = ""


@dataclass(frozen=True)
class Marking:
    """The rule that makes a mask of a map.

    Args:
        percentile: of the voxels of the region; the paper's 90 marks a tenth of them.
        region: "image", "body" or "lungs".
        components: how many connected pieces to keep, those with the highest peaks first; 0 keeps all.
        smallest_ml: volume below which a piece is left out.

    Raises:
        ConfigError: a setting out of range.
    """

    percentile: float = 90.0
    region: Region = "body"
    components: int = 0
    smallest_ml: float = 0.0

    def __post_init__(self) -> None:
        share = self.percentile
        if not (_is_number(share) and 0 < share < 100):
            raise ConfigError(
                "must lie between 0 and 100", where="percentile", expected="such as 90, without the ends", found=share
            )
        check_region(self.region)
        if type(self.components) is not int or self.components < 0:
            raise ConfigError(
                "is no count", where="components", expected="1 or more, or 0 for all", found=self.components
            )
        if not (_is_number(self.smallest_ml) and self.smallest_ml >= 0):
            raise ConfigError("is no volume", where="smallest_ml", expected="ml from 0", found=self.smallest_ml)
        if self.components or self.smallest_ml:
            _ndimage()  # told before the work, not after it

    def mark(self, score: NDArray[np.floating[Any]], scan: Volume) -> Marked:
        """The mask of a map (X, Y, Z) on the grid of its scan in HU.

        Raises:
            InputError: shapes differ, the map is not finite, or the scan has no such region.
        """
        if score.shape != scan.array.shape:
            raise InputError(
                "map and scan differ in shape", where=scan.where, expected=scan.array.shape, found=score.shape
            )
        if not np.isfinite(score).all():
            raise InputError("map holds NaN or Inf", where=scan.where, remedy="check the weights of the model")
        found = find_region(scan, self.region)
        region = found.mask
        threshold = float(np.percentile(score[region], self.percentile, overwrite_input=True))
        mask = region & (score > threshold)
        return Marked(self._pieces(mask, score, float(np.prod(scan.spacing)) / 1000), region, threshold, found.how)

    def _pieces(self, mask: NDArray[np.bool_], score: NDArray[Any], voxel_ml: float) -> NDArray[np.bool_]:
        if not self.components and not self.smallest_ml:
            return mask
        pieces, count = _ndimage().label(mask)
        ml = np.bincount(pieces.ravel(), minlength=count + 1) * voxel_ml
        peaks = np.full(count + 1, -np.inf)
        np.maximum.at(peaks, pieces.ravel(), score.ravel())
        kept = [n for n in range(1, count + 1) if ml[n] >= self.smallest_ml]
        kept.sort(key=lambda n: -peaks[n])
        return np.isin(pieces, kept[: self.components or None])


def _ndimage() -> Any:
    return needed("scipy.ndimage", "components and smallest_ml", "leave both at 0")


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)


class MarkAttentiond(MapTransform):
    """Mark a map (1, X, Y, Z) that lies on the grid of its scan; the mask becomes "pred", uint8 (1, X, Y, Z).

    Args:
        keys: of the map.
        marking: the rule.
        to: key of the mask.
        scan: key of the scan in HU.
        marked: key that gets the `Marked` behind the mask.
    """

    def __init__(
        self, keys: str, marking: Marking, to: str = "pred", scan: str = "scan", marked: str = "marked"
    ) -> None:
        super().__init__(keys)
        self.marking, self.to, self.scan, self.marked = marking, to, scan, marked

    def __call__(self, data: Mapping[Hashable, Any]) -> dict[Hashable, Any]:
        item = dict(data)
        for key in self.keys:
            marked = self.marking.mark(
                item[key][0].cpu().numpy(), volume_of(item[self.scan])
            )  # (1, X, Y, Z) -> (X, Y, Z)
            item[self.to] = on_grid_of(marked.mask.astype(np.uint8), item[self.scan], item.get("name"))
            item[self.marked] = marked
        return item
