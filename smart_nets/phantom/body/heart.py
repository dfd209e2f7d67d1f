"""The heart: a muscle around four chambers of blood, in a bag of fat."""

from __future__ import annotations

from functools import partial

from smart_nets.phantom.body.trunk import heart
from smart_nets.phantom.canvas import Canvas
from smart_nets.phantom.lattice import Array, Bounds, Place
from smart_nets.phantom.patient import Patient
from smart_nets.phantom.shapes import Point, carve, ellipsoid, rotation, smooth_curve

HEART_BOX: Bounds = ((-105, 60), (-50, 85), (385, 510))
CHAMBERS: list[tuple[Point, Point, tuple[float, float, float]]] = [  # centre, radii, turn in degrees
    ((-46, 14, 438), (35, 19, 22), (-38, 0, -18)),  # left ventricle
    ((-14, 44, 440), (33, 13, 27), (-30, 0, -10)),  # right ventricle
    ((19, 20, 448), (18, 26, 28), (0, 0, 0)),  # right atrium
    ((-8, -14, 465), (30, 15, 18), (0, 0, 0)),  # left atrium
]
FURROWS = [[(32, 48, 462), (24, 54, 440), (14, 48, 415)], [(-24, 62, 460), (-52, 55, 440), (-76, 44, 418)]]
"""Between atria and ventricles, where the coronary vessels run in fat."""


def paint_heart(canvas: Canvas, patient: Patient) -> None:
    canvas.paint(heart, HEART_BOX, 48 + 55 * patient.contrast, "heart", step=3.0, halo=(4, -85.0))
    for number in range(len(CHAMBERS)):
        canvas.paint(partial(chamber, number=number), HEART_BOX, patient.blood, "heart", step=3.0)
    for line in FURROWS:
        points = smooth_curve(line, 12)
        canvas.tube(points, 4.0, -60.0, "heart")
        canvas.tube(points, 1.5, patient.blood, "heart")


def chamber(place: Place, number: int) -> Array:
    """Signed distance to the blood of one chamber; the wall around it is at least 4 mm thick."""
    centre, radii, turn = CHAMBERS[number]
    inside = ellipsoid(place, centre, radii, rotation(*turn)) + 1.2 * place.noise(25.0, 20 + number)
    return carve(inside, heart(place) + 4, 4)
