"""One phantom from one seed."""

from __future__ import annotations

import math

import numpy as np

from smart_nets.errors import ConfigError
from smart_nets.optional import needed
from smart_nets.phantom.body import abdomen, bowel, heart, lungs, pelvis, ribs, spine, vessels
from smart_nets.phantom.body.nodules import CLEARANCE_MM, draw_kinds, paint_nodule
from smart_nets.phantom.body.trunk import paint_flesh, paint_skin
from smart_nets.phantom.body.tumours import CLEARANCE_MM as TUMOUR_CLEARANCE_MM
from smart_nets.phantom.body.tumours import draw_tumour, paint_tumour
from smart_nets.phantom.canvas import Canvas
from smart_nets.phantom.lattice import Axes, Bounds
from smart_nets.phantom.model import ORGANS, TASKS, Lesion, Phantom, Vector
from smart_nets.phantom.patient import REGIONS, Patient, draw_patient
from smart_nets.phantom.placement import place_lesions, to_world
from smart_nets.phantom.texture import scan
from smart_nets.settings import one_of

SPACING_MM = (0.4, 10.0)
SMALLEST_VIEW_MM = 40.0
MOST_NODULES = 8


def patient_name(seed: int) -> str:
    """ "phantom-0007" for seed 7."""
    return f"phantom-{seed:04d}"


def make_phantom(
    seed: int,
    spacing: Vector = (2.0, 2.0, 2.0),
    nodules: int | None = None,
    region: str = "trunk",
    size_mm: Vector | None = None,
    task: str = "malignancy",
) -> Phantom:
    """A synthetic CT of a patient who does not exist; the same arguments give the same voxels.

    Args:
        seed: chooses the patient, 0 or more. The anatomy does not depend on the other arguments; lesions are placed
            inside the field of view, and those for which it has no room are left out.
        spacing: voxel size (x, y, z) in mm, each in [0.4, 10].
        nodules: how many lung nodules, 0 to 8 (2 when not given). Their labels alternate between benign and malignant.
        region: "trunk" (360 x 264 x 600 mm), "chest" (260 mm high) or "abdomen" (290 mm high).
        size_mm: a smaller field of view (x, y, z) in mm around the middle of the region.
        task: "malignancy" for nodules, or "response" for one tumour of 20 to 36 mm that is necrotic (0, no benefit) or
            even (1, durable clinical benefit): a toy rule, no medical claim. Labels alternate from seed to seed.

    Raises:
        ConfigError: an argument outside these ranges.
    """
    nodules = check_phantom(seed, spacing, nodules, region, size_mm, task)
    patient = draw_patient(seed)
    view = field_of_view(region, size_mm)
    canvas = Canvas(voxel_centres(view, spacing), patient.warp)
    one_thread = needed("threadpoolctl", "phantoms").threadpool_limits(1)
    with one_thread:  # many small matrix products: threads would only wait for each other
        paint_anatomy(canvas, patient)
        lesions = paint_lesions(canvas, patient, view, nodules, task)
        image = scan(canvas, patient)
    affine = np.diag([*spacing, 1.0])
    affine[:3, 3] = [axis[0] + shift for axis, shift in zip(canvas.axes, patient.shift, strict=True)]
    world = tuple(to_world(lesion, patient.shift) for lesion in lesions)
    return Phantom(image, canvas.labels, affine, world, patient_name(seed), seed, task)


def paint_anatomy(canvas: Canvas, patient: Patient) -> None:
    """Everything but the nodules, in an order in which what comes later may cover what came before."""
    paint_flesh(canvas, patient)
    spine.paint_back_muscles(canvas, patient)
    pelvis.paint_hip_muscles(canvas, patient)
    paint_skin(canvas, patient)
    pelvis.paint_pelvis(canvas, patient)
    bowel.paint_small_bowel(canvas, patient)
    bowel.paint_colon(canvas, patient)
    abdomen.paint_pelvic_organs(canvas, patient)
    abdomen.paint_solid_organs(canvas, patient)
    bowel.paint_stomach(canvas, patient)
    heart.paint_heart(canvas, patient)
    vessels.paint_vessels(canvas, patient)
    lungs.paint_fissures(canvas)
    lungs.paint_lung_vessels(canvas, patient)
    lungs.paint_airways(canvas)
    ribs.paint_ribs(canvas, patient)
    ribs.paint_shoulders(canvas, patient)
    spine.paint_spine(canvas, patient)


def paint_lesions(canvas: Canvas, patient: Patient, view: Bounds, nodules: int, task: str) -> list[Lesion]:
    """Place and draw what the task asks for; centres are in patient mm."""
    if task == "response":
        tumours = place_lesions(canvas.warp, patient.seed, [draw_tumour(patient.seed)], view, TUMOUR_CLEARANCE_MM)
        for tumour in tumours:
            paint_tumour(canvas, tumour, patient.contrast)
        return tumours
    kinds = draw_kinds(patient.seed, nodules)
    lesions = place_lesions(canvas.warp, patient.seed, kinds, view, CLEARANCE_MM) if kinds else []
    for number, lesion in enumerate(lesions):
        paint_nodule(canvas, lesion, number)
    return lesions


def check_phantom(
    seed: int, spacing: Vector, nodules: int | None, region: str, size_mm: Vector | None, task: str
) -> int:
    """Refuse what cannot be drawn, before any time is spent on it; returns the number of nodules or tumours."""
    if not isinstance(seed, int) or seed < 0:
        raise ConfigError("the seed must be a whole number", where="seed", expected="0 or more", found=seed)
    low, high = SPACING_MM
    if len(spacing) != 3 or not all(low <= s <= high for s in spacing):
        raise ConfigError("out of range", where="spacing", expected=f"3 values in [{low}, {high}] mm", found=spacing)
    one_of("task", task, TASKS)
    least, most, usual = (1, 1, 1) if task == "response" else (0, MOST_NODULES, 2)
    count = usual if nodules is None else nodules
    if not isinstance(count, int) or not least <= count <= most:
        allowed = "1 tumour (task response)" if task == "response" else f"0 to {most}"
        raise ConfigError("cannot place that many", where="nodules", expected=allowed, found=nodules)
    one_of("region", region, REGIONS)
    if size_mm is not None and (len(size_mm) != 3 or not all(s >= SMALLEST_VIEW_MM for s in size_mm)):
        raise ConfigError("field of view too small", where="size_mm", expected="3 values >= 40 mm", found=size_mm)
    return count


def field_of_view(region: str, size_mm: Vector | None) -> Bounds:
    view = REGIONS[region]
    if size_mm is None:
        return view
    middle = [((low + high) / 2, min(size, high - low) / 2) for (low, high), size in zip(view, size_mm, strict=True)]
    x, y, z = ((centre - half, centre + half) for centre, half in middle)
    return x, y, z


def voxel_centres(view: Bounds, spacing: Vector) -> Axes:
    x, y, z = (
        (low + step * (np.arange(max(math.floor((high - low) / step + 1e-6), 2)) + 0.5)).astype(np.float32)
        for (low, high), step in zip(view, spacing, strict=True)
    )
    return x, y, z


ORGAN_CENTRES = (
    *("liver", "kidney_right", "kidney_left", "femur_right", "femur_left", "bladder"),
    *("heart", "lung_right", "lung_left", "spleen", "pancreas"),
)
"""The 11 organs of OrganMNIST3D."""


def organ_centres(phantom: Phantom) -> dict[str, tuple[int, int, int]]:
    """A voxel inside each of OrganMNIST3D's 11 organs: the one nearest to the organ's centroid.

    Organs outside the field of view are absent from the answer.
    """
    centres = {}
    for name in ORGAN_CENTRES:
        inside = np.argwhere(phantom.labels == ORGANS[name])
        if len(inside):
            nearest = np.argmin(((inside - inside.mean(axis=0)) ** 2).sum(axis=1))
            i, j, k = inside[nearest].tolist()
            centres[name] = (i, j, k)
    return centres
