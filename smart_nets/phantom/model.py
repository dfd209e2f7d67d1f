"""What a phantom is: an image, its labels, its place in the world and its lesions in the lungs."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

ORGANS: dict[str, int] = {
    name: number
    for number, name in enumerate(
        [
            "body", "lung_right", "lung_left", "trachea", "heart", "aorta", "liver", "gallbladder", "spleen", "stomach",
            "pancreas", "kidney_right", "kidney_left", "bowel", "bladder", "spine", "ribs", "sternum", "pelvis",
            "femur_right", "femur_left", "nodule",
        ],
        start=1,
    )
}  # fmt: skip
"""Label values. 0 is outside the patient; "body" is everything inside that has no name of its own."""

TASKS: dict[str, tuple[str, str]] = {
    "malignancy": ("benign", "malignant"),
    "response": ("no benefit", "durable clinical benefit"),
}
"""What lesions are labelled for, and the names of label 0 and 1."""

Vector = tuple[float, float, float]


@dataclass(frozen=True)
class Lesion:
    """A lung nodule or tumour: its label (see ``TASKS``), centre in the world (RAS), diameter of its volume's sphere."""

    label: int
    centre_mm: Vector
    diameter_mm: float
    organ: str


@dataclass(frozen=True)
class Phantom:
    """A synthetic CT.

    ``image`` is int16 HU of shape (X, Y, Z), its axes growing towards the patient's Right, Anterior and Superior;
    ``labels`` is uint8 of the same shape with the values of ``ORGANS``; ``affine`` (4, 4) takes voxels to RAS mm.
    """

    image: NDArray[np.int16] = field(repr=False)
    labels: NDArray[np.uint8] = field(repr=False)
    affine: NDArray[np.float64] = field(repr=False)
    lesions: tuple[Lesion, ...]
    patient_id: str
    seed: int
    task: str = "malignancy"

    @property
    def spacing(self) -> Vector:
        """Voxel size in mm."""
        x, y, z = np.diag(self.affine)[:3].tolist()
        return x, y, z
