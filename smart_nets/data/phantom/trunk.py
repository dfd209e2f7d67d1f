"""The outline of the body, its layers, and the lungs with the diaphragm under them.

Tables hold cross-sections of the trunk: height, half width, half depth and centre in depth, in mm of the standard
anatomy (x to the Right, y to Anterior, z to Superior; 0 is the midline, mid depth and the ischial tuberosities).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from smart_nets.data.phantom.canvas import AIR, Canvas
from smart_nets.data.phantom.lattice import Array, Bounds, Place
from smart_nets.data.phantom.model import ORGANS
from smart_nets.data.phantom.patient import Patient
from smart_nets.data.phantom.shapes import blend, carve, ellipsoid, rotation

MUSCLE = np.array([
    [-60, 145, 95, 0], [0, 145, 95, 0], [60, 148, 97, 0], [110, 146, 95, 2], [160, 138, 89, 2], [210, 130, 86, 2],
    [260, 128, 86, 3], [320, 133, 89, 3], [380, 143, 93, 2], [430, 147, 96, 0], [480, 150, 97, -3], [520, 154, 95, -6],
    [550, 158, 90, -10], [575, 160, 83, -14], [600, 157, 75, -18], [700, 140, 60, -20],
])  # fmt: skip
"""Outside of the muscles; under it are the organs, over it fat and skin."""
CAVITY = np.array([
    [-60, 5, 5, -5], [20, 22, 28, -5], [50, 44, 46, -2], [80, 58, 58, 0], [110, 64, 63, 2], [140, 72, 64, 6],
    [170, 88, 64, 10], [200, 104, 67, 13], [230, 114, 69, 14], [260, 116, 70, 14], [300, 119, 73, 12],
    [340, 126, 80, 8], [380, 134, 86, 3], [700, 140, 90, 0],
])  # fmt: skip
"""Space of the belly and the pelvis."""
CAGE = np.array([
    [300, 150, 110, 4], [340, 124, 84, 3], [370, 127, 84, 1], [400, 129, 84, 0], [440, 127, 83, -2], [480, 121, 80, -4],
    [510, 112, 74, -8], [540, 94, 62, -15], [560, 74, 45, -22], [572, 58, 30, -26], [580, 42, 14, -28],
    [590, 15, 3, -28], [700, 5, 1, -28],
])  # fmt: skip
"""Space inside the ribs."""
SPINE = np.array([
    [-60, -62], [75, -60], [95, -72], [120, -76], [150, -63], [175, -46], [195, -31], [215, -23], [245, -19], [280, -23],
    [320, -30], [360, -39], [400, -46], [450, -52], [500, -52], [550, -47], [600, -40], [700, -36],
])  # fmt: skip
"""Height and depth of the middle of the vertebral bodies."""
SUBCUTANEOUS = np.array([[-60, 1.1], [80, 1.15], [160, 1.1], [240, 1.0], [340, 0.8], [420, 0.5], [520, 0.5], [700, 0.45]])
EVERYWHERE: Bounds = ((-230, 230), (-180, 180), (-60, 690))
INSIDE: Bounds = ((-140, 140), (-80, 90), (-60, 440))
ARMPITS: Bounds = ((-145, 145), (-50, 60), (480, 610))
CHEST: Bounds = ((-140, 140), (-110, 100), (335, 590))
LAYER_MM = 24.0
HEART_CENTRE, HEART_RADII = (-24.0, 20.0, 446.0), (62.0, 44.0, 45.0)
HEART_TURN = rotation(yaw=-38, roll=-18)  # its tip points to the left, forwards and down


def profile(z: Array, table: NDArray[np.float64], column: int = 1) -> Array:
    """A column of a table at heights z."""
    return np.interp(z, table[:, 0], table[:, column]).astype(np.float32)


def oval(place: Place, table: NDArray[np.float64], power: float) -> Array:
    """Signed distance, along the radius, to a trunk whose cross-sections are superellipses."""
    x, y = place.x, place.y - profile(place.z, table, 3)
    level = (np.abs(x / profile(place.z, table, 1)) ** power + np.abs(y / profile(place.z, table, 2)) ** power) ** (1 / power)
    level = np.maximum(level, np.float32(1e-3))
    out: Array = np.sqrt(x * x + y * y) * (1 - 1 / level)
    return out


def muscle(place: Place) -> Array:
    """The trunk without skin and fat: with a furrow along the spine, and two thighs at its lower end."""
    trunk = oval(place, MUSCLE, 2.5) + 1.5 * place.noise(60.0, 1)
    furrow = 7 * np.exp(-((place.x / 16) ** 2)) * (place.y < 0) * np.clip((place.z - 130) / 60, 0, 1)
    cleft = 30 * np.exp(-((place.x / 12) ** 2)) * (place.y < -20) * np.clip((150 - place.z) / 90, 0, 1)
    thighs = np.sqrt(((np.abs(place.x) - 84) / 0.80) ** 2 + (place.y + 2) ** 2) * np.float32(0.88) - 84
    leg = np.clip((62 - place.z) / 60, 0, 1)
    out: Array = (trunk + furrow + cleft) * (1 - leg) + np.maximum(thighs, trunk) * leg
    return out


def fat_thickness(place: Place, fat: float) -> Array:
    """mm of fat under the skin: more at the flanks and the belly, least over the shoulders and the breastbone."""
    angle = np.arctan2(place.y, np.abs(place.x))
    around = 1 + 0.25 * np.cos(2 * angle + 0.6) + 0.12 * place.noise(90.0, 2)
    out: Array = np.maximum(fat * profile(place.z, SUBCUTANEOUS) * around, 3)
    return out


def cage(place: Place) -> Array:
    return oval(place, CAGE, 2.25) + place.noise(60.0, 3)


def diaphragm(place: Place) -> Array:
    """Height of the diaphragm's domes above each position, in mm: it rises steeply from the ribs, highest on the right."""
    inward = np.clip(-oval(place, CAGE, 2.25) / 62, 0, 1)
    rim = 371 + 0.34 * place.y + 4 * place.noise(60.0, 9)
    top = 427 + 8 * np.tanh(place.x / 30) - 8 * np.exp(-((place.x / 26) ** 2)) + 3 * place.noise(60.0, 4)
    out: Array = rim + (top - rim) * np.sqrt(np.clip(1 - (1 - inward) ** 2, 0, 1)) - place.z
    return out


def cavity(place: Place) -> Array:
    """Belly and pelvis: what lies under the diaphragm and inside the muscles and ribs."""
    belly = np.maximum(oval(place, CAVITY, 2.4) + 1.5 * place.noise(60.0, 5), cage(place) - 1)
    return carve(belly, -0.7 * diaphragm(place) + 2, 6)


def heart(place: Place) -> Array:
    return ellipsoid(place, HEART_CENTRE, HEART_RADII, HEART_TURN) + 1.5 * place.noise(25.0, 6)


def mediastinum(place: Place) -> Array:
    """What lies between the lungs."""
    spine = profile(place.z, SPINE)
    column = np.sqrt(place.x**2 + (0.72 * (place.y - spine + 14)) ** 2) - 26
    upper = np.sqrt((place.x - 1) ** 2 + (0.55 * (place.y + 4)) ** 2) - 31 + 4 * np.clip((place.z - 545) / 20, 0, 1)
    upper = np.maximum(upper, 0.5 * (478 - place.z))
    septum = np.abs(place.x + 2 + 0.06 * place.y) - 5
    aorta = np.sqrt((place.x + 20) ** 2 + (place.y - spine - 22) ** 2) - 16
    front = np.sqrt((place.x + 6) ** 2 + (0.5 * (place.y - 76)) ** 2) - 21  # fat behind the breastbone
    out = blend(blend(column, upper, 12), blend(septum, heart(place) - 5, 14), 14)
    return blend(blend(out, np.maximum(aorta, place.z - 520), 8), front, 10) + 1.5 * place.noise(25.0, 7)


def lung(place: Place, side: int) -> Array:
    """Signed distance to the right (side 1) or left (side -1) lung."""
    half = np.float32(-side) * (place.x + 2)
    inside = carve(cage(place), 0.7 * diaphragm(place), 5)
    return carve(carve(inside, -mediastinum(place), 8), half, 4)


def muscle_layers(place: Place) -> Array:
    """Which layer of muscle a point is in, counted from the skin; the layers are warped, so that they look like bundles."""
    out: Array = muscle(place) / LAYER_MM + 0.8 * place.noise(45.0, 8) + 0.5
    return out


def paint_flesh(canvas: Canvas, patient: Patient) -> None:
    """Muscles with fat between them, the lungs, and the fat of belly and mediastinum."""
    box = canvas.standard_box(EVERYWHERE)
    assert box is not None  # every field of view lies inside
    layers = canvas.field(muscle_layers, box, 5.0)
    layers -= np.rint(layers)  # one sheet of fat at each whole number
    np.abs(layers, out=layers)
    layers *= LAYER_MM
    layers -= 0.8
    canvas.image[...] = patient.muscle
    canvas.labels[...] = ORGANS["body"]
    canvas.cover(box, layers, -75.0)
    for side in (118, -118):  # the armpits
        canvas.paint(lambda p, side=side: ellipsoid(p, (side, 4, 545), (17, 34, 48)) + 5 * p.noise(25.0, 10), ARMPITS, -95.0)  # type: ignore[misc]
    for side, name in ((1, "lung_right"), (-1, "lung_left")):
        canvas.paint(lambda p, side=side: lung(p, side), CHEST, -870.0, name, step=4.0)  # type: ignore[misc]
    canvas.paint(cavity, INSIDE, -100.0, step=5.0)
    canvas.paint(lambda p: np.maximum(mediastinum(p), cage(p)), CHEST, -88.0, step=4.0)


def paint_skin(canvas: Canvas, patient: Patient) -> None:
    """Fat under the skin, skin, and the air around; what was painted outside of the body goes."""
    box = canvas.standard_box(EVERYWHERE)
    assert box is not None
    depth = canvas.field(muscle, box, 5.0)
    np.negative(depth, out=depth)
    canvas.cover(box, depth, -106.0)
    depth += canvas.field(lambda p: fat_thickness(p, patient.fat), box, 10.0)
    depth -= 2
    canvas.cover(box, depth, 15.0)
    depth += 2
    canvas.cover(box, depth, AIR)
    canvas.labels[box][depth < 0] = 0
