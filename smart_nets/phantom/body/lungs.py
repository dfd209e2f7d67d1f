"""Inside the lungs: windpipe and bronchi, arteries and veins, and the fissures between lobes."""

from __future__ import annotations

import numpy as np

from smart_nets.phantom.body.trees import grow
from smart_nets.phantom.body.trunk import CHEST, lungs, midline
from smart_nets.phantom.body.vessels import pipe
from smart_nets.phantom.canvas import Canvas
from smart_nets.phantom.model import ORGANS
from smart_nets.phantom.patient import Patient

# fmt: off
# rows of x, y, z and radius in mm
WINDPIPE = np.array([[2, 4, 660, 8.5], [3, -2, 605, 8.5], [6, -12, 560, 8.5], [8, -20, 520, 9]])
BRONCHI = [np.array(rows) for rows in (
    [[8, -20, 520, 8], [22, -22, 504, 7], [34, -24, 494, 6], [40, -30, 472, 5], [50, -42, 440, 3.2],
     [58, -50, 415, 2.2]],
    [[8, -20, 520, 7.5], [-14, -20, 507, 6.5], [-36, -23, 496, 5.5], [-49, -36, 468, 4.2], [-56, -50, 432, 2.8],
     [-62, -54, 412, 2]],
    [[24, -23, 503, 5], [40, -20, 511, 4.2], [56, -16, 524, 3], [68, -18, 545, 2]],
    [[-35, -23, 496, 5], [-48, -12, 508, 4], [-58, -4, 526, 2.8], [-62, -8, 548, 2]],
    [[40, -28, 474, 3.6], [52, -4, 462, 2.8], [66, 22, 450, 2]],
    [[-46, -14, 506, 3.4], [-58, 10, 492, 2.6], [-70, 28, 478, 1.9]],
)]
# fmt: on
HILUM = {1: (40.0, -12.0, 492.0), -1: (-43.0, -16.0, 494.0)}
SAMPLE_MM = 6.0


def paint_airways(canvas: Canvas) -> None:
    """Walls first, then the air in all of them, so that branches open into each other."""
    for table in [WINDPIPE, *BRONCHI]:
        pipe(canvas, table + table[:, 3:] * [0, 0, 0, 0.12] + [0, 0, 0, 0.4], -20.0)
    for table in BRONCHI:
        pipe(canvas, table, -985.0)
    pipe(canvas, WINDPIPE, -985.0, "trachea")


def paint_lung_vessels(canvas: Canvas, patient: Patient) -> None:
    """Two trees in each lung, arteries and veins."""
    rng = np.random.default_rng([patient.seed, 7])
    x, y, z = (np.arange(low, high, SAMPLE_MM, dtype=np.float32) for low, high in CHEST)
    place = canvas.warp.place((x, y, z))
    both, middle = lungs(place), midline(place)
    for side in (1, -1):
        inside = np.argwhere((both < -2) & (side * middle > 0))
        spots = np.asarray(CHEST)[:, 0] + SAMPLE_MM * (inside + rng.uniform(-0.5, 0.5, inside.shape))
        root = canvas.warp.to_patient(np.array([HILUM[side]]))[0]
        heading = np.array([side * 0.9, -0.1, -0.42])
        for count, lift in ((200, 0.0), (160, -16.0)):
            tips = spots[rng.choice(len(spots), count, replace=False)]
            tree = grow(root + np.array([0, -lift / 4, lift]), heading, tips, tip_radius=0.58, widest=5.5)
            canvas.segments(tree.starts, tree.ends, tree.r0, tree.r1, patient.blood - 10)


def paint_fissures(canvas: Canvas) -> None:
    """The oblique fissures, from high at the back to low in front, as faint as something so thin appears."""
    box = canvas.standard_box(CHEST)
    if box is None:
        return
    sheet = canvas.field(lambda p: 0.8 * (p.z - 462 + 0.85 * (p.y - 4) + 5 * p.noise(60.0, 12)), box, 8.0)
    np.abs(sheet, out=sheet)
    sheet -= 0.3
    inside = (canvas.labels[box] == ORGANS["lung_right"]) | (canvas.labels[box] == ORGANS["lung_left"])
    sheet[~inside] = 9
    canvas.cover(box, sheet, -620.0, strength=min(1.0, 1.0 / canvas.edge))
