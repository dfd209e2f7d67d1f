"""The spine: vertebral bodies, discs, the canal and the processes behind it; and the muscles that run along it."""

from __future__ import annotations

import numpy as np

from smart_nets.phantom.anatomy import SPINE, profile
from smart_nets.phantom.canvas import Canvas
from smart_nets.phantom.lattice import Array, Bounds, Place, Points
from smart_nets.phantom.patient import Patient
from smart_nets.phantom.shapes import around, carve, path, smooth_curve

LEVELS = np.array(
    [205, 238, 270, 301, 331, 359, 385, 409, 432, 454, 475, 495, 514.5, 533.5, 552, 570, 588, 605, 622, 639, 656, 673]
)
"""Heights of the middles of the vertebrae in mm, from the fifth lumbar one (L5) up to the neck."""
THORACIC = LEVELS[5:17][::-1]
"""T1 to T12."""
DISC = 0.24  # share of a level that is disc, at the lumbar spine
BODY = np.array(
    [[180, 27, 18.5], [240, 25, 17.5], [330, 21, 16], [420, 17, 15.5], [520, 15, 13], [600, 13, 10], [700, 12, 9]]
)
"""Height, half width and half depth of the vertebral bodies."""
PSOAS = np.array([
    [26, -38, 345, 6], [36, -28, 300, 14], [44, -20, 255, 20], [54, -8, 210, 21], [66, 10, 160, 17], [80, 34, 115, 14],
    [94, 30, 75, 13], [104, 8, 35, 12],
])  # fmt: skip
COLUMN: Bounds = ((-62, 62), (-112, 10), (184, 690))


def bone(depth: Array, cortex: float, marrow: float, rim: float | Array = 1.3) -> Array:
    """HU by signed distance: a dense rim around spongy bone."""
    return marrow + (cortex - marrow) * np.clip(1.6 + depth / rim, 0, 1)


def levels(place: Place, middle: Array) -> tuple[Array, Array, Array]:
    """Which vertebra, where in it from 0 (lower disc's middle) to 1, and its height in mm.

    Planes between vertebrae stand at right angles to the curve of the spine.
    """
    slope = np.interp(place.z, SPINE[:, 0], np.gradient(SPINE[:, 1], SPINE[:, 0])).astype(np.float32)
    along = place.z + 0.9 * slope * (place.y - middle)
    edges = np.concatenate([[LEVELS[0] - 17], (LEVELS[1:] + LEVELS[:-1]) / 2, [LEVELS[-1] + 9]])
    index = np.interp(along, edges, np.arange(len(edges))).astype(np.float32)
    pitch = np.interp(along, LEVELS, np.gradient(LEVELS)).astype(np.float32)
    number = np.floor(index)
    return number, index - number, pitch


def paint_spine(canvas: Canvas, patient: Patient) -> None:
    box = canvas.standard_box(COLUMN)
    if box is None:
        return
    place = canvas.place(box)
    middle = profile(place.z, SPINE)
    _, t, pitch = levels(place, middle)
    width, depth = profile(place.z, BODY, 1), profile(place.z, BODY, 2)
    dy = place.y - middle
    body, disc = body_and_disc(place, dy, t, pitch, width, depth)
    canal_y = dy + depth + 8.5
    canal = np.sqrt((place.x / 1.25) ** 2 + canal_y**2) - 8.0
    arch = posterior_elements(place, canal, canal_y, t, pitch)
    grain = 24 * place.noise(5.0, 50)
    cortex, marrow = 520 * patient.bone, 165 * patient.bone + 20 * patient.contrast
    canvas.cover(box, np.minimum(body, disc) - 1.5, -60.0)
    canvas.cover(box, disc, 85.0, "spine")
    canvas.cover(box, body, bone(body, cortex, marrow) + grain, "spine")
    canvas.cover(box, np.maximum(canal, 184 - place.z), -20.0, "spine")
    canvas.cover(box, np.maximum(canal + 2, 184 - place.z), 28.0, "spine")
    canvas.cover(box, arch, bone(arch, cortex * 1.1, marrow + 90) + grain, "spine")


def body_and_disc(place: Place, dy: Array, t: Array, pitch: Array, width: Array, depth: Array) -> tuple[Array, Array]:
    waist = 1 - 0.10 * (1 - (2 * t - 1) ** 2)
    flat = np.where(dy < 0, np.float32(3.0), np.float32(2.2))  # the back of a vertebral body is flatter than its front
    level = (np.abs(place.x / width) ** 2.4 + np.abs(dy / depth) ** flat) ** (1 / 2.4)
    round_ = np.minimum(width, depth)
    side = ((level / waist - 1) * round_).astype(np.float32)
    share = np.clip(DISC - 0.0003 * (place.z - 200), 0.16, None)
    ends = (np.abs(t - 0.5) - (1 - share) / 2) * pitch
    return carve(side, ends, 3), np.maximum((level - 1) * round_ + 1.0, -ends).astype(np.float32)


def posterior_elements(place: Place, canal: Array, canal_y: Array, t: Array, pitch: Array) -> Array:
    """Pedicles, laminae, spinous, transverse and articular processes, as one signed distance."""
    x = np.abs(place.x)
    chest = (place.z > 350).astype(np.float32)
    lean = np.clip(-canal_y, 0, 40) * (0.22 + 0.33 * chest)  # processes point down, most in the chest
    height = (t - 0.55) * pitch + lean
    pedicle = np.maximum(np.maximum(np.abs(x - 13.5) - 3.8, np.abs((t - 0.66) * pitch) - 5), np.abs(canal_y - 2) - 9)
    lamina = np.maximum(np.abs(canal - 3.6) - 2.6, np.maximum(np.abs(height) - 0.36 * pitch, canal_y - 1))
    tip = np.abs(canal_y + 19.5 - 2 * chest) - 11.5 + 2 * chest
    spinous = np.maximum(np.maximum(x - 2.6 - 0.05 * np.clip(-canal_y, 0, 40), np.abs(height) - 0.30 * pitch), tip)
    reach = 38 - 8 * chest
    back = 3 + (0.12 + 0.23 * chest) * np.clip(x - 12, 0, 40)
    transverse = np.maximum(
        np.sqrt((canal_y + back) ** 2 + ((t - 0.6) * pitch) ** 2) - 4.2, np.abs(x - 12) - reach + 12
    )
    gap = np.minimum(t, 1 - t) * pitch
    facet = np.sqrt((x - 15) ** 2 + (canal_y + 6) ** 2 + (0.6 * gap) ** 2) - 6.5
    out = np.minimum(np.minimum(pedicle, lamina), np.minimum(np.minimum(spinous, transverse), facet))
    return np.maximum(out, -canal - 0.5).astype(np.float32)


def paint_back_muscles(canvas: Canvas, patient: Patient) -> None:
    """Psoas in front of the spine's sides, erector muscles behind, divided by fat."""
    for side in (1, -1):
        psoas = smooth_curve(PSOAS, 12)
        bundle(canvas, psoas[:, :3] * [side, 1, 1], psoas[:, 3], patient.muscle)
        heights = np.arange(190, 640, 30.0)
        spine = np.interp(heights, SPINE[:, 0], SPINE[:, 1])
        size = np.interp(heights, [190, 300, 420, 640], [17, 17, 12, 10])
        back = np.column_stack([np.full(len(heights), side * 25.0), spine - 36, heights])
        bundle(canvas, back, size, patient.muscle)


def bundle(canvas: Canvas, points: Points, radii: Points, tissue: float) -> None:
    """A muscle of uneven outline along points (N, 3), in a thin sheath of fat."""
    box, fat = around(points, float(np.max(radii)) + 8), (1.2, -75.0)
    canvas.paint(
        lambda p: path(p, points, radii) + 2.5 * p.noise(25.0, 52) + 0.8 * p.noise(10.0, 53), box, tissue, halo=fat
    )
