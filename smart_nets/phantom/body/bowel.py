"""Stomach, colon and small bowel, with what is in them: fluid, gas that rises to the front, stool."""

from __future__ import annotations

from functools import partial

import numpy as np

from smart_nets.optional import needed
from smart_nets.phantom.anatomy import CAVITY
from smart_nets.phantom.body.trees import grow
from smart_nets.phantom.body.trunk import cavity
from smart_nets.phantom.canvas import Box, Canvas
from smart_nets.phantom.lattice import Array, Bounds, Place, Points
from smart_nets.phantom.patient import Patient
from smart_nets.phantom.shapes import around, carve, path, smooth_curve

GAS = -960.0
STOMACH = np.array([[-58, -14, 410, 22], [-64, -4, 392, 32], [-66, 18, 366, 30], [-56, 40, 340, 24], [-34, 52, 318, 18],
                    [-6, 50, 312, 14], [22, 38, 322, 11], [34, 24, 326, 10]])  # fmt: skip
COLON = np.array([
    [88, 12, 196, 23], [94, 4, 225, 22], [96, -8, 255, 20], [92, 4, 276, 20], [74, 44, 284, 19], [44, 62, 270, 18],
    [5, 68, 262, 18], [-40, 66, 276, 18], [-76, 48, 312, 18], [-98, 8, 338, 18], [-102, -18, 310, 16],
    [-102, -14, 268, 15], [-100, 0, 228, 15], [-88, 12, 196, 15], [-62, 26, 176, 15], [-30, 30, 170, 15],
    [-6, 8, 172, 15], [10, -22, 160, 15], [4, -46, 138, 15], [0, -48, 112, 17], [0, -42, 84, 16], [0, -34, 58, 12],
])  # fmt: skip
LOOPS: Bounds = ((-82, 74), (-6, 70), (128, 296))
LOOP_RADIUS_MM = 10.5


def paint_stomach(canvas: Canvas, patient: Patient) -> None:
    """Fluid with a bubble of gas above a level, which is horizontal because patients lie on their back."""
    line = smooth_curve(STOMACH, 18)
    points, radii = line[:, :3], line[:, 3] * (1 + patient.jitter(11, 0.06))
    bounds = around(points, 38)
    wall = 40 + 35 * patient.contrast
    box = canvas.standard_box(bounds)
    if box is None:
        return
    tube = canvas.field(lambda p: carve(path(p, points, radii) + 2 * p.noise(25.0, 40), cavity(p) + 3, 6), box, 3.0)
    canvas.cover(box, tube - 2, -95.0)
    canvas.cover(box, tube, wall, "stomach")
    rugae = tube + 4 + canvas.field(lambda p: 1.2 * p.noise(10.0, 41), box, 4.0)
    canvas.cover(box, rugae, 18.0)
    level = canvas.warp.to_patient(np.array([[-62.0, 34 + patient.jitter(12, 9), 370.0]]))[0, 1]
    depth = np.broadcast_to(np.float32(level) - canvas.axes[1][box[1]][None, :, None], rugae.shape)
    canvas.cover(box, np.maximum(rugae, depth), GAS)


def stool(canvas: Canvas, box: Box) -> Array:
    """Mottled matter with pockets of gas, and gas alone where a slow field is high."""
    axes = canvas.axes_in(box)
    grain, amount = canvas.warp.noise(6.0, 70).on(axes), canvas.warp.noise(45.0, 71).on(axes)
    gas = np.clip(1.5 * (grain - 1.0) + np.clip(3.0 * (amount - 0.15), -3.0, 4.0), 0, 1)
    return (25 + 18 * grain) * (1 - gas) + np.float32(GAS) * gas


def paint_colon(canvas: Canvas, patient: Patient) -> None:
    rng = np.random.default_rng([patient.seed, 9])
    table = COLON + np.column_stack([rng.normal(0, 3, (len(COLON), 3)), np.zeros(len(COLON))])
    length = np.linalg.norm(np.diff(table[:, :3], axis=0), axis=1).sum()
    line = smooth_curve(table, int(length / 4))
    haustra = 1 + 0.13 * np.sin(np.arange(len(line)) * 2 * np.pi * 4 / 30 + rng.uniform(0, 6))
    points, radii = inside_belly(line[:, :3], line[:, 3]), line[:, 3] * haustra * 0.92
    box = canvas.standard_box(around(points, 26))
    if box is None:
        return
    tube = canvas.field(partial(loop, points=points, radii=radii, rough=1.3, salt=42), box, 4.0)
    canvas.cover(box, tube - 2.0, -100.0)
    canvas.cover(box, tube, 40 + 30 * patient.contrast, "bowel")
    canvas.cover(box, tube + 2.2, stool(canvas, box))


def loop(place: Place, points: Points, radii: Points, rough: float, salt: int) -> Array:
    """A tube along many close points (N, 3): the distance to the nearest of them less its radius, made uneven."""
    at = np.column_stack([place.x.ravel(), place.y.ravel(), place.z.ravel()])
    far = float(radii.max()) + 12
    distance, nearest = needed("scipy.spatial", "phantoms").cKDTree(points).query(at, distance_upper_bound=far)
    depth = np.where(np.isinf(distance), far, distance - np.append(radii, 0)[nearest])
    return depth.reshape(place.x.shape).astype(np.float32) + rough * place.noise(10.0, salt)


def inside_belly(points: Points, radii: Points) -> Points:
    """Points (N, 3) drawn towards the midline until a tube around them fits the cavity."""
    half, depth, middle = (np.interp(points[:, 2], CAVITY[:, 0], CAVITY[:, k]) for k in (1, 2, 3))
    x, y = points[:, 0] / (half - radii - 2), (points[:, 1] - middle) / (depth - radii - 2)
    shrink = 1 / np.maximum(np.sqrt(x**2 + y**2), 1)
    return np.column_stack([points[:, 0] * shrink, middle + (points[:, 1] - middle) * shrink, points[:, 2]])


def paint_small_bowel(canvas: Canvas, patient: Patient) -> None:
    """One long loop that wanders from spot to nearest spot, and the vessels of the mesentery that feed it."""
    rng = np.random.default_rng([patient.seed, 10])
    low, high = np.asarray(LOOPS).T
    root = canvas.warp.to_patient(np.array([[-2.0, 26.0, 300.0]]))[0]
    tree = grow(
        root, np.array([0.0, 0.3, -0.95]), canvas.warp.to_patient(rng.uniform(low, high, (90, 3))), 0.8, widest=4
    )
    canvas.segments(tree.starts, tree.ends, tree.r0, tree.r1, patient.blood - 5)
    points = wander(scatter(rng, low, high, apart=2.0 * LOOP_RADIUS_MM, tries=1500))
    points = inside_belly(points, np.full(len(points), LOOP_RADIUS_MM))
    along = np.arange(len(points)) / 8  # in units of the distance between spots
    radii = LOOP_RADIUS_MM * rng.uniform(0.85, 1.0) * (1 + 0.22 * np.sin(along * 0.9 + rng.uniform(0, 6)))
    box = canvas.standard_box(around(points, 16))
    if box is None:
        return
    tube = canvas.field(partial(loop, points=points, radii=radii, rough=1.6, salt=43), box, 4.0)
    canvas.cover(box, tube - 1.2, -100.0)
    canvas.cover(box, tube, 42 + 58 * patient.contrast)
    canvas.cover(box, tube + 2.4, 22.0)
    gas = np.sin(along * 0.35 + rng.uniform(0, 6)) > 0.86  # a few stretches hold gas
    if gas.any():
        bubbles = canvas.field(partial(loop, points=points[gas], radii=radii[gas] - 4, rough=1.5, salt=44), box, 4.0)
        canvas.cover(box, bubbles, GAS)


def wander(spots: Points) -> Points:
    """A smooth curve that goes from spot to the nearest spot not yet visited."""
    order = [int(np.argmin(spots[:, 0] - spots[:, 2]))]
    left = set(range(len(spots))) - set(order)
    while left:
        rest = np.array(sorted(left))
        order.append(int(rest[np.argmin(np.linalg.norm(spots[rest] - spots[order[-1]], axis=1))]))
        left.remove(order[-1])
    return smooth_curve(spots[order], 8 * len(order))


def scatter(rng: np.random.Generator, low: Points, high: Points, apart: float, tries: int) -> Points:
    """Random points (N, 3) in a box, none nearer to another than ``apart``."""
    kept = np.empty((0, 3))
    for point in rng.uniform(low, high, (tries, 3)):
        if len(kept) == 0 or np.linalg.norm(kept - point, axis=1).min() > apart:
            kept = np.vstack([kept, point])
    return kept
