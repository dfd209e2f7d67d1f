"""Body and lungs of a scan on a coarse grid, also where the field of view or its circle cuts through them.

Chest walls keep lungs apart from the air around a patient, wherever the scan ends: so lungs are looked for twice, in what
the body closes around, and among the air that is open to the border, where density tells lung from air.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from smart_nets.errors import InputError
from smart_nets.optional import needed
from smart_nets.scans.volume import AIR

Mask = NDArray[np.bool_]
STEP_MM = 3.0  # regions are rough; a fine grid would only make them slow
TISSUE_HU, AIR_HU, GAS_HU = -350.0, -400.0, -970.0  # above: body; below: lung or gas; mean below: bowel gas or trachea
TABLE_MM = 5.0  # thinner than twice this is what hangs on the body: couch, blanket, tube; chest walls are thicker
BRIDGE_MM = 20.0  # a bay of the lungs up to twice as wide is taken for a tumour at the pleura, hilum or diaphragm
LEAST_ML, LEAST_SHARE = 50.0, 0.1  # of a lung, and of the larger lung
SKIN_MM = 4.5  # from tissue, air is mixed with it: an open lung is judged by what lies deeper
# an open lung deviates within 9 mm by so many HU: the thinner, the more, since foam and blankets have -890 to -960 HU, and 3
# to 20 where they have -940; lungs have 12 to 50
THIN_HU, ROUGH_HU = (-940.0, -880.0), (21.0, 9.0)
VESSEL = 3  # voxels: what is no wider than twice this is a vessel in an open lung and not its wall
WALLED = 0.7  # share of the walls of an open lung, as far as they are in view, that is body; foam of a couch has less


def find_body(image: np.ndarray, where: str) -> tuple[Mask, Mask]:
    """The body, and what of it are lungs that are open to the border of what is in view.

    Args:
        image: (X, Y, Z) HU in RAS, voxels of `STEP_MM`.
        where: the scan, for messages.

    Returns:
        bool (X, Y, Z) twice: the largest solid thing with its hollows, and its open lungs (mostly empty).

    Raises:
        InputError: there is no body.
    """
    ndimage = ndimage_for_regions()
    tissue = image > TISSUE_HU
    cores, count = ndimage.label(_deep(tissue, TABLE_MM))
    largest = 1 + int(np.argmax(np.bincount(cores.ravel())[1:])) if count else 0
    # slice by slice: lungs and bowel that are open at the first or last slice are inside all the same
    body = _filled(_grown(cores == largest, tissue)) if count else np.zeros_like(tissue)
    opened = _open_lungs(image, body, cores > 0)
    if opened.any():  # they may part the body: wall and mediastinum then are pieces of it
        beside = np.unique(cores[_near(opened, 2 * TABLE_MM)])
        body = _filled(body | opened | _grown(np.isin(cores, beside[beside > 0]), tissue))
    if not body.any():
        wanted, none = f"tissue above {TISSUE_HU:g} HU", f"none that is {2 * TABLE_MM:g} mm thick"
        remedy = "check that this is a CT of a patient, or take region image"
        raise InputError("shows no body", where=where, expected=wanted, found=none, remedy=remedy)
    return body, opened


def find_lungs(image: np.ndarray, where: str) -> tuple[Mask, Mask]:
    """Air-filled tissue of the body, closed over what lies in it or bulges into it; and what of it is open, as `find_body`.

    Raises:
        InputError: there is no body, or no lungs.
    """
    ndimage = ndimage_for_regions()
    body, opened = find_body(image, where)
    pieces, count = ndimage.label(body & (image < AIR_HU))
    ml = np.bincount(pieces.ravel(), minlength=count + 1)[1:] * STEP_MM**3 / 1000
    sums = np.bincount(pieces.ravel(), weights=image.ravel(), minlength=count + 1)[1:]
    lung = (ml >= LEAST_ML) & (sums * STEP_MM**3 / 1000 > GAS_HU * ml)
    if not lung.any():
        wanted, most = f"air-filled tissue of {LEAST_ML:g} ml", f"{ml.max(initial=0):.0f} ml"
        raise InputError("shows no lungs", where=where, expected=wanted, found=most, remedy="take region body")
    kept = np.isin(pieces, 1 + np.flatnonzero(lung & (ml >= LEAST_SHARE * ml[lung].max())))
    reach = int(np.ceil(BRIDGE_MM / STEP_MM)) + 1
    padded = np.pad(kept, reach)
    closed = ~_near(~_near(padded, BRIDGE_MM), BRIDGE_MM)
    inner = tuple(slice(reach, -reach) for _ in range(3))
    whole = ndimage.binary_fill_holes(closed[inner] | kept)
    return whole & (body | (image > TISSUE_HU)), opened & kept


def ndimage_for_regions() -> Any:
    """scipy.ndimage, or a ConfigError that says what to do without."""
    return needed("scipy.ndimage", "region body or lungs", "take --region image")


def _open_lungs(image: np.ndarray, body: Mask, cores: Mask) -> Mask:
    """Pieces of air outside the body that are too dense for air, and are walled by tissue that is thick."""
    ndimage = ndimage_for_regions()
    unseen = _near(_deep(image <= AIR, 2 * STEP_MM), 3 * STEP_MM)  # beyond the scanner's circle, with its blurred edge
    air = (image < AIR_HU) & ~unseen & ~body
    deep, count = ndimage.label(_deep(air | unseen, SKIN_MM) & air)
    numbers = np.arange(1, count + 1)
    large = numbers[np.bincount(deep.ravel(), minlength=count + 1)[1:] * STEP_MM**3 / 1000 >= LEAST_ML / 5]
    boxes, opened = ndimage.find_objects(deep), np.zeros_like(air)
    dense = [n for n in large if np.median(image[boxes[n - 1]][deep[boxes[n - 1]] == n]) > GAS_HU]
    if not dense:
        return opened
    rough = _roughness(image)
    noise = float(np.percentile(rough[cores], 10)) if cores.any() else 0.0
    like_lung = [n for n in dense if _is_lung(image, rough, deep == n, noise)]
    solid = _grown(cores, image > TISSUE_HU) | body
    for number in like_lung:
        box = _around(boxes[number - 1])
        piece = air[box] & ndimage.binary_dilation(deep[box] == number, iterations=2)
        closed = ndimage.binary_closing(np.pad(piece, VESSEL, mode="edge"), iterations=VESSEL)
        smooth = closed[(np.s_[VESSEL:-VESSEL],) * 3]
        border = ndimage.binary_dilation(smooth) & ~(smooth | air[box] | unseen[box])
        if np.count_nonzero(border & solid[box]) >= WALLED * np.count_nonzero(border):
            opened[box] |= piece
    return opened


def _roughness(image: np.ndarray) -> np.ndarray:
    """Standard deviation within 9 mm, HU."""
    mean, square = (ndimage_for_regions().uniform_filter(one.astype(np.float64), 3) for one in (image, image**2))
    return np.sqrt(np.maximum(square - mean**2, 0))


def _is_lung(image: np.ndarray, rough: np.ndarray, piece: Mask, noise: float) -> bool:
    """Whether a piece of air has vessels: what lies around a patient is smooth, also foam that is as dense as lung."""
    median = float(np.median(image[piece]))
    least = float(np.interp(median, THIN_HU, ROUGH_HU))
    if median < THIN_HU[1]:
        least = max(least, noise)  # in tissue there is more of it than in air
    return float(np.percentile(rough[piece], 25)) > least


def _around(box: tuple[slice, ...]) -> tuple[slice, ...]:
    return tuple(slice(max(0, side.start - VESSEL - 1), side.stop + VESSEL + 1) for side in box)


def _grown(core: Mask, tissue: Mask) -> Mask:
    return tissue & _near(core, 2 * TABLE_MM)


def _filled(mask: Mask) -> Mask:
    fill = ndimage_for_regions().binary_fill_holes
    return np.stack([fill(mask[:, :, k]) for k in range(mask.shape[2])], axis=2)


def _near(mask: Mask, mm: float) -> Mask:
    """What is in the mask or at most so far from it."""
    if not mask.any():
        return np.zeros_like(mask)
    return ndimage_for_regions().distance_transform_edt(~mask, sampling=STEP_MM) <= mm


def _deep(mask: Mask, mm: float) -> Mask:
    """What lies deeper in the mask; what is cut by the border goes on beyond it, and so is not thin there."""
    if mask.all():
        return mask.copy()
    framed = np.pad(mask, 1, mode="edge")
    return ndimage_for_regions().distance_transform_edt(framed, sampling=STEP_MM)[1:-1, 1:-1, 1:-1] > mm
