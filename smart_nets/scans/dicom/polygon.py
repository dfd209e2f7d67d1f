"""Turn a polygon into pixels."""

from __future__ import annotations

import numpy as np


def fill_polygon(points: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """Pixels whose centre lies inside a closed polygon, by the even-odd rule.

    Args:
        points: (corners, 2), the centre of pixel (i, j) being at (i, j); the last corner joins the first.
        shape: (rows, columns) of the picture.

    Returns:
        bool (rows, columns).
    """
    crossings = np.zeros((shape[0], shape[1] + 1), dtype=np.int64)
    for (row0, column0), (row1, column1) in zip(points, np.roll(points, -1, axis=0), strict=True):
        if row0 == row1:
            continue  # an edge along a row crosses no row
        low, high = sorted((row0, row1))
        # rows from `low` on but before `high`: a corner shared by two edges counts once
        rows = np.arange(max(int(np.ceil(low)), 0), min(int(np.ceil(high)), shape[0]))
        at = column0 + (rows - row0) * (column1 - column0) / (row1 - row0)
        first = np.clip(np.ceil(at), 0, shape[1]).astype(int)  # the first pixel centre right of the edge
        np.add.at(crossings, (rows, first), 1)
    return np.cumsum(crossings[:, :-1], axis=1) % 2 == 1
