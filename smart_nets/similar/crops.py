"""The voxels of rows: cut from their scans for pictures, and as raw voxels for the floor, where they are kept."""

from __future__ import annotations

import logging
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from smart_nets.classify.lesions.crops import LesionCrops
from smart_nets.errors import SmartError
from smart_nets.optional import bar
from smart_nets.organs.probe import raw_voxels
from smart_nets.scans.window import window_hu
from smart_nets.similar.gallery import GRID, Gallery

logger = logging.getLogger(__name__)
EMPTY = 0.002  # share of voxels: a ball of 5 voxels in 32^3
MOST_VOXELS = 2e9  # that are read for the floor, some 4 GB

NO_PLACES = (
    "The features file does not tell where its crops lie (an older one, of boxes, or written without --places), so there are "
    "no pictures."
)
NO_GRID = "The features file does not tell how its crops were cut, so there are no pictures."
WHOLE = "Rows are whole scans, of which no picture is shown."


class RowCrops:
    """Crops of a gallery's rows.

    Args:
        cache_dir: where crops are kept; that of `smart-nets features` holds them already.
    """

    def __init__(self, gallery: Gallery, cache_dir: str | Path) -> None:
        self.gallery = gallery
        self.why = _why_none(gallery)
        """Why there are no pictures; "" where there are."""
        self.crops = None if self.why else LesionCrops(cache_dir, gallery.card["crop_size"], gallery.card["spacing"])
        self.faults: list[str] = []

    def get(self, position: int) -> NDArray[np.int16] | None:
        """(D, H, W) in HU; None where the scan is gone, damaged or too short, which `faults` counts."""
        if self.crops is None or self.gallery.places is None:
            return None
        try:
            return np.asarray(self.crops.get(self.gallery.places.item(position)).array)
        except SmartError as error:
            logger.warning("no picture of row %d: %s", self.gallery.rows[position], error)
            self.faults.append(error.what)
            return None

    def is_empty(self, crop: NDArray[np.int16] | None) -> bool:
        """Whether a crop, as far as it is at hand, shows next to nothing in the window of the file."""
        return crop is not None and float((crop > self.gallery.card["hu_window"][0]).mean()) < EMPTY

    def raw(self) -> NDArray[np.float32] | None:
        """(n, 1728): all crops averaged on a grid of 12^3, as `raw_voxels`; None unless all of them are kept on disk."""
        places, crops = self.gallery.places, self.crops
        if crops is None or places is None or len(self.gallery) * np.prod(crops.size, dtype=float) > MOST_VOXELS:
            return None
        items = [places.item(position) for position in range(len(self.gallery))]
        if not all(map(crops.holds, items)):
            return None
        low, high = (float(end) for end in self.gallery.card["hu_window"])
        coarse = []
        for item in bar(items, "raw voxels"):
            image = window_hu(torch.from_numpy(crops.get(item).array.astype(np.float32)), low, high)
            coarse.append(raw_voxels(image[None, None]))  # (D, H, W) -> (1, 1, D, H, W) -> (1, 1728)
        return np.concatenate(coarse)


def _why_none(gallery: Gallery) -> str:
    if gallery.whole_scans:
        return WHOLE
    if gallery.places is None or gallery.places.marked:
        return NO_PLACES
    return "" if all(name in gallery.card for name in GRID) else NO_GRID
