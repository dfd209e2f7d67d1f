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
    """Item -> "image" HU and "label" channels, both (1, X, Y, Z) int16, and "places": for each channel flat indices.

    Voxels stay on disk until a patch is cut. Cases that no `prepare` has seen, as MONAI Label gives them, are prepared here.

    Args:
        volumes: where cases are kept.
        channels: how many, the background included.
    """

    def __init__(self, volumes: CaseVolumes, channels: int) -> None:
        self.volumes, self.channels = volumes, channels
        self._places: dict[str, list[NDArray[np.int64]]] = {}

    def __call__(self, data: Mapping[Hashable, Any]) -> dict[Hashable, Any]:
        case = self.volumes.get(data)  # type: ignore[arg-type]
        name = f"{data['image']}\n{data.get('series')}\n{outline_files(data)}"  # type: ignore[arg-type]
        if name not in self._places:
            self._places[name] = places_of(case.target, self.channels)
        meta = {"filename_or_obj": str(data["image"])}
        found: dict[Hashable, Any] = {"places": self._places[name]}
        for key, array in (("image", case.image), ("label", case.target)):
            with warnings.catch_warnings():  # nobody writes into it
                warnings.filterwarnings("ignore", ".*not writable", UserWarning)
                voxels = torch.from_numpy(np.asarray(array))[None]  # (X, Y, Z) -> (1, X, Y, Z)
            found[key] = MetaTensor(voxels, affine=torch.from_numpy(np.array(case.affine)), meta=dict(meta))
        return found


def places_of(target: NDArray[Any], channels: int, most: int = MOST) -> list[NDArray[np.int64]]:
    """Flat indices of up to `most` voxels of each channel of a target (X, Y, Z)."""
    flat, found = target.reshape(-1), []
    for channel in range(channels):
        inside = np.flatnonzero(flat == channel)
        found.append(inside[np.linspace(0, len(inside) - 1, min(most, len(inside))).astype(np.int64)])
    return found


def class_shares(channels: int, foreground: float) -> list[float]:
    """How often patches are centred on each channel: together so often on anything outlined, else on the background."""
    return [1 - foreground, *[foreground / (channels - 1)] * (channels - 1)]
