"""Signed distances in mm, negative inside, of the shapes that organs are made of. All work on whole lattices."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from smart_nets.phantom.lattice import Array, Bounds, Place

Point = Sequence[float]


def rotation(yaw: float = 0.0, pitch: float = 0.0, roll: float = 0.0) -> NDArray[np.float64]:
    """(3, 3) rotation in degrees: yaw about the superior axis, pitch about the right, roll about the anterior one."""
    a, b, c = np.radians([yaw, pitch, roll])
    about_z = np.array([[np.cos(a), -np.sin(a), 0], [np.sin(a), np.cos(a), 0], [0, 0, 1]])
    about_x = np.array([[1, 0, 0], [0, np.cos(b), -np.sin(b)], [0, np.sin(b), np.cos(b)]])
    about_y = np.array([[np.cos(c), 0, np.sin(c)], [0, 1, 0], [-np.sin(c), 0, np.cos(c)]])
    return about_z @ about_x @ about_y


def ellipsoid(place: Place, centre: Point, radii: Point, turn: NDArray[np.float64] | None = None) -> Array:
    """Near its surface this is the distance to the ellipsoid; ``turn`` takes its own axes to the anatomy's."""
    x, y, z = (np.float32(-c) + p for p, c in zip((place.x, place.y, place.z), centre, strict=True))
    if turn is not None:
        x, y, z = (np.float32(r[0]) * x + np.float32(r[1]) * y + np.float32(r[2]) * z for r in turn.T)
    a, b, c = (np.float32(radius) for radius in radii)
    level = np.sqrt((x / a) ** 2 + (y / b) ** 2 + (z / c) ** 2)
    slope = np.sqrt((x / a**2) ** 2 + (y / b**2) ** 2 + (z / c**2) ** 2)
    return level * (level - 1) / np.maximum(slope, np.float32(1e-6))


def path(place: Place, points: ArrayLike, radii: ArrayLike) -> Array:
    """A tube along points (N, 3) whose radius (N,) changes linearly between them."""
    line, width = np.asarray(points, float), np.asarray(radii, float)
    out = np.full(place.x.shape, np.inf, np.float32)
    for start, end, r0, r1 in zip(line[:-1], line[1:], width[:-1], width[1:], strict=True):
        np.minimum(out, capsule(place.x, place.y, place.z, start, end, r0, r1), out=out)
    return out


def capsule(x: Array, y: Array, z: Array, start: Point, end: Point, r0: float, r1: float) -> Array:
    """Distance to a segment, less a radius that goes from r0 to r1 along it. Coordinates may be broadcast axes."""
    (ax, ay, az), (bx, by, bz) = (tuple(float(v) for v in point) for point in (start, end))
    qx, qy, qz = bx - ax, by - ay, bz - az
    length2 = max(qx * qx + qy * qy + qz * qz, 1e-9)
    dx, dy, dz = x - ax, y - ay, z - az
    t = dx * (qx / length2) + dy * (qy / length2) + dz * (qz / length2)
    t = np.minimum(np.maximum(t, 0), 1)
    out = np.sqrt((dx - t * qx) ** 2 + (dy - t * qy) ** 2 + (dz - t * qz) ** 2)
    out -= float(r0)
    out -= t * float(r1 - r0)
    return out


def blend(a: Array, b: Array, width: float) -> Array:
    """Union of two shapes whose seam is rounded over ``width`` mm."""
    h = np.clip(np.float32(width) - np.abs(a - b), 0, None)
    return np.minimum(a, b) - h * h / np.float32(4 * width)


def carve(a: Array, b: Array, width: float) -> Array:
    """Intersection of two shapes whose edge is rounded over ``width`` mm. ``carve(a, -b, w)`` takes b out of a."""
    return -blend(-a, -b, width)


def around(points: ArrayLike, margin: float) -> Bounds:
    """The box around points (N, 3), widened by a margin in mm."""
    p = np.asarray(points, float)
    low, high = p.min(axis=0) - margin, p.max(axis=0) + margin
    return ((low[0], high[0]), (low[1], high[1]), (low[2], high[2]))


def smooth_curve(points: ArrayLike, count: int) -> NDArray[np.float64]:
    """``count`` points on a smooth curve (Catmull-Rom) through points (N, D), equally many between any two."""
    p = np.asarray(points, float)
    p = np.vstack([2 * p[0] - p[1], p, 2 * p[-1] - p[-2]])
    t = np.linspace(0, len(p) - 3 - 1e-9, count)
    k, u = t.astype(int), (t % 1)[:, None]
    a, b, c, d = p[k], p[k + 1], p[k + 2], p[k + 3]
    return 0.5 * (2 * b + (c - a) * u + (2 * a - 5 * b + 4 * c - d) * u**2 + (3 * b - a - 3 * c + d) * u**3)
