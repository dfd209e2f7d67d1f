"""The volume that organs are painted on, in order: what comes later covers what came before."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike, NDArray

from smart_nets.phantom.lattice import Array, Axes, Bounds, Place, Points, Warp, onto_lattice
from smart_nets.phantom.model import ORGANS
from smart_nets.phantom.shapes import capsule

Shape = Callable[[Place], Array]
Box = tuple[slice, slice, slice]
Tissue = float | Array
AIR = -1000.0
SLAB_VOXELS = 60_000


class Canvas:
    """HU (float32) and labels (uint8) of one patient, on a lattice of voxel centres in patient mm."""

    def __init__(self, axes: Axes, warp: Warp) -> None:
        self.axes, self.warp = axes, warp
        shape = tuple(len(axis) for axis in axes)
        self.image = np.full(shape, AIR, np.float32)
        self.labels = np.zeros(shape, np.uint8)
        self.spacing = tuple(float(axis[1] - axis[0]) for axis in axes)
        self.edge = float(np.prod(self.spacing) ** (1 / 3))  # width of the partial-volume edge in mm

    @property
    def whole(self) -> Box:
        """All voxels."""
        return slice(None), slice(None), slice(None)

    def box(self, bounds: Bounds, margin: float = 0.0) -> Box | None:
        """The voxels inside bounds in patient mm, or None where there are none."""
        out = []
        for axis, (low, high) in zip(self.axes, bounds, strict=True):
            start, stop = np.searchsorted(axis, [low - margin, high + margin])
            if stop <= start:
                return None
            out.append(slice(int(start), int(stop)))
        return out[0], out[1], out[2]

    def standard_box(self, bounds: Bounds) -> Box | None:
        """The voxels that may lie inside bounds given in the standard anatomy."""
        ends = [(low * s, high * s) for (low, high), s in zip(bounds, self.warp.scale, strict=True)]
        return self.box((ends[0], ends[1], ends[2]), margin=3 * self.warp.amplitude)

    def place(self, box: Box) -> Place:
        """The positions of a box's voxels."""
        return self.warp.place(self.axes_in(box))

    def axes_in(self, box: Box) -> Axes:
        return self.axes[0][box[0]], self.axes[1][box[1]], self.axes[2][box[2]]

    def field(self, shape: Shape, box: Box, step: float | None) -> Array:
        """A function of position on a box's voxels, computed every ``step`` mm and interpolated (None: at each)."""
        axes = self.axes_in(box)
        if step is None or step <= self.edge:
            return shape(self.place(box))
        first = tuple(float(axis[0]) - step for axis in axes)
        counts = [int(np.ceil((float(axis[-1]) - float(axis[0])) / step)) + 4 for axis in axes]
        x, y, z = (
            np.float32(start) + np.float32(step) * np.arange(n, dtype=np.float32)
            for start, n in zip(first, counts, strict=True)
        )
        return onto_lattice(shape(self.warp.place((x, y, z))), first, step, axes)

    def paint(
        self,
        shape: Shape,
        bounds: Bounds,
        tissue: Tissue | Callable[[Array], Tissue],
        organ: str | None = None,
        step: float | None = 4.0,
        halo: tuple[float, float] | None = None,
    ) -> None:
        """Paint a shape with a tissue in HU, or one that depends on the depth (signed distance).

        ``halo`` = (mm, HU) surrounds it first: the plane of fat that separates organs.
        """
        box = self.standard_box(bounds)
        if box is None:
            return
        distance = self.field(shape, box, step)
        if halo is not None:
            self.cover(box, distance - np.float32(halo[0]), halo[1])
        self.cover(box, distance, tissue(distance) if callable(tissue) else tissue, organ)

    def cover(self, box: Box, distance: Array, tissue: Tissue, organ: str | None = None, strength: float = 1.0) -> None:
        """Blend a tissue in where the distance is negative; voxels on the edge get a part of it."""
        hu = np.asarray(tissue, np.float32)
        step = max(SLAB_VOXELS * len(distance) // distance.size, 1)  # what is at work stays in the processor's cache
        for start in range(0, len(distance), step):
            rows = slice(start, start + step)
            near = distance[rows]
            share = near * np.float32(-strength / self.edge)
            share += np.float32(0.5 * strength)
            np.maximum(share, np.float32(0), out=share)
            np.minimum(share, np.float32(strength), out=share)
            image = self.image[box][rows]
            share *= (hu[rows] if hu.ndim else hu) - image
            image += share
            if organ is not None:
                np.copyto(self.labels[box][rows], np.uint8(ORGANS[organ]), where=near < 0)

    def tube(
        self, points: ArrayLike, radii: ArrayLike, tissue: float, organ: str | None = None, squash: float = 1.0
    ) -> None:
        """Paint a tube along points (N, 3) of the standard anatomy; ``squash`` < 1 makes it taller than wide."""
        line = self.warp.to_patient(np.asarray(points, float))
        width = np.broadcast_to(np.asarray(radii, float), len(line))
        self.segments(line[:-1], line[1:], width[:-1], width[1:], tissue, organ, squash)

    def segments(
        self,
        starts: Points,
        ends: Points,
        r0: NDArray[np.float64],
        r1: NDArray[np.float64],
        tissue: float,
        organ: str | None = None,
        squash: float = 1.0,
    ) -> None:
        """Paint separate tubes between points (N, 3) in patient mm; thin ones fade as their share of a voxel does."""
        thinnest = 0.6 * self.edge
        widest = np.maximum(r0, r1)
        reach = (np.maximum(widest, thinnest) + self.edge) / squash
        low, high = np.minimum(starts, ends) - reach[:, None], np.maximum(starts, ends) + reach[:, None]
        first, last = (
            np.column_stack([np.searchsorted(self.axes[k], edge[:, k]) for k in range(3)]) for edge in (low, high)
        )
        strength = np.minimum(1.0, (widest / thinnest) ** 2)
        tall = np.array([1, 1, squash])
        starts, ends, r0, r1 = starts * tall, ends * tall, np.maximum(r0, thinnest), np.maximum(r1, thinnest)
        for i in np.flatnonzero((last > first).all(axis=1)):
            box = tuple(slice(a, b) for a, b in zip(first[i], last[i], strict=True))
            x, y, z = self.axes_in(box)  # type: ignore[arg-type]
            x, y, z = x[:, None, None], y[None, :, None], np.float32(squash) * z[None, None, :]
            distance = capsule(x, y, z, starts[i], ends[i], r0[i], r1[i])
            self.cover(box, distance, tissue, organ, float(strength[i]))  # type: ignore[arg-type]
