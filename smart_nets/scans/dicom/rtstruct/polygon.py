"""Turn a polygon into pixels, and tell whether one lies in another."""

from __future__ import annotations

import numpy as np

ON_EDGE = 1e-3  # pixels; coordinates are written with a few digits


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


def encloses(outer: np.ndarray, points: np.ndarray) -> bool:
    """Whether all points (n, 2) lie inside a closed polygon (corners, 2), or within `ON_EDGE` of its border."""
    start, edge = outer, np.roll(outer, -1, axis=0) - outer
    steep = np.where(edge[:, 0] == 0, np.nan, edge[:, 0])
    for row, column in points:
        share = (row - start[:, 0]) / steep  # how far along each edge the row is crossed; NaN where it never is
        right = start[:, 1] + share * edge[:, 1] > column
        if (right & (share >= 0) & (share < 1)).sum() % 2 == 0:
            length = np.maximum((edge**2).sum(axis=1), 1e-12)
            along = np.clip(((np.array([row, column]) - start) * edge).sum(axis=1) / length, 0, 1)
            if np.linalg.norm(start + along[:, None] * edge - (row, column), axis=1).min() > ON_EDGE:
                return False
    return True
