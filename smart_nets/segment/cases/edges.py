"""How much of what people outlined a window hides: edges with black on both sides, or white on both."""

from __future__ import annotations

import logging
import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from smart_nets.segment.cases.volumes import CaseVolumes

logger = logging.getLogger(__name__)
MOST = 24  # cases that are looked at
TOLD = 0.25  # share of an edge that may be hidden without a word
LEFT = 0.02  # share that the proposed window may still hide, at each of its ends
STEP = 50  # HU, to which its ends are rounded
NAMED = 3  # names that are told one by one
MINOR = 0.05  # of the black pairs that the white ones may be without a word, and the other way round


def hidden_edges(volumes: CaseVolumes, items: Sequence[Mapping[str, Any]], window: Sequence[float]) -> list[str]:
    """A sentence for the log and the report on what can hardly be seen in a window, with one that shows it; else none.

    An edge lies between two voxels that touch, one inside and one outside. It is hidden where the window makes both black, or
    both white: there a network can only guess, whatever its weights. Looks at some of the cases, spread over all of them.

    Args:
        items: cases with their outlines, as for `volumes`.
        window: the HU that become 0 and 1.
    """
    low, high = float(window[0]), float(window[1])
    dark = white = 0
    shares, lows, highs = {}, [low], [high]
    for name, (dim, bright) in _edges(volumes, items).items():
        black, blank = bright <= low, dim >= high
        if not bright.size or (share := float((black | blank).mean())) <= TOLD:
            continue
        shares[name], dark, white = share, dark + int(black.sum()), white + int(blank.sum())
        if (
            black.sum() > MINOR * blank.sum()
        ):  # below what is dimmer of a pair, as a rule, and below the brighter of almost all
            lows.append(_below(min(np.median(dim[black]), np.quantile(bright, LEFT))))
        if blank.sum() > MINOR * black.sum():
            highs.append(-_below(-max(np.median(bright[blank]), np.quantile(dim, 1 - LEFT))))
    if not shares:
        return []
    names = ", ".join(f"{share:.0%} of the edge of {name}" for name, share in [*shares.items()][:NAMED])
    more = f" and much of {len(shares) - NAMED} others" if len(shares) > NAMED else ""
    colour = " or ".join(["black"] * (dark > MINOR * white) + ["white"] * (white > MINOR * dark))
    told = (
        f"The window of {low:g} to {high:g} HU hides {names}{more}: there both sides are {colour}, and the network can only "
        f"guess. --hu_window [{min(lows):g},{max(highs):g}] shows it."
    )
    logger.warning("%s", told)
    return [told]


def _below(value: float) -> float:
    """The next multiple of `STEP` HU below a value."""
    return float(STEP * (math.ceil(value / STEP) - 1))


def _edges(
    volumes: CaseVolumes, items: Sequence[Mapping[str, Any]]
) -> dict[str, tuple[NDArray[np.int16], NDArray[np.int16]]]:
    """Of each name the HU of all pairs of voxels across its edge: the dimmer of the two, and the brighter."""
    found: dict[str, list[tuple[NDArray[np.int16], NDArray[np.int16]]]] = {name: [] for name in volumes.values}
    for item in items[:: max(1, math.ceil(len(items) / MOST))]:
        case = volumes.get(item)
        for image, target in zip(_pairs(case.image), _pairs(case.target), strict=True):
            across = target[0] != target[1]
            sides, drawn = [one[across] for one in image], [one[across] for one in target]
            for at, name in enumerate(volumes.values, start=1):
                own = (drawn[0] == at) | (drawn[1] == at)
                found[name].append((np.minimum(*sides)[own], np.maximum(*sides)[own]))
    none = [np.zeros(0, np.int16)]
    return {
        name: (np.concatenate([*(one for one, _ in pairs), *none]), np.concatenate([*(one for _, one in pairs), *none]))
        for name, pairs in found.items()
    }


def _pairs(array: NDArray[Any]) -> Iterator[tuple[NDArray[Any], NDArray[Any]]]:
    """Along each axis (X, Y, Z) all voxels but the last, and the neighbour of each."""
    for axis in range(3):
        moved = np.moveaxis(array, axis, 0)
        yield moved[:-1], moved[1:]
