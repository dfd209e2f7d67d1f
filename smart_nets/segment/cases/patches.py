"""A prepared case as a MONAI item, with places inside each class to cut patches around."""

from __future__ import annotations

import warnings
from collections.abc import Hashable, Mapping
from typing import Any

import numpy as np
import torch
from monai.data import MetaTensor
from numpy.typing import NDArray

from smart_nets.segment.cases.volumes import CaseVolumes, outline_files

MOST = 5000  # places kept of each class, at even steps: more choice would not be seen


class LoadCased:
    """Item -> "image" HU and "label" channels, both (1, X, Y, Z) int16; "foreground" and "background", places to cut around.

    Voxels stay on disk until a patch is cut. Cases that no `prepare` has seen, as MONAI Label gives them, are prepared here.

    Args:
        volumes: where cases are kept.
        places: whether to look for places; they are kept from then on.
    """

    def __init__(self, volumes: CaseVolumes, places: bool = True) -> None:
        self.volumes, self.places = volumes, places
        self._places: dict[str, tuple[NDArray[np.int64], NDArray[np.int64]]] = {}

    def __call__(self, data: Mapping[Hashable, Any]) -> dict[Hashable, Any]:
        case = self.volumes.get(data)  # type: ignore[arg-type]
        meta = {"filename_or_obj": str(data["image"])}
        found: dict[Hashable, Any] = {}
        if self.places:
            name = f"{data['image']}\n{data.get('series')}\n{outline_files(data)}"  # type: ignore[arg-type]
            if name not in self._places:
                self._places[name] = places_of(case.target, len(self.volumes.values))
            found["foreground"], found["background"] = self._places[name]
        for key, array in (("image", case.image), ("label", case.target)):
            with warnings.catch_warnings():  # nobody writes into it
                warnings.filterwarnings("ignore", ".*not writable", UserWarning)
                voxels = torch.from_numpy(np.asarray(array))[None]  # (X, Y, Z) -> (1, X, Y, Z)
            found[key] = MetaTensor(voxels, affine=torch.from_numpy(np.array(case.affine)), meta=dict(meta))
        return found


def places_of(target: NDArray[Any], count: int, most: int = MOST) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Flat indices into a target (X, Y, Z): of the channels 1 to `count` that there are as many each, and of the rest.

    A small tumour is drawn as often as a large organ, whatever else a case shows.
    """
    flat, each = target.reshape(-1), []
    for channel in range(1, count + 1):
        inside = np.flatnonzero(flat == channel)
        if len(inside):
            each.append(np.resize(_some(inside, most), most))
    outside = _some(np.flatnonzero(flat == 0), most)
    return np.concatenate(each) if each else np.empty(0, np.int64), outside


def _some(places: NDArray[np.int64], most: int) -> NDArray[np.int64]:
    """Up to `most` of them, at even steps."""
    return places[np.linspace(0, len(places) - 1, min(most, len(places))).astype(np.int64)]
