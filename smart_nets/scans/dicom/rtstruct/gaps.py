"""Close the gaps of a mask that was drawn on some slices only: what lies between two drawn slices is interpolated."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from smart_nets.errors import GeometryError
from smart_nets.optional import needed

FARTHEST_MM = 10.0  # between two drawn slices; farther apart, the shape between them is anybody's guess
_REMEDY = "draw it on every slice, or export it as a segmentation"


def close_gaps(mask: np.ndarray, axis: int, step: float, where: str) -> list[str]:
    """Fill in place the slices between which a region was drawn, and tell how many.

    A piece of a drawn slice is followed to the next drawn slice in which it goes on. How many slices that takes most
    often is how the region was drawn: on every slice, on every second ... Up to twice that is a gap to be filled, by
    the mean of the distances to both borders; what lies farther apart are two pieces, as two tumours one over the other.

    Args:
        mask: bool (X, Y, Z), changed in place.
        axis: across the slices.
        step: mm from slice to slice.
        where: the region, for messages.

    Returns:
        notes, empty where there was no gap.

    Raises:
        GeometryError: the drawn slices lie farther apart than `FARTHEST_MM`, or share no voxel.
    """
    slices = np.moveaxis(mask, axis, 0)  # a view
    drawn = np.flatnonzero(slices.any(axis=(1, 2)))
    if len(drawn) < 2:
        return []
    links = list(_links(slices, drawn))
    lengths = Counter(link.upper - link.lower for link in links)
    usual = lengths.most_common(1)[0][0] if links else int(np.diff(drawn).min())
    if usual > 1 and (usual * step > FARTHEST_MM if len(links) > 1 else not links and usual * step <= FARTHEST_MM):
        what, found = "slices between the contours cannot be guessed", f"one every {usual * step:g} mm"
        expected = f"at most {FARTHEST_MM:g} mm, one over the other"
        raise GeometryError(what, where=where, expected=expected, found=found, remedy=_REMEDY)
    filled, opened = set[int](), 0
    for link in links:
        count = link.upper - link.lower
        if 1 < count <= 2 * usual and count * step <= FARTHEST_MM:
            first, last = _piece(slices[link.lower], [link.piece]), _piece(slices[link.upper], link.continued)
            for between in range(link.lower + 1, link.upper):
                slices[between] |= _between(first, last, (between - link.lower) / count)
                filled.add(between)
        else:
            opened += count > 1
    notes = [f"{len(filled)} slices between contours interpolated"] if filled else []
    return notes + ([f"{opened} gaps between its pieces left open"] if opened else [])


@dataclass(frozen=True)
class _Link:
    """A piece of a slice, and the pieces of the next slice above it over which it goes on."""

    lower: int
    upper: int
    piece: int
    continued: list[int]


def _links(slices: np.ndarray, drawn: np.ndarray) -> Iterator[_Link]:
    pieces: dict[int, np.ndarray] = {}  # of few slices at a time
    for position, lower in enumerate(drawn.tolist()):
        below = pieces.pop(lower) if lower in pieces else _label(slices[lower])
        for number in range(1, int(below.max()) + 1):
            for upper in drawn[position + 1 :].tolist():
                if not slices[upper][below == number].any():
                    continue
                above = pieces.setdefault(upper, _label(slices[upper])) if upper not in pieces else pieces[upper]
                over = np.unique(above[below == number])
                yield _Link(lower, upper, number, over[over > 0].tolist())
                break


def _label(plane: np.ndarray) -> np.ndarray:
    labelled: np.ndarray = needed("scipy.ndimage", "contours of a structure set", "give a label map").label(plane)[0]
    return labelled


def _piece(plane: np.ndarray, numbers: list[int]) -> np.ndarray:
    return np.isin(_label(plane), numbers)


def _between(first: np.ndarray, last: np.ndarray, share: float) -> np.ndarray:
    """The shape that lies `share` of the way from one to the other."""
    return (1 - share) * _depth(first) + share * _depth(last) > 0


def _depth(shape: np.ndarray) -> np.ndarray:
    """Pixels to the border: positive inside, negative outside; both sides half a pixel from it."""
    distance = needed("scipy.ndimage", "contours of a structure set").distance_transform_edt
    framed = np.pad(shape, 1)  # outside the picture is outside the shape
    depth: np.ndarray = np.where(framed, distance(framed) - 0.5, 0.5 - distance(~framed))
    return depth[1:-1, 1:-1]
