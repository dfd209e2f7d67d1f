"""Slices of a case through what was drawn or marked: kept when a case is judged, drawn when a report is made."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from smart_nets.errors import InputError
from smart_nets.optional import needed
from smart_nets.pages.panels import png_uri
from smart_nets.pages.planes import FIXED_AXIS, LUNG, PLANES, SOFT_TISSUE, plane_picture
from smart_nets.scans.volume import Volume

LUNG_HU = -600.0  # a place this dark is looked at in the lung window
SIDE = 260  # pixels of a picture's longer side
COLOURS = ((255, 90, 54), (79, 216, 255), (125, 220, 90), (255, 205, 60), (205, 130, 255), (255, 140, 200))
KEPT = ("hu", "answer", "target")


def example_of(scan: Volume, answer: NDArray[Any], target: NDArray[Any], case: int) -> dict[str, NDArray[Any]]:
    """Three slices through the middle of the first thing that was drawn, else of what is marked: arrays for a .npz.

    Args:
        scan: HU (X, Y, Z) in RAS. answer, target: channels on its grid.
        case: its number.
    """
    place = middle_of(target if target.any() else answer)
    found: dict[str, NDArray[Any]] = {"case": np.array(case), "spacing": np.asarray(scan.spacing, np.float64)}
    window = LUNG if _is_lung(scan.array, place) else SOFT_TISSUE
    found["window"] = np.array(window)
    for plane in PLANES:
        at = place[FIXED_AXIS[plane]]
        for name, volume, kind in (
            ("hu", scan.array, np.int16),
            ("answer", answer, np.uint8),
            ("target", target, np.uint8),
        ):
            found[f"{name}_{plane}"] = np.ascontiguousarray(plane_picture(volume, plane, at)).astype(kind)
    return found


def middle_of(channels: NDArray[Any]) -> tuple[int, int, int]:
    """A voxel of the lowest channel there is, nearest to the middle of its largest piece; the grid's middle without any."""
    present = np.unique(channels[channels > 0])
    if not len(present):
        i, j, k = (side // 2 for side in channels.shape)
        return i, j, k
    pieces, _ = needed("scipy.ndimage", "pictures").label(channels == present[0])
    voxels = np.argwhere(pieces == 1 + np.argmax(np.bincount(pieces.ravel())[1:]))  # (n, 3)
    away = np.linalg.norm(voxels - voxels.mean(axis=0), axis=1)
    i, j, k = voxels[np.argmin(away)].tolist()  # the middle itself may lie in a hollow
    return i, j, k


def examples_in(arrays: dict[str, NDArray[Any]]) -> list[dict[str, NDArray[Any]]]:
    """The examples of a .npz one by one. InputError: its arrays do not belong together."""
    found: list[dict[str, NDArray[Any]]] = []
    for number in range(len(arrays)):
        own = {key.rsplit("_", 1)[0]: value for key, value in arrays.items() if key.endswith(f"_{number}")}
        if not own:
            break
        wanted = {"case", "spacing", "window", *(f"{kind}_{plane}" for kind in KEPT for plane in PLANES)}
        shapes_fit = wanted <= own.keys() and all(
            own[f"hu_{plane}"].shape == own[f"{kind}_{plane}"].shape and own[f"hu_{plane}"].ndim == 2
            for plane in PLANES for kind in KEPT
        )  # fmt: skip
        if not shapes_fit or own["spacing"].shape != (3,) or own["window"].shape != (2,):
            raise InputError("is no example of a segmentation", where="examples.npz", found=", ".join(own))
        found.append(own)
    return found


def slice_picture(example: dict[str, NDArray[Any]], plane: str, outlined: str | None) -> str:
    """One slice as a PNG data URI: the scan, with the outlines of "answer" or "target" in the colour of each channel."""
    low, high = (float(one) for one in example["window"])
    grey = np.clip((example[f"hu_{plane}"].astype(np.float32) - low) / (high - low), 0, 1) * 255
    rows, columns = _pixels(example, plane)
    pil = needed("PIL.Image", "pictures")
    picture = np.asarray(pil.fromarray(grey.astype(np.uint8)).resize((columns, rows), pil.Resampling.BICUBIC))
    coloured = np.repeat(picture[..., None], 3, axis=-1).astype(np.float32)
    if outlined is not None:
        channels = pil.fromarray(example[f"{outlined}_{plane}"]).resize((columns, rows), pil.Resampling.NEAREST)
        _draw(coloured, np.asarray(channels))
    return png_uri(coloured)


def colour_of(channel: int) -> tuple[int, int, int]:
    """Of a channel from 1; with more channels than colours they come again."""
    return COLOURS[(channel - 1) % len(COLOURS)]


def css(channel: int) -> str:
    """The colour for a style sheet."""
    return "#" + "".join(f"{part:02x}" for part in colour_of(channel))


def _draw(picture: NDArray[Any], channels: NDArray[Any]) -> None:
    """A line two pixels wide along the inside of each channel, and a breath of its colour within."""
    inner = needed("scipy.ndimage", "pictures")
    for channel in np.unique(channels[channels > 0]).tolist():
        mask = channels == channel
        edge = mask & ~inner.binary_erosion(mask, iterations=2)
        colour = np.array(colour_of(channel), np.float32)
        picture[mask] = picture[mask] * 0.85 + colour * 0.15
        picture[edge] = colour


def _pixels(example: dict[str, NDArray[Any]], plane: str) -> tuple[int, int]:
    across, up = (axis for axis in range(3) if axis != FIXED_AXIS[plane])
    shape, spacing = example[f"hu_{plane}"].shape, example["spacing"]
    extent = np.array([shape[0] * spacing[up], shape[1] * spacing[across]])  # mm of rows and columns
    rows, columns = np.maximum(1, np.rint(extent * SIDE / extent.max())).astype(int).tolist()
    return rows, columns


def _is_lung(array: NDArray[Any], place: tuple[int, int, int]) -> bool:
    box = tuple(slice(max(0, c - 10), c + 11) for c in place)
    return float((array[box] < LUNG_HU).mean()) > 0.2
