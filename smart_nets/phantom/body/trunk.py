"""The outline of the body, its layers, and the lungs with the diaphragm under them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from smart_nets.phantom.anatomy import CAGE, CAVITY, MUSCLE, SPINE, SUBCUTANEOUS, profile
from smart_nets.phantom.canvas import AIR, Canvas
from smart_nets.phantom.lattice import Array, Bounds, Place
from smart_nets.phantom.model import ORGANS
from smart_nets.phantom.patient import Patient
from smart_nets.phantom.shapes import blend, carve, ellipsoid, rotation

INSIDE: Bounds = ((-140, 140), (-80, 90), (-60, 440))
ARMPITS: Bounds = ((-145, 145), (-50, 60), (480, 610))
CHEST: Bounds = ((-140, 140), (-110, 100), (335, 590))
LAYER_MM = 24.0
HEART_CENTRE, HEART_RADII = (-24.0, 20.0, 446.0), (62.0, 44.0, 45.0)
HEART_TURN = rotation(yaw=-38, roll=-18)  # its tip points to the left, forwards and down


def oval(place: Place, table: NDArray[np.float64], power: float) -> Array:
    """Signed distance, along the radius, to a trunk whose cross-sections are superellipses."""
    x, y = place.x, place.y - profile(place.z, table, 3)
    level = (np.abs(x / profile(place.z, table, 1)) ** power + np.abs(y / profile(place.z, table, 2)) ** power) ** (
        1 / power
    )
    level = np.maximum(level, np.float32(1e-3))
    return np.sqrt(x * x + y * y) * (1 - 1 / level)


def muscle(place: Place) -> Array:
    """The trunk without skin and fat: with a furrow along the spine, and two thighs at its lower end."""
    trunk = oval(place, MUSCLE, 2.5) + 1.5 * place.noise(60.0, 1)
    furrow = 7 * np.exp(-((place.x / 16) ** 2)) * (place.y < 0) * np.clip((place.z - 130) / 60, 0, 1)
    cleft = 30 * np.exp(-((place.x / 12) ** 2)) * (place.y < -20) * np.clip((150 - place.z) / 90, 0, 1)
    thighs = np.sqrt(((np.abs(place.x) - 84) / 0.80) ** 2 + (place.y + 2) ** 2) * np.float32(0.88) - 84
    leg = np.clip((62 - place.z) / 60, 0, 1)
    return (trunk + furrow + cleft) * (1 - leg) + np.maximum(thighs, trunk) * leg


def fat_thickness(place: Place, fat: float) -> Array:
    """mm of fat under the skin: more at the flanks and the belly, least over the shoulders and the breastbone."""
    angle = np.arctan2(place.y, np.abs(place.x))
    around = 1 + 0.25 * np.cos(2 * angle + 0.6) + 0.12 * place.noise(90.0, 2)
    return np.maximum(fat * profile(place.z, SUBCUTANEOUS) * around, 3)


def cage(place: Place) -> Array:
    return oval(place, CAGE, 2.25) + place.noise(60.0, 3)


def diaphragm(place: Place) -> Array:
    """Height of the diaphragm above each position, in mm: it rises steeply from the ribs, highest on the right."""
    inward = np.clip(-oval(place, CAGE, 2.25) / 62, 0, 1)
    rim = 371 + 0.34 * place.y + 4 * place.noise(60.0, 9)
    top = 427 + 8 * np.tanh(place.x / 30) - 8 * np.exp(-((place.x / 26) ** 2)) + 3 * place.noise(60.0, 4)
    return rim + (top - rim) * np.sqrt(np.clip(1 - (1 - inward) ** 2, 0, 1)) - place.z


def chest(place: Place) -> Array:
    """Inside of the ribs, above the diaphragm."""
    return np.maximum(cage(place), 0.7 * diaphragm(place) - 4)


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
    aorta = np.sqrt((place.x + 25) ** 2 + (place.y - spine - 11) ** 2) - 16
    front = np.sqrt((place.x + 6) ** 2 + (0.5 * (place.y - 76)) ** 2) - 21  # fat behind the breastbone
    out = blend(blend(column, upper, 12), blend(septum, heart(place) - 5, 14), 14)
    return blend(blend(out, np.maximum(aorta, place.z - 520), 8), front, 10) + 1.5 * place.noise(25.0, 7)


def lungs(place: Place) -> Array:
    """Signed distance to both lungs; ``midline`` tells them apart."""
    inside = carve(cage(place), 0.7 * diaphragm(place), 5)
    return carve(inside, -mediastinum(place), 8)


def midline(place: Place) -> Array:
    """Distance from the plane between the lungs: above 0 on the right."""
    return place.x + np.float32(2)


def muscle_layers(place: Place) -> Array:
    """Which layer of muscle a point is in, counted from the skin; layers are warped, so that they look like bundles."""
    shallow = np.maximum(muscle(place), -1.3 * LAYER_MM)  # deeper inside there are bundles, no layers
    return shallow / LAYER_MM + 0.8 * place.noise(45.0, 8) + 0.5


def armpits(place: Place) -> Array:
    x = np.abs(place.x) - 118
    return (
        np.sqrt((x / 17) ** 2 + ((place.y - 4) / 34) ** 2 + ((place.z - 545) / 48) ** 2) * 20
        - 20
        + 4 * place.noise(25.0, 10)
    )


def paint_flesh(canvas: Canvas, patient: Patient) -> None:
    """Muscles with fat between them, the lungs, and the fat of belly and mediastinum."""
    layers = canvas.field(muscle_layers, canvas.whole, 5.0)
    layers -= np.rint(layers)  # one sheet of fat at each whole number
    np.abs(layers, out=layers)
    layers *= LAYER_MM
    layers -= 0.8
    canvas.image[...] = patient.muscle
    canvas.labels[...] = ORGANS["body"]
    canvas.cover(canvas.whole, layers, -75.0)
    canvas.paint(armpits, ARMPITS, -95.0)
    canvas.paint(chest, CHEST, -88.0, step=5.0)
    canvas.paint(cavity, INSIDE, -100.0, step=5.0)
    box = canvas.standard_box(CHEST)
    if box is not None:
        both, middle = canvas.field(lungs, box, 4.0), canvas.field(midline, box, 12.0)
        canvas.cover(box, np.maximum(both, 0.5 - middle), -870.0, "lung_right")
        canvas.cover(box, np.maximum(both, 0.5 + middle), -870.0, "lung_left")


def paint_skin(canvas: Canvas, patient: Patient) -> None:
    """Fat under the skin, skin, and the air around; what was painted outside of the body goes."""
    box = canvas.whole
    depth = canvas.field(muscle, box, 5.0)
    np.negative(depth, out=depth)
    canvas.cover(box, depth, -106.0)
    depth += canvas.field(lambda p: fat_thickness(p, patient.fat), box, 10.0)
    depth -= 2
    canvas.cover(box, depth, 15.0)
    depth += 2
    canvas.cover(box, depth, AIR)
    canvas.labels[box][depth < 0] = 0
