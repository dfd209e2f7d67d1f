"""Where in a scan to look: everywhere, in the body, or in the lungs with all that lies in them. No network, no atlas."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Literal, get_args

import numpy as np

from smart_nets.errors import InputError
from smart_nets.optional import needed
from smart_nets.scans.grid import network_grid, onto_grid
from smart_nets.scans.volume import Volume
from smart_nets.settings import one_of

Region = Literal["image", "body", "lungs"]
STEP_MM = 3.0  # regions are rough; a fine grid would only make them slow
TISSUE_HU, AIR_HU, GAS_HU = -350.0, -400.0, -970.0  # above: body; below: lung or gas; mean below: bowel gas or trachea
TABLE_MM = 5.0  # thinner than twice this is what hangs on the body: couch, blanket, tube; chest walls are thicker
BRIDGE_MM = 20.0  # a bay of the lungs up to twice as wide is taken for a tumour at the pleura, hilum or diaphragm
LEAST_ML, LEAST_SHARE = 50.0, 0.1  # of a lung, and of the larger lung


def region_mask(scan: Volume, region: Region) -> np.ndarray:
    """bool of the scan's shape, True in the region; the scan is HU on any grid.

    The lungs are closed over, so that tumours in them and at their walls belong to the region as the vessels do.

    Raises:
        ConfigError: a region of another name.
        InputError: the scan shows no body, or no lungs.
    """
    check_region(region)
    if region == "image":
        return np.ones(scan.array.shape, dtype=bool)
    coarse = network_grid(scan, [STEP_MM] * 3)
    inside = _body(coarse) if region == "body" else _lungs(coarse)
    return onto_grid(replace(coarse, array=inside), scan.affine, scan.array.shape) >= 0.5


def check_region(region: str) -> None:
    """ConfigError unless there is a region of that name, and scipy to find it."""
    one_of("region", region, get_args(Region))
    if region != "image":
        _ndimage()


def _ndimage() -> Any:
    return needed("scipy.ndimage", "region body or lungs", "take --region image")


def _body(coarse: Volume) -> np.ndarray:
    """The largest solid thing, with its hollows."""
    ndimage = _ndimage()
    tissue = coarse.array > TISSUE_HU
    core = _largest(ndimage.distance_transform_edt(_framed(tissue), sampling=STEP_MM)[1:-1, 1:-1, 1:-1] > TABLE_MM)
    if not core.any():
        wanted, none = f"tissue above {TISSUE_HU:g} HU", f"none that is {2 * TABLE_MM:g} mm thick"
        remedy = "check that this is a CT of a patient, or take region image"
        raise InputError("shows no body", where=coarse.where, expected=wanted, found=none, remedy=remedy)
    grown = tissue & (ndimage.distance_transform_edt(~core, sampling=STEP_MM) <= 2 * TABLE_MM)
    # slice by slice: lungs and bowel that are open at the first or last slice are inside all the same
    return np.stack([ndimage.binary_fill_holes(grown[:, :, k]) for k in range(grown.shape[2])], axis=2)


def _lungs(coarse: Volume) -> np.ndarray:
    """Air-filled tissue of the body, closed over what lies in it or bulges into it."""
    ndimage = _ndimage()
    body = _body(coarse)
    pieces, count = ndimage.label(body & (coarse.array < AIR_HU))
    numbers = np.arange(1, count + 1)
    ml = np.bincount(pieces.ravel(), minlength=count + 1)[1:] * STEP_MM**3 / 1000
    sums = np.bincount(pieces.ravel(), weights=coarse.array.ravel(), minlength=count + 1)[1:]
    lung = (ml >= LEAST_ML) & (sums * STEP_MM**3 / 1000 > GAS_HU * ml)
    if not lung.any():
        wanted, most = f"air-filled tissue of {LEAST_ML:g} ml", f"{ml.max(initial=0):.0f} ml"
        raise InputError("shows no lungs", where=coarse.where, expected=wanted, found=most, remedy="take region body")
    kept = np.isin(pieces, numbers[lung & (ml >= LEAST_SHARE * ml[lung].max())])
    reach = int(np.ceil(BRIDGE_MM / STEP_MM)) + 1
    padded = np.pad(kept, reach)
    grown = ndimage.distance_transform_edt(~padded, sampling=STEP_MM) <= BRIDGE_MM
    closed = ndimage.distance_transform_edt(grown, sampling=STEP_MM) > BRIDGE_MM
    inner = tuple(slice(reach, -reach) for _ in range(3))
    return body & ndimage.binary_fill_holes(closed[inner] | kept)


def _largest(mask: np.ndarray) -> np.ndarray:
    pieces, count = _ndimage().label(mask)
    return pieces == 1 + np.argmax(np.bincount(pieces.ravel())[1:]) if count else mask


def _framed(mask: np.ndarray) -> np.ndarray:
    """The mask with a border of its own outermost voxels: what is cut by the field of view is not thin there."""
    return np.pad(mask, 1, mode="edge")
