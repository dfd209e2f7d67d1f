"""Put slices that lie at uneven distances onto an even grid, where that is asked for."""

from __future__ import annotations

import numpy as np

from smart_nets.errors import GeometryError
from smart_nets.scans.dicom.geometry import jumps

OFF_LINE = 0.1  # mm a slice may lie beside the line through the first and the last one
FINEST = 0.5  # of the usual distance; the grid takes the smallest distance, but no finer one


def even_stack(
    pixels: np.ndarray, places: np.ndarray, normal: np.ndarray, where: str
) -> tuple[np.ndarray, np.ndarray, str]:
    """The slices at even distances, linear between neighbours, from the first to the last one.

    Args:
        pixels: (slices, rows, columns), in order of their places.
        places: (slices, 3) positions of their first pixels in mm.
        normal: unit vector across the slices.
        where: the scan, for messages.

    Returns:
        pixels as float32, the step (3,) in mm from slice to slice, and a note.

    Raises:
        GeometryError: a slice is missing, or the slices lie on no line.
    """
    heights = (places - places[0]) @ normal
    distances = np.diff(heights)
    holes = jumps(distances)
    if len(holes):
        what, found = f"slices are missing: gap after slice {holes[0] + 1}", f"{distances[holes[0]]:g} mm"
        expected, remedy = f"about {np.median(distances):g} mm", "export the series again, complete"
        raise GeometryError(what, where=where, expected=expected, found=found, remedy=remedy)
    line = places[0] + np.outer(heights / heights[-1], places[-1] - places[0])
    off = float(np.linalg.norm(places - line, axis=1).max())
    if off > OFF_LINE:
        what, found, remedy = "the slices are not in line", f"{off:.2f} mm away", "export the series again"
        raise GeometryError(what, where=where, expected=f"within {OFF_LINE:g} mm", found=found, remedy=remedy)
    finest = max(float(distances.min()), FINEST * float(np.median(distances)))
    count = round(float(heights[-1]) / finest) + 1
    wanted = np.linspace(0, heights[-1], count)
    lower = np.clip(np.searchsorted(heights, wanted, side="right") - 1, 0, len(heights) - 2)
    share = ((wanted - heights[lower]) / distances[lower]).astype(np.float32)[:, None, None]
    result = np.empty((count, *pixels.shape[1:]), dtype=np.float32)
    for index, low in enumerate(lower):
        result[index] = pixels[low] * (1 - share[index]) + pixels[low + 1] * share[index]
    step = heights[-1] / (count - 1)
    note = f"uneven slices ({distances.min():.3g} to {distances.max():.3g} mm) resampled to {step:.3g} mm"
    return result, (places[-1] - places[0]) / (count - 1), note
