"""What the scanner adds: the couch under the patient, the grain of tissues, blur, noise and streaks."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from smart_nets.phantom.canvas import AIR, Canvas
from smart_nets.phantom.lattice import Array
from smart_nets.phantom.model import ORGANS
from smart_nets.phantom.patient import Patient

PADDING = -1024.0  # what scanners write outside of the circle they measure
CIRCLE_MM = 214.0
COUCH_TOP_MM = -128.0
BLUR_MM = 0.75


def paint_couch(canvas: Canvas, patient: Patient) -> None:
    """A curved shell of carbon fibre filled with foam."""
    x, y, _ = canvas.axes
    height = y[None, :] - (COUCH_TOP_MM + patient.jitter(14, 2) + (x[:, None] / 30) ** 2 * 0.55)
    hu = np.full(height.shape, np.float32(AIR))
    for low, high, tissue in ((-16, 0, -940.0), (-2.4, 0, 80.0), (-16, -14, -150.0)):
        inside = np.clip(0.5 + np.minimum(height - low, high - height) / canvas.spacing[1], 0, 1)
        hu += inside * (tissue - hu)
    outside = canvas.labels == 0
    np.copyto(canvas.image, np.maximum(canvas.image, hu[:, :, None]), where=outside)


def add_grain(canvas: Canvas) -> None:
    """Lungs are denser at the back and mottled; other tissues are never quite even."""
    y = canvas.axes[1]
    grain = canvas.warp.noise(5.0, 50).on(canvas.axes)
    lungs = (canvas.labels == ORGANS["lung_right"]) | (canvas.labels == ORGANS["lung_left"])
    grain *= np.where(lungs, np.float32(11), np.float32(5))
    grain -= lungs * (0.35 * y)[None, :, None]
    np.add(canvas.image, grain, out=canvas.image, where=canvas.labels > 0)


def soften(volume: Array, axis: int, side: float) -> None:
    """Blur in place along one axis with weights (side, 1 - 2 side, side), whose variance is 2 side voxels squared."""
    if axis == 0:
        before = volume[0].copy()
        for i in range(len(volume)):
            here = volume[i].copy()
            volume[i] += np.float32(side) * (before + volume[min(i + 1, len(volume) - 1)] - 2 * here)
            before = here
        return
    for plane in volume:
        rows = plane if axis == 1 else plane.T
        change = np.zeros_like(rows)
        step = np.diff(rows, axis=0)
        change[:-1] += step
        change[1:] -= step
        rows += np.float32(side) * change


def scan(canvas: Canvas, patient: Patient) -> NDArray[np.int16]:
    """The finished image (X, Y, Z) in HU."""
    paint_couch(canvas, patient)
    add_grain(canvas)
    image = canvas.image
    for axis, step in enumerate(canvas.spacing):
        soften(image, axis, min(0.5 * (BLUR_MM / step) ** 2, 1 / 3))
    x, y, _ = canvas.axes
    outside = x[:, None] ** 2 + (y[None, :] + 6) ** 2 > CIRCLE_MM**2
    out = np.empty(image.shape, np.int16)
    for i, static in enumerate(noise(canvas, patient)):
        static += image[i]
        static[outside[i]] = PADDING
        out[i] = np.clip(np.rint(static), -1024, 3071)
    return out


def noise(canvas: Canvas, patient: Patient) -> Array:
    """Noise as reconstruction leaves it: correlated between neighbours, strongest where much bone weakens the beam."""
    rng = np.random.default_rng([patient.seed, 6])
    white = rng.standard_normal(canvas.image.shape, dtype=np.float32)
    for axis in (0, 1):
        soften(white, axis, 0.22)
    first, last = ORGANS["spine"], ORGANS["femur_left"]
    bones = ((canvas.labels >= first) & (canvas.labels <= last)).mean(axis=(0, 1), dtype=np.float32)
    white *= (patient.noise / 0.41 * (0.75 + 6 * bones)).astype(
        np.float32
    )  # 0.41 = 0.56^2 + 2 x 0.22^2, twice the root
    return white
