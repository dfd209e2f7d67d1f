"""Pelvis and thigh bones, and the muscles around them."""

from __future__ import annotations

import numpy as np

from smart_nets.phantom.anatomy import SPINE, profile
from smart_nets.phantom.body.ribs import sheet
from smart_nets.phantom.body.spine import bone, bundle
from smart_nets.phantom.canvas import Canvas
from smart_nets.phantom.lattice import Array, Bounds, Place
from smart_nets.phantom.patient import Patient
from smart_nets.phantom.shapes import blend, carve, ellipsoid, path

HIP = (87.0, 2.0, 84.0)
HIP_RADIUS = 23.5
ILIUM = np.array([
    [92, 78, -34, 92, 22], [112, 74, -38, 98, 34], [130, 66, -50, 102, 44], [155, 55, -66, 112, 56],
    [185, 52, -74, 121, 62], [205, 56, -72, 124, 52], [222, 66, -62, 123, 34], [236, 88, -42, 116, 8],
])  # fmt: skip
"""Wing of the hip bone: height, (x, y) of its edge at the sacrum, (x, y) of its front edge."""
SACRUM = np.array(
    [[72, 5, 4], [84, 9, 4], [100, 17, 6], [125, 29, 9], [150, 39, 13], [175, 46, 17], [196, 45, 18], [204, 34, 14]]
)
"""Height, half width and half depth."""
HIP_BOX: Bounds = ((0, 150), (-95, 85), (-70, 242))
MIDDLE: Bounds = ((-60, 60), (-110, 20), (66, 210))


def hip_bone(place: Place) -> Array:
    """Right hip bone: wing, socket, sitting bone and pubic bone."""
    wing = sheet(place, ILIUM, 1, 4.2, 7.0)
    wing = np.maximum(wing, -np.float32(1e3) * (place.z < 90))
    socket = ellipsoid(place, HIP, (HIP_RADIUS + 10,) * 3)
    outward = (place.x - HIP[0]) * 0.75 + (HIP[2] - place.z) * 0.6 - 4
    cup = carve(carve(socket, outward, 5), HIP_RADIUS + 2.0 - distance_to(place, HIP), 2)
    sitting = path(place, [(84, -24, 92), (76, -34, 60), (62, -40, 22)], [12, 11, 12.5])
    ramus = path(place, [(62, -36, 14), (40, 6, 28), (14, 44, 52)], [9, 6, 6.5])
    pubis = path(place, [(78, 26, 92), (48, 52, 82), (13, 54, 66)], [8, 7, 9])
    out = blend(blend(wing, cup, 8), blend(sitting, blend(ramus, pubis, 5), 6), 6)
    return np.maximum(out, HIP_RADIUS + 2.0 - distance_to(place, HIP)).astype(np.float32)


def femur(place: Place) -> Array:
    """Right thigh bone: head, neck, trochanters, shaft."""
    neck = path(place, [HIP, (104, -2, 72), (122, -6, 56)], [15, 14, 16])
    shaft = path(place, [(126, -8, 58), (124, -4, 20), (118, 2, -80)], [17, 15, 13.5])
    trochanter = path(place, [(128, -14, 78), (130, -12, 50)], [11, 14])
    lesser = path(place, [(108, -22, 22), (118, -8, 16)], [7, 9])
    ball = distance_to(place, HIP) - HIP_RADIUS
    return blend(blend(ball, neck, 6), blend(blend(shaft, lesser, 6), trochanter, 8), 6)


def distance_to(place: Place, point: tuple[float, float, float]) -> Array:
    x, y, z = point
    return np.sqrt((place.x - x) ** 2 + (place.y - y) ** 2 + (place.z - z) ** 2).astype(np.float32)


def sacrum(place: Place) -> Array:
    middle = profile(place.z, SPINE)
    half, depth = profile(place.z, SACRUM, 1), profile(place.z, SACRUM, 2)
    dy = place.y - middle + 5 + 0.004 * place.x**2
    level = (np.abs(place.x / half) ** 2.6 + np.abs(dy / depth) ** 2.2) ** (1 / 2.3)
    body = (level - 1) * np.minimum(half, depth)
    holes = np.hypot(np.abs(place.x) - 17, 0.5 * (np.abs((place.z - 92) % 24 - 12)) + 1) - 4.0  # for the nerves
    return np.maximum(
        np.maximum(body, -np.maximum(holes, 108 - place.z)), np.maximum(72 - place.z, place.z - 204)
    ).astype(np.float32)


def paint_pelvis(canvas: Canvas, patient: Patient) -> None:
    cortex, marrow = 640 * patient.bone, 150 * patient.bone
    box = canvas.standard_box(MIDDLE)
    if box is not None:
        place = canvas.place(box)
        shape = sacrum(place)
        canvas.cover(box, shape, bone(shape, cortex * 0.7, marrow) + 25 * place.noise(5.0, 50), "pelvis")
    (low, high), depth, height = HIP_BOX
    for x, name in (((low, high), "femur_right"), ((-high, -low), "femur_left")):
        box = canvas.standard_box((x, depth, height))
        if box is None:
            continue
        place = canvas.place(box)
        grain = 25 * place.noise(5.0, 50)
        mirror = x[0] < 0
        shape = canvas.field(lambda p: hip_bone(p.mirrored() if mirror else p), box, 3.0)  # noqa: B023
        canvas.cover(box, shape, bone(shape, cortex, marrow) + grain, "pelvis")
        shape = canvas.field(lambda p: femur(p.mirrored() if mirror else p), box, 3.0)  # noqa: B023
        shaft = np.clip((60 - place.z) / 40, 0, 1)  # yellow marrow in a thick tube
        tissue = bone(shape, cortex * 1.15, marrow + 60, 1.3 + 2.5 * shaft) + grain
        canvas.cover(box, shape, tissue - shaft * np.clip(-shape - 6, 0, 3) * 90, name)


def paint_hip_muscles(canvas: Canvas, patient: Patient) -> None:
    """Bundles with fat between them: gluteal, thigh and inner pelvic muscles."""
    bundles = [
        ([(60, -78, 190), (92, -72, 130), (112, -52, 60)], [14, 27, 20]),  # greatest gluteal
        ([(104, -20, 215), (122, -12, 150), (132, -8, 80)], [12, 17, 8]),  # middle gluteal
        ([(62, -10, 120), (64, -16, 84), (84, -30, 60)], [9, 11, 9]),  # inner obturator
        ([(56, 40, 66), (70, 34, 30), (86, 20, -20)], [14, 18, 20]),  # adductors
        ([(98, 52, 120), (106, 58, 60), (104, 56, -40)], [8, 17, 24]),  # front of the thigh
        ([(66, -42, 20), (78, -52, -40)], [16, 24]),  # back of the thigh
    ]
    for points, radii in bundles:
        for side in (1, -1):
            bundle(canvas, np.asarray(points, float) * [side, 1, 1], np.asarray(radii, float), patient.muscle)
