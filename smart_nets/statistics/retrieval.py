"""What lies nearest among other patients, exactly, and how often that bears the same label.

All is numpy on blocks of rows, so that 100,000 crops of 256 numbers take little more memory than they themselves do; an
index of approximate neighbours would save less than reading the file takes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from smart_nets.errors import InputError
from smart_nets.settings import FROM_1
from smart_nets.statistics.bootstrap import intervals
from smart_nets.statistics.draws import PatientBootstrap

DEPTHS = (1, 5, 10)  # neighbours that are looked at
MOST = 1000  # crops that are judged; of more a sample, so that a large file answers at once
BLOCK = 2**23  # similarities at once: 32 MB
TIE = 1e-6  # by which single precision tells two equal cosines apart
CHANCE = "chance"
Rows = NDArray[np.intp]
Similarity = Callable[[Rows], NDArray[np.float32]]
"""Rows (r,) -> how alike each is to all of n, (r, n), higher is more alike."""


def unit_rows(features: NDArray[Any], middle: NDArray[Any] | None = None) -> NDArray[np.float32]:
    """Rows (n, C) of length 1, so that their products are cosines; a row of zeros stays one.

    Args:
        middle: (C,) taken from each row first: by the cosine of what all crops share, all look alike.

    Raises:
        InputError: a feature is not finite.
    """
    x = np.array(features, np.float32)
    if middle is not None:
        x -= middle.astype(np.float32)
    length = np.linalg.norm(x, axis=1, keepdims=True)
    if not np.isfinite(length).all():
        found, remedy = f"{int((~np.isfinite(length)).sum())} of {len(x)} rows", "look at the encoder's weights"
        raise InputError("features are not finite", found=found, remedy=remedy)
    x /= np.maximum(length, 1e-12)
    return x


def by_cosine(unit: NDArray[np.float32]) -> Similarity:
    """Cosines of unit rows (n, C)."""
    return lambda rows: unit[rows] @ unit.T


def by_size(diameters: NDArray[np.floating[Any]]) -> Similarity:
    """Less the ratio of diameters (n,) in mm: what a ruler alone finds alike."""
    logs = np.log(np.asarray(diameters, np.float32))
    return lambda rows: -np.abs(logs[rows, None] - logs[None])


def nearest_to(
    unit: NDArray[np.float32], vector: NDArray[Any], allowed: NDArray[np.bool_], count: int
) -> tuple[Rows, NDArray[np.float64]]:
    """Rows (k,) of unit features (n, C) nearest to one of length 1 (C,), nearest first, with cosine distances in [0, 2].

    Args:
        allowed: (n,) which rows may be found.
        count: how many; fewer where there are not so many.

    Raises:
        ConfigError: a count below 1. InputError: nothing is allowed, or widths differ.
    """
    FROM_1.check("count", count)
    if not allowed.any():
        what, remedy = "there is no crop of another patient", "give features of more patients"
        raise InputError(what, expected="1 or more", found=0, remedy=remedy)
    if np.shape(vector) != (unit.shape[1],):
        raise InputError("features have two widths", expected=unit.shape[1], found=np.shape(vector))
    cosines = unit @ np.asarray(vector, np.float32)  # (n, C) @ (C,) -> (n,)
    rows = _best(np.where(allowed, cosines, -np.inf), min(count, int(allowed.sum())))
    return rows, np.maximum(1 - cosines[rows].astype(np.float64), 0)


def _best(alike: NDArray[np.floating[Any]], count: int) -> Rows:
    """The `count` highest of (n,), highest first; equal ones in their order."""
    part = np.argpartition(-alike, count - 1)[:count]
    return part[np.lexsort((part, -alike[part]))]


def hits_at(
    similarity: Similarity, labels: NDArray[Any], patients: NDArray[Any], rows: Rows, depths: Sequence[int]
) -> NDArray[np.float64]:
    """(m, k): which share of the nearest 1, 5, ... crops of other patients bears the label of each of `rows` (m,).

    Of crops that are equally near, as empty ones are, any may be among the nearest: they count by their share, which is the
    mean over all orders of them, so that the order of the list tells nothing.
    """
    owner, label = (np.unique(one, return_inverse=True)[1] for one in (patients, labels))
    step, deepest = max(1, BLOCK // len(owner)), max(depths)
    found = np.empty((len(rows), len(depths)))
    for start in range(0, len(rows), step):
        block = rows[start : start + step]
        alike = similarity(block)  # (r, n)
        alike[owner[block, None] == owner[None]] = -np.inf
        for place, line in enumerate(alike, start):
            last = -np.partition(-line, deepest - 1)[deepest - 1]
            near = np.flatnonzero(line >= last - TIE)
            same = label[near] == label[rows[place]]
            found[place] = [_share(line[near], same, depth) for depth in depths]
    return found


def _share(alike: NDArray[np.floating[Any]], same: NDArray[np.bool_], depth: int) -> float:
    """Of `same` (k,) among the `depth` most alike."""
    last = -np.partition(-alike, depth - 1)[depth - 1]
    above, tied = alike > last + TIE, np.abs(alike - last) <= TIE
    return float(same[above].sum() + (depth - above.sum()) * same[tied].mean()) / depth


def chance_of(labels: NDArray[Any], patients: NDArray[Any], rows: Rows) -> NDArray[np.float64]:
    """(m,): the share of a row's label among rows of other patients, which is the mean precision of any random order."""
    label, owner = (np.unique(one, return_inverse=True)[1] for one in (labels, patients))
    own = np.zeros((owner.max() + 1, label.max() + 1))  # rows of each patient with each label
    np.add.at(own, (owner, label), 1)
    alike = own.sum(0)[label[rows]] - own[owner[rows], label[rows]]
    return alike / (len(label) - own.sum(1)[owner[rows]])


def retrieval_precision(
    similarities: Mapping[str, Similarity],
    labels: NDArray[Any],
    patients: NDArray[Any],
    depths: Sequence[int] = DEPTHS,
    most: int = MOST,
    seed: int = 0,
) -> dict[str, Any]:
    """Share of the nearest 1, 5, 10 crops of other patients that bear a crop's label, beside what a random order gives.

    The first similarity is judged against chance and against the others. Crops count alike; intervals are over patients
    (`bootstrap.intervals`).

    Args:
        similarities: by name, of the n crops.
        labels, patients: (n,).
        depths: those deeper than the other patients' crops are left out.
        most: crops that are judged; of more, a sample of this size.
        seed: of the sample and of the bootstrap.

    Returns:
        {"crops", "judged", "patients", "labels": {label: count}, "at": {"5": {name: {"value", "low", "high"}, ...}},
        "differences": {"5": {other name: {...}}}}; chance is "chance".

    Raises:
        InputError: fewer than two labels or patients.
    """
    names, counts = np.unique(labels, return_counts=True)
    count = len(np.unique(patients))
    if len(names) < 2 or count < 2:
        what = "a neighbour must come from another patient and may bear another label"
        raise InputError(what, expected="2 patients and 2 labels or more", found=f"{count} and {len(names)}")
    n = len(labels)
    rows = np.arange(n) if n <= most else np.sort(np.random.default_rng(seed).choice(n, most, replace=False))
    others = n - np.unique(patients, return_counts=True)[1].max()  # of the patient with most crops
    kept = [depth for depth in depths if depth <= others]
    values = {
        name: hits_at(similarity, labels, patients, rows, kept) for name, similarity in similarities.items() if kept
    }  # each (m, depths)
    expected = chance_of(labels, patients, rows)
    at, differences = {}, {}
    for column, depth in enumerate(kept):
        columns = {name: one[:, column] for name, one in values.items()} | {CHANCE: expected}
        at[str(depth)], differences[str(depth)] = _with_intervals(columns, patients[rows], seed)
    told = {str(name): int(number) for name, number in zip(names, counts, strict=True)}
    about = {"crops": n, "judged": len(rows), "patients": count, "labels": told}
    return {**about, "at": at, "differences": differences}


def _with_intervals(
    values: Mapping[str, NDArray[Any]], patients: NDArray[Any], seed: int
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Means of (m,) in [0, 1], and the differences of the first to all others, which are moved to [0, 1] and back."""
    first, *others = values
    columns: dict[Any, NDArray[Any]] = {
        **values,
        **{("less", name): (values[first] - values[name] + 1) / 2 for name in others},
    }
    table = np.stack(list(columns.values()), axis=1)  # (m, k)

    def means(weights: NDArray[np.float64]) -> dict[str, NDArray[np.float64]]:
        found = weights @ table / weights.sum(1, keepdims=True)  # (r, m) @ (m, k) -> (r, k)
        return {str(number): found[:, number] for number in range(table.shape[1])}

    if len(np.unique(patients)) < 2:  # a sample may be of one
        return {name: {"value": float(value.mean())} for name, value in values.items()}, {}
    told = intervals(means, PatientBootstrap(patients, seed=seed))
    found = {name: told[str(number)].as_dict() for number, name in enumerate(columns)}
    back = {
        name: {
            key: round(2 * one - 1, 12) if isinstance(one, float) else one for key, one in found["less", name].items()
        }
        for name in others
    }
    return {name: found[name] for name in values}, back
