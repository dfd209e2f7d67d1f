"""Many tumours together, and two maps beside each other on the same tumours, with intervals over patients."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from smart_nets.errors import InputError
from smart_nets.statistics.bootstrap import intervals
from smart_nets.statistics.draws import PatientBootstrap
from smart_nets.statistics.metrics import Floats, ratio

SHARES = {
    "dice",
    "dice_readers",
    "oracle",
    "pointing",
    "contrast",
    "recall",
    "found",
    "tumour_share",
    "tumour_inside",
}  # in [0, 1]
Rows = Sequence[Mapping[str, float | None]]


def summarise(rows: Rows, patients: Sequence[str]) -> dict[str, dict[str, float | None]]:
    """Every figure of `measure` over the tumours.

    Args:
        rows: of n tumours, all with the same keys; None or NaN where a figure is not defined.
        patients: n names. Tumours of a patient are drawn together.

    Returns:
        {key: {"mean", "sd", "median", "n", "low", "high"}}, for JSON: None where there is no number. "n" counts the
        tumours that have the figure, "low" and "high" are the 95 % interval of the mean (None for one patient).

    Raises:
        InputError: there are no rows, their keys differ, or there are more or fewer patients.
    """
    _check(rows, patients)
    return {key: _summary(_column(rows, key), np.asarray(patients), key in SHARES) for key in rows[0]}


def paired_difference(rows_a: Rows, rows_b: Rows, key: str, patients: Sequence[str]) -> dict[str, float | None]:
    """Map a minus map b on the same n tumours, where both have the figure.

    Args:
        rows_a, rows_b: the same tumours in the same order, see `summarise`.
        key: the figure.
        patients: n names.

    Returns:
        "difference": the mean of a - b, with its 95 % interval "low" to "high" over patients (None for one patient);
        "better": tumours in which a is greater, for distances in mm those in which a is worse;
        "n": tumours that both have.

    Raises:
        InputError: numbers of rows or patients differ, there are none, or the key is unknown.
    """
    for rows in (rows_a, rows_b):
        _check(rows, patients)
        if key not in rows[0]:
            raise InputError("is not measured", where=key, expected=f"one of {', '.join(rows[0])}")
    gaps = _column(rows_a, key) - _column(rows_b, key)
    defined = ~np.isnan(gaps)
    low, high = _interval(gaps[defined], np.asarray(patients)[defined], (-1.0, 1.0) if key in SHARES else None)
    return {
        "difference": float(gaps[defined].mean()) if defined.any() else None,
        "low": low,
        "high": high,
        "better": int((gaps > 0).sum()),
        "n": int(defined.sum()),
    }


def _summary(values: Floats, patients: np.ndarray, is_share: bool) -> dict[str, float | None]:
    defined = ~np.isnan(values)
    known = values[defined]
    low, high = _interval(known, patients[defined], (0.0, 1.0) if is_share else None)
    return {
        "mean": float(known.mean()) if len(known) else None,
        "sd": float(known.std(ddof=1)) if len(known) > 1 else None,
        "median": float(np.median(known)) if len(known) else None,
        "n": len(known),
        "low": low,
        "high": high,
    }


def _interval(
    values: Floats, patients: np.ndarray, bounds: tuple[float, float] | None
) -> tuple[float | None, float | None]:
    """95 % interval of the mean of values (n,), none of them NaN.

    `intervals` is made for [0, 1], so that values are moved there: from their own range where they have no bounds.
    """
    if len(np.unique(patients)) < 2:
        return None, None
    lowest, highest = bounds or (float(values.min()), float(values.max()))
    if lowest == highest:  # all alike, and no bound tells how far others might be
        return lowest, highest
    moved = (values - lowest) / (highest - lowest)
    found = intervals(lambda weights: {"mean": ratio(weights @ moved, weights.sum(axis=1))}, PatientBootstrap(patients))
    low, high = (lowest + (highest - lowest) * limit for limit in (found["mean"].low, found["mean"].high))
    return low, high


def _column(rows: Rows, key: str) -> Floats:
    return np.array([row[key] for row in rows], dtype=np.float64)  # None becomes NaN


def _check(rows: Sequence[Mapping[str, Any]], patients: Sequence[str]) -> None:
    if not rows:
        raise InputError("there are no tumours", where="rows", expected="one or more", found=0)
    if len(rows) != len(patients):
        found = f"{len(rows)} and {len(patients)}"
        raise InputError("differ in number", where="rows and patients", expected="one patient per row", found=found)
    if any(row.keys() != rows[0].keys() for row in rows):
        raise InputError("have different figures", where="rows", expected="the same keys", remedy="measure all alike")
