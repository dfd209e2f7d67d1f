"""Solid organs of the belly and the pelvis."""

from __future__ import annotations

from functools import partial

import numpy as np

from smart_nets.phantom.anatomy import SPINE, profile
from smart_nets.phantom.body.trees import grow
from smart_nets.phantom.body.trunk import cavity
from smart_nets.phantom.canvas import Canvas
from smart_nets.phantom.lattice import Array, Bounds, Place
from smart_nets.phantom.patient import Patient
from smart_nets.phantom.shapes import Point, around, blend, carve, ellipsoid, path, rotation, smooth_curve

LIVER_BOX: Bounds = ((-85, 140), (-95, 100), (240, 445))
PANCREAS = np.array(
    [
        [30, 16, 296, 11],
        [27, 20, 318, 13],
        [8, 30, 328, 8.5],
        [-24, 22, 338, 9.5],
        [-52, 4, 350, 9.5],
        [-76, -12, 362, 8],
    ]
)
KIDNEYS = {1: (58.0, -42.0, 302.0), -1: (-57.0, -45.0, 318.0)}
KIDNEY_RADII = (26.0, 23.0, 52.0)


def kidney(place: Place, side: int, shift: float) -> Array:
    x, y, z = KIDNEYS[side]
    bean = ellipsoid(place, (x, y, z + shift), KIDNEY_RADII, rotation(yaw=side * 25, pitch=12, roll=side * 12))
    hilum = ellipsoid(place, (x - side * 26, y + 8, z + shift), (16, 14, 17))
    return carve(bean + 1.5 * place.noise(25.0, 30 + side), -hilum, 8)


def liver(place: Place, shift: float) -> Array:
    right = ellipsoid(place, (74, -2, 362), (68, 84, 92))
    left = ellipsoid(place, (4, 44, 398), (66, 38, 32), rotation(roll=14))
    under = 268 + 0.72 * np.clip(112 - place.x, 0, 130) + 0.18 * (place.y - 10) - place.z  # its lower, visceral face
    spine = np.sqrt(place.x**2 + (place.y - profile(place.z, SPINE)) ** 2) - 40
    gullet = ellipsoid(place, (-30, -18, 390), (26, 30, 60))
    out = carve(blend(right, left, 22), 0.75 * (under + shift + 5 * place.noise(60.0, 33)), 10)
    out = carve(carve(out, -np.minimum(spine, gullet), 10), 3 - kidney(place, 1, 0.0), 8)
    return carve(out, cavity(place) + 2.5, 5) + 1.2 * place.noise(25.0, 34)


def spleen(place: Place) -> Array:
    whole = ellipsoid(place, (-96, -34, 374), (27, 44, 50), rotation(yaw=22, roll=-14))
    face = ellipsoid(place, (-52, -2, 372), (44, 42, 62))  # the stomach's bed
    return carve(carve(whole + 2 * place.noise(25.0, 35), -face, 8), cavity(place) + 3, 5)


def cortex(depth: Array, patient: Patient) -> Array:
    """HU of a kidney by signed distance: contrast reaches the cortex before the pyramids inside."""
    return patient.kidney - 45 * patient.contrast * np.clip((-depth - 5) / 5, 0, 1)


def sinus(place: Place, centre: Point) -> Array:
    return ellipsoid(place, centre, (13, 9, 26)) + 3.5 * place.noise(10.0, 36)


def paint_kidneys(canvas: Canvas, patient: Patient) -> None:
    """Cortex, pyramids and the fat of the sinus; the right one lies lower than the left one."""
    for side, name in ((1, "kidney_right"), (-1, "kidney_left")):
        x, y, z = KIDNEYS[side]
        shift = patient.jitter(side + 5, 4)
        box: Bounds = ((x - 45, x + 45), (y - 45, y + 45), (z - 75, z + 75))

        shape = partial(kidney, side=side, shift=shift)
        canvas.paint(shape, box, partial(cortex, patient=patient), name, step=3.0, halo=(5, -100.0))
        canvas.paint(partial(sinus, centre=(x - side * 8, y + 3, z + shift)), box, -60.0, "body", step=3.0)
        canvas.tube([(x - side * 14, y + 4, z + shift), (x - side * 34, y + 18, z + 6)], [4, 3.5], patient.blood - 10)


def paint_liver(canvas: Canvas, patient: Patient) -> None:
    shift = patient.jitter(2, 6)
    canvas.paint(lambda p: liver(p, shift), LIVER_BOX, patient.liver, "liver", step=4.0)
    bladder = smooth_curve([(40, 30, 330, 5), (46, 40, 312, 11), (52, 50, 292, 14), (54, 54, 276, 9)], 8)
    canvas.paint(lambda p: path(p, bladder[:, :3], bladder[:, 3] + 1), around(bladder[:, :3], 18), 45.0, step=3.0)
    canvas.paint(
        lambda p: path(p, bladder[:, :3], bladder[:, 3] - 1), around(bladder[:, :3], 18), 8.0, "gallbladder", step=3.0
    )
    rng = np.random.default_rng([patient.seed, 8])
    axes = tuple(np.arange(low, high, 8, dtype=np.float32) for low, high in LIVER_BOX)
    inside = np.argwhere(liver(canvas.warp.place(axes), shift) < -6)  # type: ignore[arg-type]
    spots = np.asarray(LIVER_BOX)[:, 0] + 8.0 * inside + rng.uniform(-4, 4, inside.shape)
    brightness = patient.blood + 8 * patient.contrast
    for root, heading in (((28, 8, 345), (0.8, 0.2, 0.5)), ((22, -4, 412), (0.6, 0.4, -0.6))):
        tips = spots[rng.choice(len(spots), 30, replace=False)]
        tree = grow(canvas.warp.to_patient(np.array([root], float))[0], np.array(heading), tips, 1.8, widest=7)
        canvas.segments(tree.starts, tree.ends, tree.r0, tree.r1, brightness, "liver")


def paint_solid_organs(canvas: Canvas, patient: Patient) -> None:
    paint_kidneys(canvas, patient)
    paint_liver(canvas, patient)
    canvas.paint(spleen, ((-140, -45), (-95, 30), (310, 440)), patient.spleen, "spleen", step=3.0, halo=(3, -95.0))
    pancreas = smooth_curve(PANCREAS, 14)
    points, radii = pancreas[:, :3], pancreas[:, 3]
    box, tissue = around(points, 18), 38 + 55 * patient.contrast
    canvas.paint(
        lambda p: path(p, points, radii) + 2.2 * p.noise(10.0, 37), box, tissue, "pancreas", step=3.0, halo=(2, -90.0)
    )
    duct = smooth_curve(
        [(-78, -22, 366, 3.5), (-40, 4, 344, 4), (-2, 20, 328, 4.5), (20, 12, 340, 6), (30, 8, 350, 6.5)], 14
    )
    canvas.tube(duct[:, :3], duct[:, 3], patient.blood - 5)  # splenic and portal vein
    for side in (1, -1):  # adrenal glands
        canvas.tube(
            [(side * 24, -28, 352), (side * 32, -38, 346), (side * 38, -42, 336)],
            [2.5, 3, 2],
            35 + 30 * patient.contrast,
        )


def paint_pelvic_organs(canvas: Canvas, patient: Patient) -> None:
    """Bladder, the gland or womb behind and under it, and the muscles of the pelvic floor."""
    fill = 1 + patient.jitter(9, 0.1)
    box: Bounds = ((-70, 70), (-60, 85), (20, 160))
    canvas.paint(
        lambda p: ellipsoid(p, (0, 2, 66), (24, 18, 22)) + 2 * p.noise(25.0, 38),
        box,
        45 + 30 * patient.contrast,
        halo=(3, -95.0),
    )
    canvas.paint(lambda p: bladder(p, fill) - 3, box, 38.0, "bladder", step=3.0, halo=(4, -100.0))
    canvas.paint(lambda p: bladder(p, fill), box, 6.0, "bladder", step=3.0)


def bladder(place: Place, fill: float) -> Array:
    whole = ellipsoid(place, (0, 30, 98), (38 * fill, 30 * fill, 29 * fill)) + 1.5 * place.noise(25.0, 39)
    dent = ellipsoid(place, (4, 22, 146), (40, 40, 24))  # bowel rests on it
    return carve(whole, -dent, 12)
