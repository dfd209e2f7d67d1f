"""Branching vessels that fill an organ: a new tip joins the nearest branch, and a trunk is as wide as its tips need."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Points = NDArray[np.float64]
STEP_MM = 9.0  # length of the pieces a branch is made of
MURRAY = 2.7  # a vessel's radius to this power is the sum over its branches (Murray's law; 3 in theory)


@dataclass(frozen=True)
class Tree:
    """Tapered pieces: starts (N, 3), ends (N, 3) in mm, and the radii (N,) at both."""

    starts: Points
    ends: Points
    r0: NDArray[np.float64]
    r1: NDArray[np.float64]


def grow(root: Points, heading: Points, tips: Points, tip_radius: float, widest: float = np.inf) -> Tree:
    """A tree from a root that first runs along ``heading`` (a unit vector) and reaches every tip (N, 3)."""
    order = np.argsort(np.linalg.norm(tips - root, axis=1))
    most = 2 + sum(int(np.linalg.norm(tip - root) / STEP_MM) + 3 for tip in tips)
    nodes, headings = np.empty((most, 3)), np.empty((most, 3))
    parents, length = np.full(most, -1), np.zeros(most)
    nodes[0], headings[0], used = root, heading, 1
    ends = np.zeros(most)
    for tip in tips[order]:
        away = tip - nodes[:used]
        distance = np.linalg.norm(away, axis=1)
        turn = 1 - np.einsum("nd,nd->n", away, headings[:used]) / np.maximum(distance, 1e-6)
        k = int(np.argmin(distance * (1 + 0.35 * turn) + 0.2 * length[:used]))
        pieces = max(int(distance[k] / STEP_MM), 1)
        bend = nodes[k] + headings[k] * distance[k] * 0.4
        for t in np.linspace(0, 1, pieces + 1)[1:]:
            point = (1 - t) ** 2 * nodes[k] + 2 * t * (1 - t) * bend + t**2 * tip
            parent = k if t == 1 / pieces or pieces == 1 else used - 1
            step = point - nodes[parent]
            span = float(np.linalg.norm(step))
            nodes[used], parents[used] = point, parent
            headings[used], length[used] = step / max(span, 1e-6), length[parent] + span
            used += 1
        ends[used - 1] = 1
    for child in range(used - 1, 0, -1):  # tips fed by each node
        ends[parents[child]] += ends[child]
    radii = np.minimum(tip_radius * np.maximum(ends[:used], 1) ** (1 / MURRAY), widest)
    start = parents[1:used]
    return Tree(nodes[start], nodes[1:used], np.minimum(radii[start], radii[1:] * 1.25), radii[1:])
