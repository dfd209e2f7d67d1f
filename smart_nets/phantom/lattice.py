"""Positions inside the patient, and smooth random fields over them.

Organs are functions of anatomical position. They are evaluated on a coarse lattice and interpolated by cubic
B-splines, one matrix product per axis, so a large organ costs little more than one pass over its voxels.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from smart_nets.optional import needed

Array = NDArray[np.floating[Any]]
Points = NDArray[np.float64]
Axes = tuple[Array, Array, Array]
Bounds = tuple[tuple[float, float], tuple[float, float], tuple[float, float]]
EXTENT: Bounds = ((-260.0, 260.0), (-220.0, 220.0), (-80.0, 700.0))
"""Space in mm on which random fields are defined; it holds every field of view."""
UNIT_VARIANCE = 0.479**-1.5  # a cubic B-spline of white noise has variance 0.479 per axis, on average over positions


def spline_matrix(positions: Array, first: float, step: float, knots: int) -> Array:
    """(N, knots) weights of the uniform cubic B-spline whose knots are at first, first + step, ..."""
    u = (positions - first) / step
    distance = np.abs(u[:, None] - np.arange(knots, dtype=np.float32)[None, :])
    inner = 2 / 3 - distance**2 + distance**3 / 2
    outer = np.clip(2 - distance, 0, None) ** 3 / 6
    return np.where(distance < 1, inner, outer).astype(np.float32)


def onto_lattice(values: Array, first: tuple[float, ...], step: float, axes: Axes) -> Array:
    """Values on knots (a, b, c) to values on the lattice of three axes (X, Y, Z)."""
    values = values.astype(np.float32, copy=False)
    wx, wy, wz = (
        spline_matrix(axis, start, step, size) for axis, start, size in zip(axes, first, values.shape, strict=True)
    )
    a, b, c = values.shape
    along_z = values.reshape(a * b, c) @ wz.T  # (a, b, c) -> (a*b, Z)
    along_y = wy @ along_z.reshape(a, b, -1)  # (Y, b) @ (a, b, Z) -> (a, Y, Z)
    return (wx @ along_y.reshape(a, -1)).reshape(len(axes[0]), len(axes[1]), len(axes[2]))  # -> (X, Y, Z)


class Noise:
    """A smooth random field of unit variance whose features are about ``scale`` mm wide, inside an extent in mm."""

    def __init__(self, seed: list[int], scale: float, extent: Bounds = EXTENT) -> None:
        self.scale = scale
        self.first = tuple(low - 2 * scale for low, _ in extent)
        shape = [int((high - low) / scale) + 5 for low, high in extent]
        self.knots: Array = np.random.default_rng(seed).standard_normal(shape, dtype=np.float32) * np.float32(
            UNIT_VARIANCE
        )

    def on(self, axes: Axes) -> Array:
        """Values on the lattice of three axes in mm: (X, Y, Z)."""
        window, first = [], []
        for axis, start, size in zip(axes, self.first, self.knots.shape, strict=True):
            low = max(int((axis[0] - start) / self.scale) - 2, 0)
            window.append(slice(low, min(int((axis[-1] - start) / self.scale) + 4, size)))
            first.append(start + low * self.scale)
        return onto_lattice(self.knots[tuple(window)], tuple(first), self.scale, axes)

    def at(self, points: NDArray[np.float64]) -> NDArray[np.float64]:
        """Values at points (N, 3) in mm: (N,)."""
        index = (points - np.asarray(self.first)) / self.scale
        out = needed("scipy.ndimage", "phantoms").map_coordinates(
            self.knots.astype(float), index.T, order=3, prefilter=False
        )
        return out


@dataclass(frozen=True)
class Place:
    """A lattice: its axes in this patient, and where its points (X, Y, Z) are in the standard anatomy, all in mm."""

    axes: Axes
    x: Array
    y: Array
    z: Array
    warp: Warp

    def noise(self, scale: float, salt: int = 0) -> Array:
        """The patient's random field of this scale; another salt is another, independent field."""
        return self.warp.noise(scale, salt).on(self.axes)

    def mirrored(self) -> Place:
        """The place seen in a mirror: its right side is the left one."""
        return replace(self, x=-self.x)


class Warp:
    """One patient's size and shape: standard position = patient position / scale + a smooth displacement."""

    def __init__(self, seed: int, scale: tuple[float, float, float], amplitude: float = 4.0) -> None:
        self.seed, self.amplitude = seed, amplitude
        self.scale = np.asarray(scale)
        self._noises: dict[tuple[float, int], Noise] = {}
        self.displacements = [self.noise(90.0, 900 + axis) for axis in range(3)]

    def noise(self, scale: float, salt: int) -> Noise:
        """The patient's own random field, the same whenever it is asked for."""
        key = (scale, salt)
        if key not in self._noises:
            self._noises[key] = Noise([self.seed, int(scale * 10), salt], scale)
        return self._noises[key]

    def place(self, axes: Axes) -> Place:
        """The positions of a lattice of three axes in patient mm."""
        x, y, z = (
            axis.reshape([-1 if i == k else 1 for i in range(3)]) / np.float32(self.scale[k])
            + np.float32(self.amplitude) * self.displacements[k].on(axes)
            for k, axis in enumerate(axes)
        )
        return Place(axes, x, y, z, self)

    def to_standard(self, points: Points) -> Points:
        """Patient points (N, 3) to standard anatomy, in mm."""
        shift = np.stack([noise.at(points) for noise in self.displacements], axis=1)
        out = points / self.scale + self.amplitude * shift
        return out

    def to_patient(self, points: Points) -> Points:
        """Standard points (N, 3) to this patient, in mm: the inverse, by fixed-point iteration."""
        guess = points * self.scale
        for _ in range(4):
            guess = guess - (self.to_standard(guess) - points) * self.scale
        return guess
