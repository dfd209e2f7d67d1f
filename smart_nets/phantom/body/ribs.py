"""Ribs with their cartilage, breastbone, collar bones and shoulder blades."""

from __future__ import annotations

from functools import partial

import numpy as np
from numpy.typing import NDArray

from smart_nets.phantom.anatomy import CAGE, SPINE
from smart_nets.phantom.body.spine import THORACIC, bone
from smart_nets.phantom.canvas import Canvas
from smart_nets.phantom.lattice import Array, Bounds, Place
from smart_nets.phantom.patient import Patient
from smart_nets.phantom.shapes import smooth_curve

FRONT_HEIGHT = (561, 537, 511, 487, 463, 440, 416, 395, 378, 362, 350, 340)
"""Height of the front end of each bony rib, 1 to 12."""
JOINT_HEIGHT = (553, 531, 511, 494, 478, 463, 450, 428, 408, 388)
"""Height at which the cartilage of ribs 1 to 10 meets the breastbone or the cartilage above it."""
FRONT_ANGLE = (50, 52, 54, 55, 56, 54, 48, 38, 26, 14, -12, -38)
"""Its direction seen from the middle of the chest, in degrees: -90 is the spine, 0 the side, 90 the breastbone."""
TALL = 0.62  # thickness over height of a rib
STERNUM = np.array(
    [
        [424, 4, 3],
        [432, 9, 4],
        [450, 15, 5],
        [500, 15, 5.5],
        [520, 14, 5.5],
        [535, 20, 6.5],
        [552, 26, 7.5],
        [560, 22, 7],
    ]
)
"""Height, half width and half thickness."""
BLADE = np.array([[448, 92, -84, 97, -80], [470, 86, -86, 104, -76], [510, 78, -87, 120, -64], [545, 72, -85, 134, -44],
                  [566, 74, -80, 140, -34], [580, 100, -66, 140, -34]])  # fmt: skip
"""Shoulder blade: height, then (x, y) of its inner and its outer edge."""


def on_cage(angle: NDArray[np.float64], height: NDArray[np.float64], out: float) -> NDArray[np.float64]:
    """Points (N, 3) ``out`` mm outside of the space inside the ribs, at angles in degrees."""
    a, b, middle = (np.interp(np.minimum(height, 571), CAGE[:, 0], CAGE[:, k]) for k in (1, 2, 3))
    cos, sin = np.cos(np.radians(angle)), np.sin(np.radians(angle))
    radius = (np.abs(cos / (a + out)) ** 2.25 + np.abs(sin / (b + out)) ** 2.25) ** (-1 / 2.25)
    return np.column_stack([radius * cos, middle + radius * sin, height])


def rib(number: int) -> NDArray[np.float64]:
    """Path (N, 3) of a right rib, 0 to 11, from the spine to the front end of its bone."""
    start = float(THORACIC[number]) + 5
    back = float(np.interp(start, SPINE[:, 0], SPINE[:, 1]))
    share = np.linspace(0, 1, 24)
    angle = -67 + share * (FRONT_ANGLE[number] + 67)
    height = start - 3 + share**1.15 * (FRONT_HEIGHT[number] - start)
    arc = on_cage(angle, height, 6.0)
    head = [[17, back - 6, start], [25, back - 24, start + 1]]
    return smooth_curve(np.vstack([head, arc]), 26)


def paint_ribs(canvas: Canvas, patient: Patient) -> None:
    cortex, marrow = 480 * patient.bone, 120 * patient.bone
    for number in range(12):
        right = rib(number)
        size = 3.0 if number in (0, 11) else 3.4
        for side in (1, -1):
            line = right * [side, 1, 1]
            ends = np.minimum(np.arange(len(line)) / 2 + 2.2, size)
            canvas.tube(line, ends, cortex, "ribs", squash=TALL)
            canvas.tube(line, ends - 1.7, marrow, "ribs", squash=TALL)
            if number < 10:
                cartilage(canvas, line[-1], number, side)


def cartilage(canvas: Canvas, end: NDArray[np.float64], number: int, side: int) -> None:
    """From the front end of a rib to the breastbone, or up to the cartilage above."""
    height = np.linspace(end[2], JOINT_HEIGHT[number], 10)
    start = np.degrees(np.arctan2(end[1], abs(end[0])))
    stop = 80 if number < 7 else 70
    line = on_cage(np.linspace(start, stop, 10), height, 6.0) * [side, 1, 1]
    canvas.tube(np.vstack([end, line[1:]]), 4.6, 95.0)


def sternum(place: Place) -> Array:
    front = np.interp(place.z, CAGE[:, 0], CAGE[:, 2] + CAGE[:, 3]).astype(np.float32)
    half = np.interp(place.z, STERNUM[:, 0], STERNUM[:, 1]).astype(np.float32)
    thick = np.interp(place.z, STERNUM[:, 0], STERNUM[:, 2]).astype(np.float32)
    plate = np.hypot(np.maximum(np.abs(place.x) - half + thick, 0), place.y - front - 7 + 0.004 * place.x**2) - thick
    joint = np.abs(place.z - 531) - 1.5
    return np.maximum(np.maximum(plate, -joint), np.maximum(424 - place.z, place.z - 560)).astype(np.float32)


def sheet(place: Place, table: NDArray[np.float64], side: int, thickness: float, bow: float) -> Array:
    """A plate of bone that stands upright: at each height from (x0, y0) to (x1, y1), bent ``bow`` mm outwards."""
    x0, y0, x1, y1 = (np.interp(place.z, table[:, 0], table[:, k]).astype(np.float32) for k in range(1, 5))
    x = place.x * side - x0
    ax, ay = x1 - x0, y1 - y0
    dy = place.y - y0
    t = np.clip((x * ax + dy * ay) / (ax**2 + ay**2), 0, 1)
    half = thickness * (0.7 + 1.2 * (2 * t - 1) ** 2)  # thin in the middle, thick at both edges
    bend = bow * 4 * t * (1 - t) / np.hypot(ax, ay)
    plate = np.hypot(x - t * ax - bend * ay, dy - t * ay + bend * ax) - half
    return np.maximum(plate, np.maximum(table[0, 0] - place.z, place.z - table[-1, 0])).astype(np.float32)


def paint_shoulders(canvas: Canvas, patient: Patient) -> None:
    cortex, marrow = 560 * patient.bone, 220 * patient.bone
    canvas.paint(
        sternum,
        ((-40, 40), (10, 110), (418, 566)),
        lambda d: bone(d, cortex * 0.75, marrow * 0.7),
        "sternum",
        step=None,
    )
    for side in (1, -1):
        across = (64.0, 150.0) if side == 1 else (-150.0, -64.0)
        plate = partial(sheet, table=BLADE, side=side, thickness=2.8, bow=3.0)
        box: Bounds = (across, (-105.0, -20.0), (442.0, 584.0))
        canvas.paint(plate, box, lambda d: bone(d, cortex, marrow + 150), step=None)
        ridge = np.array([(78, -92, 545), (100, -90, 556), (130, -70, 576), (150, -48, 592)], float) * [side, 1, 1]
        canvas.tube(smooth_curve(ridge, 10), 3.6, cortex * 0.8)
        collar = np.array([(17, 44, 556), (44, 48, 568), (84, 34, 584), (124, 2, 598), (150, -30, 604)], float) * [
            side,
            1,
            1,
        ]
        line = smooth_curve(collar, 18)
        canvas.tube(line, 6.0, cortex)
        canvas.tube(line, 3.4, marrow)
        arm = np.array([(130, -22, 583), (135, -16, 604), (144, -8, 640)], float) * [side, 1, 1]
        canvas.tube(arm, np.array([18, 19, 13]), cortex * 0.8)
        canvas.tube(arm, np.array([16, 17, 9]), marrow)
