"""Great vessels: the aorta with its arch and branches, the caval and iliac veins, the pulmonary trunk; and the gullet.

Tables hold x, y, z and the radius along each of them, in mm of the standard anatomy.
"""

from __future__ import annotations

import numpy as np

from smart_nets.phantom.canvas import Canvas
from smart_nets.phantom.lattice import Points
from smart_nets.phantom.patient import Patient
from smart_nets.phantom.shapes import smooth_curve

# fmt: off
AORTA = np.array([
    [2, 20, 466, 13], [12, 28, 492, 15], [13, 29, 515, 15], [2, 17, 534, 14], [-16, -8, 539, 13], [-26, -32, 529, 12.5],
    [-28, -43, 505, 12], [-26, -38, 450, 11.5], [-18, -24, 410, 11], [-10, -10, 365, 10], [-7, 0, 320, 9.5],
    [-5, 9, 270, 8.5], [-3, 11, 236, 8],
])
ARTERIES = [np.array(rows) for rows in (
    [[9, 18, 533, 6], [16, 8, 556, 6], [26, 0, 580, 5.5], [34, -8, 625, 5]],  # to the head and the arms
    [[-4, 8, 540, 4], [-12, 0, 575, 4], [-20, 0, 625, 4]],
    [[-18, -12, 542, 5], [-28, -14, 570, 5], [-44, -18, 595, 5], [-80, -10, 612, 5]],
    [[-3, 11, 238, 6.5], [28, 2, 205, 6], [50, -2, 165, 5.5], [70, 26, 115, 5], [80, 60, 75, 4.5],
     [84, 62, 0, 4.5]],
    [[-3, 11, 238, 6.5], [-30, 4, 205, 6], [-50, 0, 165, 5.5], [-70, 26, 115, 5], [-80, 60, 75, 4.5],
     [-84, 62, 0, 4.5]],
)]
LOWER_CAVAL_VEIN = np.array([
    [14, 8, 226, 10], [19, 4, 290, 10], [21, -2, 350, 11], [22, -6, 400, 12], [20, 4, 428, 12],
])
VEINS = [np.array(rows) for rows in (
    [[22, 14, 556, 8], [25, 14, 520, 9], [25, 16, 466, 9]],  # upper caval vein
    [[22, 14, 554, 7], [-8, 24, 560, 6.5], [-34, 14, 574, 6]],
    [[22, 14, 554, 7], [34, 8, 585, 7], [36, 2, 625, 6]],
    [[-34, 14, 574, 6], [-38, 4, 625, 6]],
    [[-18, 42, 462, 13], [-17, 28, 492, 13.5], [-13, 8, 507, 12], [-26, -8, 513, 10],
     [-44, -22, 507, 8]],  # to the lungs
    [[-13, 8, 506, 11], [14, -5, 503, 10], [42, -9, 498, 8]],
    [[-8, -18, 468, 8], [20, -18, 470, 7], [42, -16, 474, 6]],  # lungs to heart
    [[-8, -16, 468, 8], [-32, -18, 468, 7], [-47, -20, 474, 6]],
    [[4, -12, 474, 7], [24, 0, 482, 6], [42, 4, 490, 5]],
    [[-16, -12, 474, 7], [-34, -4, 484, 6], [-46, 2, 492, 5]],
    [[14, 6, 230, 8], [32, -10, 200, 7], [52, -14, 160, 7], [64, 20, 110, 6], [70, 54, 72, 6],
     [72, 55, 0, 5.5]],  # of the legs
    [[14, 4, 228, 8], [-20, -8, 205, 7], [-50, -14, 160, 7], [-64, 20, 110, 6], [-70, 54, 72, 6],
     [-72, 55, 0, 5.5]],
)]
GULLET = np.array([
    [-2, -20, 640, 6], [-5, -27, 590, 6], [-4, -34, 545, 6], [-5, -34, 505, 6.5], [-8, -28, 455, 6.5],
    [-18, -14, 420, 7], [-32, -6, 402, 7],
])
# fmt: on


def pipe(canvas: Canvas, table: Points, tissue: float, organ: str | None = None, halo: float = 0.0) -> None:
    """A smooth tube through rows of (x, y, z, radius), with a sheath of fat when ``halo`` mm is given."""
    length = np.linalg.norm(np.diff(table[:, :3], axis=0), axis=1).sum()
    line = smooth_curve(table, max(int(length / 7), 4))
    if halo:
        canvas.tube(line[:, :3], line[:, 3] + halo, -85.0)
    canvas.tube(line[:, :3], line[:, 3], tissue, organ)


def paint_vessels(canvas: Canvas, patient: Patient) -> None:
    """The gullet with a thread of air, then veins, then arteries, which hold more contrast."""
    pipe(canvas, GULLET, 35.0, halo=1.5)
    pipe(canvas, GULLET - np.array([0, 0, 0, 5]), -300.0)
    pipe(canvas, LOWER_CAVAL_VEIN, patient.blood - 12)
    for table in VEINS:
        pipe(canvas, table, patient.blood - 12, halo=1.5)
    for table in ARTERIES:
        pipe(canvas, table, patient.blood, halo=1.0)
    pipe(canvas, AORTA, patient.blood, "aorta", halo=1.5)
