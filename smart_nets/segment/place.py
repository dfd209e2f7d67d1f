"""The floor of place alone: outlines guessed from where others were drawn, without a look at the image."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray

from smart_nets.segment.cases.target import largest_share
from smart_nets.segment.cases.volumes import CaseVolumes
from smart_nets.segment.paired import dice_by_patient, dice_difference
from smart_nets.segment.scores import means_of_cases

CELLS = 64  # along each axis of a scan
KEY = "place_dice"
Row = dict[str, Any]


class PlaceFloor:
    """At each place of a scan, measured in shares of its length, width and height, what most training cases show there.

    A network that does no better has learned where scans begin and end, not what organs look like.

    Args:
        volumes: the prepared cases. items: those of training.
    """

    def __init__(self, volumes: CaseVolumes, items: Sequence[Mapping[str, Any]]) -> None:
        self.volumes, self.items = volumes, list(items)

    @cached_property
    def shares(self) -> NDArray[np.float32]:
        """(channels, CELLS, CELLS, CELLS): in how much of each cell of the training cases a channel is drawn."""
        names = len(self.volumes.values)
        found = torch.zeros(names, CELLS, CELLS, CELLS)
        for item in self.items:
            target = torch.from_numpy(np.array(self.volumes.get(item).target))
            for channel in range(1, names + 1):
                inside = (target == channel).float()[None]  # (X, Y, Z) -> (1, X, Y, Z)
                found[channel - 1] += F.adaptive_avg_pool3d(inside, CELLS)[0]
        shares: NDArray[np.float32] = (found / max(1, len(self.items))).numpy()
        return shares

    def __call__(self, shape: Sequence[int]) -> NDArray[np.uint8]:
        """Channels (X, Y, Z) of a scan in RAS of which nothing but its shape is known."""
        each = ((channel, _stretched(share, shape)) for channel, share in enumerate(self.shares, start=1))
        return largest_share(each, shape)[0].astype(np.uint8)


def place_means(rows: Sequence[Row], names: Sequence[str], patients: Sequence[str]) -> dict[str, Any]:
    """What metrics.json tells of the floor, of rows that have "place_dice" beside "dice".

    Returns:
        {"mean_dice": interval, "classes": {name: interval}, "difference": the network's mean Dice less the floor's,
        `dice_difference` over patients}.
    """
    found = means_of_cases([{**row, "dice": row[KEY]} for row in rows], names, patients)
    ours, theirs = (dice_by_patient(rows, set(names), key) for key in ("dice", KEY))
    return {
        "mean_dice": found["mean_dice"],
        "classes": {name: told["dice"] for name, told in found["classes"].items()},
        "difference": dice_difference(ours, theirs),
    }


def _stretched(share: NDArray[np.float32], shape: Sequence[int]) -> NDArray[np.float32]:
    cells = torch.from_numpy(share)[None, None]  # (x, y, z) -> (1, 1, x, y, z)
    stretched: NDArray[np.float32] = F.interpolate(cells, tuple(shape), mode="trilinear", align_corners=False)[
        0, 0
    ].numpy()
    return stretched
