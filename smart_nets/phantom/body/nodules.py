"""Lung nodules: smooth ones (benign) and spiculated ones (malignant), of the same sizes and at the same places."""

from __future__ import annotations

import numpy as np

from smart_nets.phantom.canvas import Canvas
from smart_nets.phantom.lattice import Array, Axes, Bounds, Noise, Points
from smart_nets.phantom.model import Lesion

DIAMETERS_MM = (8.0, 24.0)
CLEARANCE_MM = 8.0  # from the surface of a nodule to the pleura, room enough for the spicules
ROUGHNESS = (0.02, 0.12)  # of the surface, as a share of the radius: benign, malignant
UNEVEN = (3.0, 22.0)  # HU, standard deviation inside
SHARPNESS = (0.6, 1.0)  # a benign nodule has a soft margin


def draw_kinds(seed: int, nodules: int) -> list[tuple[int, float]]:
    """(label, diameter in mm) of each nodule of a patient, without drawing the patient.

    Labels alternate within a patient and from one seed to the next, so both classes appear equally often; diameters
    are drawn without looking at the label, so size tells nothing.
    """
    rng = np.random.default_rng([seed, 2])
    return [((seed + i) % 2, float(rng.uniform(*DIAMETERS_MM))) for i in range(nodules)]


def paint_nodule(canvas: Canvas, lesion: Lesion, number: int) -> None:
    """Draw one nodule, ``number`` among its patient's; the centre is in patient mm."""
    seed = [canvas.warp.seed, 4, number]
    rng = np.random.default_rng(seed)
    centre, radius = np.asarray(lesion.centre_mm), lesion.diameter_mm / 2
    stretch = draw_stretch(rng)
    solid = float(rng.normal(35, 10))  # HU, of the same distribution for both kinds
    form = Form(centre, radius, stretch, ROUGHNESS[lesion.label], seed)
    box = canvas.box(form.bounds)
    if box is None:
        return
    if lesion.label == 1:
        paint_spicules(canvas, centre, radius, solid, rng)
    axes = canvas.axes_in(box)
    distance = form.distance(axes)
    tissue = solid + np.float32(UNEVEN[lesion.label]) * Noise([*seed, 1], 4.0, form.bounds).on(axes)
    canvas.cover(box, distance * np.float32(SHARPNESS[lesion.label]), tissue, "nodule")


def draw_stretch(rng: np.random.Generator) -> Points:
    """How much longer than a sphere a nodule is along x, y, z; the volume stays."""
    stretch = np.exp(rng.normal(0, 0.09, 3))
    out = stretch / np.prod(stretch) ** (1 / 3)
    return out


class Form:
    """The outline of a nodule: an ellipsoid, uneven by a share ``roughness`` of its radius, with a sphere's volume."""

    def __init__(self, centre: Points, radius: float, stretch: Points, roughness: float, seed: list[int]) -> None:
        reach = 1.6 * radius + 6
        x, y, z = ((float(c) - reach, float(c) + reach) for c in centre)
        self.bounds: Bounds = (x, y, z)
        self.centre, self.stretch, self.amplitude = centre, stretch, np.float32(roughness * radius)
        self.lobes = Noise([*seed, 2], max(0.8 * radius, 3.0), self.bounds)
        self.bumps = Noise([*seed, 3], max(0.4 * radius, 1.8), self.bounds)
        step = radius / 8
        fine = tuple(np.arange(low, high, step).astype(np.float32) for low, high in self.bounds)
        inside = round(4 / 3 * np.pi * radius**3 / step**3)
        self.level = np.float32(0)
        self.level = np.partition(self.distance(fine).ravel(), inside)[inside]  # type: ignore[arg-type]

    def distance(self, axes: Axes) -> Array:
        """Signed distance in mm, negative inside, on a lattice (X, Y, Z)."""
        x, y, z = ((a - np.float32(c)) / np.float32(s) for a, c, s in zip(axes, self.centre, self.stretch, strict=True))
        length = np.sqrt(x[:, None, None] ** 2 + y[None, :, None] ** 2 + z[None, None, :] ** 2)
        rough = self.amplitude * (self.lobes.on(axes) + self.bumps.on(axes))
        out = length + rough - self.level
        return out


def paint_spicules(
    canvas: Canvas, centre: Points, radius: float, tissue: float, rng: np.random.Generator, share: float = 1.0
) -> None:
    """Fine strands that run from the nodule into the lung, a ``share`` of the usual number; no part of its label."""
    count = int(rng.uniform(0.8, 1.2) * (22 + 2.6 * radius) * share)  # about as many per area on large and small ones
    ways = rng.standard_normal((count, 3))
    ways /= np.linalg.norm(ways, axis=1, keepdims=True)
    length = radius + rng.uniform(2.5, 7.5, (count, 1))
    thin = np.full(count, 0.5)
    canvas.segments(centre + 0.6 * radius * ways, centre + length * ways, np.full(count, 1.7), thin, tissue)
