"""The rule that makes a mask of a map, as a MONAI transform."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import Any

import numpy as np
from monai.transforms import MapTransform

from smart_nets.localize.marking import Marking
from smart_nets.scans.transforms import on_grid_of, volume_of


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
