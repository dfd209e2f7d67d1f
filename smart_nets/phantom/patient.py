"""How one patient differs from another: all of it drawn from the seed, none of it from the voxel size."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from smart_nets.phantom.lattice import Bounds, Warp
from smart_nets.phantom.model import Vector

REGIONS: dict[str, Bounds] = {
    "trunk": ((-180.0, 180.0), (-150.0, 134.0), (0.0, 600.0)),
    "chest": ((-180.0, 180.0), (-150.0, 134.0), (340.0, 600.0)),
    "abdomen": ((-180.0, 180.0), (-150.0, 134.0), (160.0, 450.0)),
}
"""Field of view in mm; 0 is the patient's midline, the middle of the trunk's depth and the ischial tuberosities."""

DEPTH = 1.1  # front to back, an average adult in units of the standard anatomy's tables


@dataclass(frozen=True)
class Patient:
    """One body. Sizes are factors of the standard anatomy, tissues are in HU."""

    seed: int
    scale: Vector
    fat: float  # mm under the skin of the abdomen
    contrast: float  # 0 native, 1 portal venous phase
    noise: float  # standard deviation in HU inside the abdomen
    bone: float  # mineral density, 1 is that of a healthy adult of 50
    shift: Vector  # world position of the anatomy's origin in mm
    wobble: tuple[float, ...]  # standard normal numbers for small shifts of organs

    @property
    def warp(self) -> Warp:
        return Warp(self.seed, self.scale)

    @property
    def blood(self) -> float:
        return 42 + 130 * self.contrast

    @property
    def liver(self) -> float:
        return 56 + 52 * self.contrast

    @property
    def kidney(self) -> float:
        return 34 + 130 * self.contrast

    @property
    def spleen(self) -> float:
        return 48 + 68 * self.contrast

    @property
    def muscle(self) -> float:
        return 52 + 10 * self.contrast

    def jitter(self, which: int, mm: float) -> float:
        """A small shift of this patient's own, with a standard deviation in mm."""
        return mm * self.wobble[which % len(self.wobble)]


def draw_patient(seed: int) -> Patient:
    rng = np.random.default_rng([seed, 1])
    size = rng.normal(0, 0.03)
    width, depth, height = (float(np.clip(1 + size + rng.normal(0, 0.02), 0.9, 1.05)) for _ in range(3))
    return Patient(
        seed=seed,
        scale=(width, DEPTH * depth, height),
        fat=float(rng.uniform(8, 26)),
        contrast=float(rng.choice([rng.uniform(0, 0.1), rng.uniform(0.5, 1.0)], p=[0.35, 0.65])),
        noise=float(rng.uniform(8, 20)),
        bone=float(rng.uniform(0.75, 1.15)),
        shift=(float(rng.integers(-20, 20)), float(rng.integers(-180, -140)), float(rng.integers(-1100, -700))),
        wobble=tuple(rng.standard_normal(32).clip(-2, 2).tolist()),
    )
