"""Two answers about the same patients: the difference of their Dice, patient by patient."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from smart_nets.optional import needed
from smart_nets.statistics.bootstrap import bootstrap_interval

LEAST = 6  # patients: with fewer, even if all agree, a signed-rank test does not reach two-sided p < 0.05


def dice_by_patient(rows: Sequence[Mapping[str, Any]], names: set[str], key: str = "dice") -> dict[str, float]:
    """Mean Dice of each patient over all of their rows of these names; a patient without a defined one is left out."""
    found: dict[str, list[float]] = {}
    for row in rows:
        if row["class"] in names and math.isfinite(row[key]):
            found.setdefault(row["patient"], []).append(row[key])
    return {patient: sum(values) / len(values) for patient, values in found.items()}


def dice_difference(ours: Mapping[str, float], theirs: Mapping[str, float]) -> dict[str, Any]:
    """Ours less theirs over the patients that have both.

    Returns:
        {"value", "low", "high": mean and its 95 % interval (bootstrap over patients), "p": Wilcoxon's signed ranks, two-sided,
        None below `LEAST` patients, "patients", "better": in how many ours is}.
    """
    patients = sorted(ours.keys() & theirs.keys())
    gaps = np.array([ours[one] - theirs[one] for one in patients])
    told: dict[str, Any] = {"value": float(gaps.mean()) if len(gaps) else None, "low": None, "high": None, "p": None}
    if len(gaps) >= 2:

        def mean(rows: NDArray[np.intp]) -> float:
            return float(gaps[rows].mean())

        told["low"], told["high"] = bootstrap_interval(mean, patients)
    if len(gaps) >= LEAST and gaps.any():
        told["p"] = float(needed("scipy.stats", "comparing").wilcoxon(gaps).pvalue)
    return {**told, "patients": len(gaps), "better": int((gaps > 0).sum())}
