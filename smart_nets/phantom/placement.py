"""Where in the lungs there is room for nodules and tumours."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from smart_nets.optional import needed
from smart_nets.phantom.body.trunk import CHEST, lungs, midline
from smart_nets.phantom.lattice import Bounds, Warp
from smart_nets.phantom.model import Lesion, Vector

SEARCH_STEP_MM, TRIES = 4.0, 200


def place_lesions(
    warp: Warp, seed: int, kinds: Sequence[tuple[int, float]], view: Bounds, clearance_mm: float
) -> list[Lesion]:
    """Lesions inside the lungs and the view, clear of the pleura and of each other. Centres are in patient mm.

    Args:
        kinds: (label, diameter in mm) of each. One for which the view has no room is left out.
        clearance_mm: least distance from the surface of a lesion to the pleura.
    """
    rng = np.random.default_rng([seed, 3])
    x, y, z = (
        np.arange(low * s - 15, high * s + 15, SEARCH_STEP_MM, dtype=np.float32)
        for (low, high), s in zip(CHEST, warp.scale, strict=True)
    )
    place = warp.place((x, y, z))
    right = midline(place) > 0
    ndimage = needed("scipy.ndimage", "phantoms")
    depth = ndimage.distance_transform_edt(np.pad(lungs(place) < 0, 1), sampling=SEARCH_STEP_MM)[1:-1, 1:-1, 1:-1]
    low, high = np.asarray(view).T
    lesions: list[Lesion] = []
    for label, diameter in kinds:
        room = np.argwhere(depth > diameter / 2 + clearance_mm)
        centres = np.column_stack([x[room[:, 0]], y[room[:, 1]], z[room[:, 2]]]).astype(float)
        inside = ((centres - low > diameter / 2) & (high - centres > diameter / 2)).all(axis=1)
        for k in rng.permutation(np.flatnonzero(inside))[:TRIES]:
            apart = [np.linalg.norm(centres[k] - other.centre_mm) for other in lesions]
            distances = [(diameter + other.diameter_mm) / 2 + 2 * clearance_mm for other in lesions]
            if all(a > n for a, n in zip(apart, distances, strict=True)):
                a, b, c = centres[k].tolist()
                side = "lung_right" if right[tuple(room[k])] else "lung_left"
                lesions.append(Lesion(label, (a, b, c), diameter, side))
                break
    return lesions


def to_world(lesion: Lesion, shift: Vector) -> Lesion:
    x, y, z = (c + s for c, s in zip(lesion.centre_mm, shift, strict=True))
    return Lesion(lesion.label, (x, y, z), lesion.diameter_mm, lesion.organ)
