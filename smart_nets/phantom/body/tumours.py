"""Lung tumours whose inside tells the label: necrotic (0, no benefit) or even (1, durable clinical benefit).

A toy rule, so that the training of a response classifier can be tried and tested without a patient's data. It is no
medical claim: nobody can read the response to immunotherapy off a scan in this way.
"""

from __future__ import annotations

import numpy as np

from smart_nets.phantom.body.nodules import Form, draw_stretch, paint_spicules
from smart_nets.phantom.canvas import Canvas
from smart_nets.phantom.lattice import Noise
from smart_nets.phantom.model import Lesion

DIAMETERS_MM = (20.0, 36.0)
CLEARANCE_MM = 3.0  # tumours may grow close to the pleura and around vessels
ROUGHNESS = 0.09  # of the surface, as a share of the radius
UNEVEN_HU = 8.0  # standard deviation inside living tissue
RIM = (0.20, 0.35)  # living tissue around a necrotic core, as a share of the radius
FLUID_HU = (-2.0, 10.0)  # of the core, whether or not there is contrast medium in the blood
CORE_EDGE_MM = 2.0  # over which living tissue passes into dead tissue
SPICULES = 0.4  # as a share of a malignant nodule's


def draw_tumour(seed: int) -> tuple[int, float]:
    """(label, diameter in mm) of a patient's tumour, without drawing the patient.

    Labels alternate from one seed to the next, so both classes appear equally often; the diameter is drawn without
    looking at the label, so size tells nothing.
    """
    return seed % 2, float(np.random.default_rng([seed, 11]).uniform(*DIAMETERS_MM))


def paint_tumour(canvas: Canvas, lesion: Lesion, contrast: float) -> None:
    """Draw one tumour; the centre is in patient mm.

    All but the core is drawn without looking at the label. Living tissue takes up ``contrast`` medium (0 native,
    1 portal venous phase), dead tissue does not.
    """
    seed = [canvas.warp.seed, 12]
    rng = np.random.default_rng(seed)
    centre, radius = np.asarray(lesion.centre_mm), lesion.diameter_mm / 2
    form = Form(centre, radius, draw_stretch(rng), ROUGHNESS, seed)
    living, fluid, rim = rng.normal(55, 5) + 42 * contrast, rng.uniform(*FLUID_HU), rng.uniform(*RIM) * radius
    box = canvas.box(form.bounds)
    if box is None:
        return
    paint_spicules(canvas, centre, radius, float(living), rng, SPICULES)
    axes = canvas.axes_in(box)
    distance = form.distance(axes)
    tissue = np.float32(living) + np.float32(UNEVEN_HU) * Noise([*seed, 1], 4.0, form.bounds).on(axes)
    if lesion.label == 0:
        thickness = np.float32(rim) * (1 + np.float32(0.2) * Noise([*seed, 4], 9.0, form.bounds).on(axes))
        dead = np.clip(0.5 - (distance + thickness) / np.float32(CORE_EDGE_MM), 0, 1)
        tissue += dead * (np.float32(fluid) - tissue)
    canvas.cover(box, distance, tissue, "nodule")
