"""Heart, great vessels, airways and the vessels of the lungs."""

from __future__ import annotations

from functools import partial

import numpy as np
from numpy.typing import NDArray

from smart_nets.data.phantom.canvas import Canvas
from smart_nets.data.phantom.lattice import Array, Bounds, Place
from smart_nets.data.phantom.model import ORGANS
from smart_nets.data.phantom.patient import Patient
from smart_nets.data.phantom.shapes import Point, carve, ellipsoid, rotation, smooth_curve
from smart_nets.data.phantom.trees import grow
from smart_nets.data.phantom.trunk import CHEST, HEART_TURN, heart, lung

HEART_BOX: Bounds = ((-105, 60), (-50, 85), (385, 510))
AORTA = np.array([
    [2, 20, 466, 13], [12, 28, 492, 15], [14, 28, 515, 15], [6, 14, 534, 14], [-10, -12, 538, 13], [-22, -32, 524, 12.5],
    [-24, -34, 500, 12], [-23, -31, 450, 11.5], [-17, -22, 410, 11], [-10, -10, 365, 10], [-7, 0, 320, 9.5], [-5, 9, 270, 8.5],
    [-3, 11, 236, 8],
])  # fmt: skip
VEINS = [
    np.array([[14, 8, 226, 10], [19, 4, 290, 10], [21, -2, 350, 11], [22, -6, 400, 12], [20, 4, 428, 12]]),  # lower caval vein
    np.array([[22, 14, 556, 8], [25, 14, 520, 9], [25, 16, 466, 9]]),  # upper caval vein
    np.array([[22, 14, 554, 7], [-8, 24, 560, 6.5], [-34, 14, 574, 6]]),
    np.array([[22, 14, 554, 7], [34, 8, 585, 7], [36, 2, 625, 6]]),
    np.array([[-34, 14, 574, 6], [-38, 4, 625, 6]]),
    np.array([[-18, 42, 462, 13], [-17, 28, 492, 13.5], [-13, 8, 507, 12], [-26, -10, 512, 10], [-44, -24, 506, 8]]),  # pulmonary
    np.array([[-13, 8, 506, 11], [14, -5, 503, 10], [42, -9, 498, 8]]),
    np.array([[-8, -18, 468, 8], [20, -18, 470, 7], [42, -16, 474, 6]]),  # to the left atrium
    np.array([[-8, -16, 468, 8], [-32, -20, 468, 7], [-47, -22, 472, 6]]),
    np.array([[4, -12, 474, 7], [24, 0, 482, 6], [42, 4, 490, 5]]),
    np.array([[-16, -12, 474, 7], [-34, -4, 484, 6], [-46, 2, 492, 5]]),
]
ARTERIES = [
    np.array([[9, 18, 533, 6], [16, 8, 556, 6], [26, 0, 580, 5.5], [34, -8, 625, 5]]),
    np.array([[0, 2, 540, 4], [-10, 0, 575, 4], [-18, 0, 625, 4]]),
    np.array([[-10, -12, 540, 5], [-26, -14, 570, 5], [-44, -18, 595, 5], [-80, -10, 612, 5]]),
    np.array([[-3, 11, 238, 6.5], [28, 2, 205, 6], [50, -2, 165, 5.5], [70, 26, 115, 5], [80, 60, 75, 4.5], [84, 62, 0, 4.5]]),
    np.array([[-3, 11, 238, 6.5], [-30, 4, 205, 6], [-50, 0, 165, 5.5], [-70, 26, 115, 5], [-80, 60, 75, 4.5], [-84, 62, 0, 4.5]]),
]
ILIAC_VEINS = [
    np.array([[14, 6, 230, 8], [32, -10, 200, 7], [52, -14, 160, 7], [64, 20, 110, 6], [70, 54, 72, 6], [72, 55, 0, 5.5]]),
    np.array([[14, 4, 228, 8], [-20, -8, 205, 7], [-50, -14, 160, 7], [-64, 20, 110, 6], [-70, 54, 72, 6], [-72, 55, 0, 5.5]]),
]
OESOPHAGUS = np.array([[-2, -20, 640, 6], [-6, -26, 590, 6], [-9, -34, 545, 6], [-6, -33, 505, 6.5], [-9, -27, 455, 6.5],
                       [-18, -14, 420, 7], [-32, -6, 402, 7]])  # fmt: skip
TRACHEA = np.array([[2, 4, 660, 8.5], [2, -2, 605, 8.5], [3, -12, 560, 8.5], [5, -20, 520, 9]])
BRONCHI = [
    np.array([[5, -20, 520, 8], [20, -22, 504, 7], [34, -24, 494, 6], [40, -30, 472, 5], [50, -42, 440, 3.2], [58, -50, 415, 2.2]]),
    np.array([[5, -20, 520, 7.5], [-16, -24, 505, 6.5], [-38, -28, 494, 5.5], [-47, -38, 468, 4.2], [-56, -50, 432, 2.8], [-62, -54, 412, 2]]),
    np.array([[24, -23, 503, 5], [40, -20, 511, 4.2], [56, -16, 524, 3], [68, -18, 545, 2]]),
    np.array([[-36, -27, 495, 5], [-48, -12, 508, 4], [-58, -4, 526, 2.8], [-62, -8, 548, 2]]),
    np.array([[40, -28, 474, 3.6], [52, -4, 462, 2.8], [66, 22, 450, 2]]),
    np.array([[-46, -14, 506, 3.4], [-58, 10, 492, 2.6], [-70, 28, 478, 1.9]]),
]
HILUM = {1: (40.0, -12.0, 492.0), -1: (-43.0, -18.0, 494.0)}


def paint_heart(canvas: Canvas, patient: Patient) -> None:
    """A muscle around four chambers of blood, in a bag of fat."""
    wall, blood = 48 + 55 * patient.contrast, patient.blood
    canvas.paint(heart, HEART_BOX, wall, "heart", step=3.0, halo=(4, -85.0))
    chambers: list[tuple[Point, Point, tuple[float, float, float]]] = [
        ((-46, 14, 438), (35, 19, 22), (-38, 0, -18)),  # left ventricle
        ((-14, 44, 440), (33, 13, 27), (-30, 0, -10)),  # right ventricle
        ((19, 20, 448), (18, 26, 28), (0, 0, 0)),  # right atrium
        ((-8, -14, 465), (30, 15, 18), (0, 0, 0)),  # left atrium
    ]
    for number, (centre, radii, (yaw, pitch, roll)) in enumerate(chambers):
        turn = rotation(yaw, pitch, roll)
        inside = partial(chamber, centre=centre, radii=radii, turn=turn, salt=20 + number)
        canvas.paint(inside, HEART_BOX, blood, "heart", step=3.0)
    # the furrow between atria and ventricles holds fat and the coronary vessels
    for line in ([(32, 48, 462), (24, 54, 440), (14, 48, 415)], [(-24, 62, 460), (-52, 55, 440), (-76, 44, 418)]):
        points = smooth_curve(line, 12)
        canvas.tube(points, 4.0, -60.0, "heart")
        canvas.tube(points, 1.5, blood, "heart")


def chamber(place: Place, centre: Point, radii: Point, turn: NDArray[np.float64], salt: int) -> Array:
    inside = ellipsoid(place, centre, radii, turn) + 1.2 * place.noise(25.0, salt)
    return carve(inside, heart(place) + 4, 4)


def pipe(canvas: Canvas, table: NDArray[np.float64], tissue: float, organ: str | None = None, halo: float = 0.0) -> None:
    """A vessel through rows of (x, y, z, radius), smooth, with a sheath of fat when ``halo`` mm is given."""
    line = smooth_curve(table, max(int(np.linalg.norm(np.diff(table[:, :3], axis=0), axis=1).sum() / 7), 4))
    if halo:
        canvas.tube(line[:, :3], line[:, 3] + halo, -85.0)
    canvas.tube(line[:, :3], line[:, 3], tissue, organ)


def paint_vessels(canvas: Canvas, patient: Patient) -> None:
    """Aorta with its arch and branches, caval and iliac veins, pulmonary trunk, gullet."""
    pipe(canvas, OESOPHAGUS, 35.0, halo=1.5)
    pipe(canvas, OESOPHAGUS - [0, 0, 0, 5], -300.0)
    for number, table in enumerate(VEINS + ILIAC_VEINS):
        pipe(canvas, table, patient.blood - 12, halo=1.5 if number else 0.0)  # the liver holds the first one
    for table in ARTERIES:
        pipe(canvas, table, patient.blood, halo=1.0)
    pipe(canvas, AORTA, patient.blood, "aorta", halo=1.5)


def paint_airways(canvas: Canvas) -> None:
    for table in [TRACHEA, *BRONCHI]:
        pipe(canvas, table + np.array([0, 0, 0, 0.4]) + table[:, 3:] * [0, 0, 0, 0.12], -20.0)
    for table in [*BRONCHI, TRACHEA]:
        pipe(canvas, table, -985.0, "trachea" if table is TRACHEA else None)


def paint_lung_vessels(canvas: Canvas, patient: Patient) -> None:
    """Arteries and veins of both lungs."""
    rng = np.random.default_rng([patient.seed, 7])
    axes = tuple(np.arange(low, high, 6, dtype=np.float32) for low, high in CHEST)
    place = canvas.warp.place(axes)  # type: ignore[arg-type]
    for side in (1, -1):
        inside = np.argwhere(lung(place, side) < -2)
        candidates = np.asarray(CHEST)[:, 0] + 6.0 * inside + rng.uniform(-3, 3, inside.shape)
        root = canvas.warp.to_patient(np.array([HILUM[side]]))[0]
        heading = np.array([side * 0.9, -0.1, -0.42])
        for count, lift in ((200, 0.0), (160, -16.0)):
            tips = candidates[rng.choice(len(candidates), count, replace=False)]
            tree = grow(root + [0, -lift / 4, lift], heading, tips, tip_radius=0.58, widest=5.5)
            canvas.segments(tree.starts, tree.ends, tree.r0, tree.r1, patient.blood - 10)


def paint_fissures(canvas: Canvas) -> None:
    """The oblique fissures between the lobes, from high at the back to low in front; as thin as a fissure is."""
    box = canvas.standard_box(CHEST)
    if box is None:
        return
    sheet = canvas.field(lambda p: 0.8 * (p.z - 462 + 0.85 * (p.y - 4) + 5 * p.noise(60.0, 12)), box, 8.0)
    np.abs(sheet, out=sheet)
    sheet -= 0.3
    lungs = (canvas.labels[box] == ORGANS["lung_right"]) | (canvas.labels[box] == ORGANS["lung_left"])
    sheet[~lungs] = 9
    canvas.cover(box, sheet, -620.0, strength=min(1.0, 1.0 / canvas.edge))
