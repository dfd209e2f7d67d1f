"""How well outlines agree with what people drew: figures of one case, and means over patients with intervals.

Of every name in every case:
"dice": 1 is perfect; not defined where nobody drew anything, 0 where nothing was found.
"nsd": normalised surface distance (Nikolov et al., 2021), the share of both surfaces within `TOLERANCE_MM` of each other.
"hd95": 95th percentile of the distance between the surfaces in mm; not defined where either is empty.
"reference_ml", "predicted_ml": volumes.
"lesions", "found", "false_positives": pieces that people drew; those of them of which a tenth or more is marked; pieces that
    are marked where nobody drew. "small", "small_found": the pieces below `SMALL_ML`.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from monai.metrics import compute_surface_dice
from numpy.typing import NDArray

from smart_nets.errors import InputError
from smart_nets.optional import needed
from smart_nets.statistics.bootstrap import Interval, intervals
from smart_nets.statistics.draws import PatientBootstrap
from smart_nets.statistics.overlap import Mask, box_around, dice, hd95, voxel_count

TOLERANCE_MM = 2.0
SMALL_ML = 3.0  # DAGMaN judges nodules above this
FOUND = 0.1  # share of a lesion
MEANS = ("dice", "nsd", "hd95")
COUNTS = ("lesions", "found", "false_positives", "small", "small_found")
Row = dict[str, Any]


def case_scores(answer: NDArray[Any], target: NDArray[Any], spacing: NDArray[Any], names: Sequence[str]) -> list[Row]:
    """The module's figures of each name, NaN where they are not defined.

    Args:
        answer, target: channels (X, Y, Z), 0 the background.
        spacing: mm of a voxel.
        names: of the channels from 1.

    Raises:
        InputError: shapes differ.
    """
    if answer.shape != target.shape:
        raise InputError("answer and target differ in shape", expected=target.shape, found=answer.shape)
    return [
        {"class": name, **_scores(answer == channel, target == channel, np.asarray(spacing, float))}
        for channel, name in enumerate(names, start=1)
    ]


def _scores(marked: Mask, drawn: Mask, spacing: NDArray[np.float64]) -> Row:
    ml = float(spacing.prod()) / 1000
    if marked.any() or drawn.any():  # all that counts lies in a small box of the scan
        box = box_around(marked | drawn, margin=1)
        marked, drawn = marked[box], drawn[box]
    found: Row = {
        "dice": dice(marked, drawn) if drawn.any() else np.nan,
        "nsd": np.nan,
        "hd95": np.nan,
        "reference_ml": voxel_count(drawn) * ml,
        "predicted_ml": voxel_count(marked) * ml,
        **_lesions(marked, drawn, ml),
    }
    if drawn.any():
        found["nsd"] = _surface_dice(marked, drawn, spacing) if marked.any() else 0.0
    if drawn.any() and marked.any():
        found["hd95"] = hd95(marked, drawn, spacing)
    return found


def _surface_dice(marked: Mask, drawn: Mask, spacing: NDArray[np.float64]) -> float:
    a, b = (
        torch.from_numpy(np.ascontiguousarray(one))[None, None] for one in (marked, drawn)
    )  # (X, Y, Z) -> (1, 1, X, Y, Z)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", ".*always_return_as_numpy", FutureWarning)  # MONAI tells itself, at each call
        found = compute_surface_dice(a, b, [TOLERANCE_MM], include_background=True, spacing=spacing.tolist())
    return float(found.item())


def _lesions(marked: Mask, drawn: Mask, ml: float) -> dict[str, int]:
    measure = needed("scipy.ndimage", "counting lesions")
    around = np.ones((3, 3, 3))  # pieces that touch by a corner are one
    pieces, count = measure.label(drawn, around)
    sizes = np.bincount(pieces.ravel(), minlength=count + 1)[1:]
    hit = np.bincount(pieces[marked], minlength=count + 1)[1:] >= np.maximum(1, FOUND * sizes)
    small = sizes * ml < SMALL_ML
    others, marks = measure.label(marked, around)
    touching = len(np.setdiff1d(np.unique(others[drawn & marked]), [0]))
    return {"lesions": count, "found": int(hit.sum()), "false_positives": marks - touching,
            "small": int(small.sum()), "small_found": int((hit & small).sum())}  # fmt: skip


def means_of_cases(
    rows: Sequence[Row], names: Sequence[str], patients: Sequence[str], rounds: int = 2000
) -> dict[str, Any]:
    """Means over cases of each name and of all, with 95 % intervals over patients; what is not defined is left out, counted.

    Args:
        rows: of all cases in their order, each with "case" (its number) and "class".
        patients: (cases,) whose each case is.

    Returns:
        {"cases", "patients", "classes": {name: {"dice", "nsd", "hd95": interval, "volume": volume_agreement, "lesions": {...},
        "without": cases nobody drew it in, "missed": cases where nothing was found}}, "mean_dice": interval}.
    """
    cases = len(patients)
    found: dict[str, Any] = {"cases": cases, "patients": len(set(patients)), "classes": {}}
    several = found["patients"] > 1
    bootstrap = PatientBootstrap(np.asarray(patients), rounds=rounds) if several else None
    table = {name: sorted((row for row in rows if row["class"] == name), key=lambda row: row["case"]) for name in names}
    columns = {
        (name, key): np.array([row[key] for row in table[name]], float) for name in names for key in (*MEANS, *COUNTS)
    }
    for name in names:
        of = {key: columns[name, key] for key in (*MEANS, *COUNTS)}
        told: dict[str, Any] = {key: _mean_of(of[key], bootstrap, key != "hd95") for key in MEANS}
        told["lesions"] = _lesion_summary(of, bootstrap)
        told["volume"] = volume_agreement(table[name])
        told["without"] = int(np.isnan(of["dice"]).sum())
        told["missed"] = int((of["dice"] == 0).sum())
        found["classes"][name] = told
    every = np.array([columns[name, "dice"] for name in names])  # (names, cases)
    defined = ~np.isnan(every)
    mean = np.where(defined.any(0), np.nansum(every, 0) / np.maximum(defined.sum(0), 1), np.nan)
    found["mean_dice"] = _mean_of(mean, bootstrap)
    return found


def _mean_of(values: NDArray[np.float64], bootstrap: PatientBootstrap | None, share: bool = True) -> dict[str, Any]:
    return _ratio(np.nan_to_num(values), (~np.isnan(values)).astype(float), bootstrap, share)


def _ratio(
    above: NDArray[np.float64], below: NDArray[np.float64], bootstrap: PatientBootstrap | None, share: bool = True
) -> dict[str, Any]:
    """Sum of one over the sum of the other, with its interval over the patients that have any of it.

    Args:
        share: it lies in [0, 1]; a distance or a count per scan does not, and if all draws agree on one, nothing is told of
            how far it might be off.
    """
    value = float(above.sum() / below.sum()) if below.sum() else np.nan
    behind = 0 if bootstrap is None else len(np.unique(bootstrap.owner[below > 0]))
    if bootstrap is None or behind < 2 or np.isnan(value):
        why = "not defined in any case" if np.isnan(value) else "one patient alone"
        return Interval(value, np.nan, np.nan, why).as_dict()
    if not share and np.unique(above[below > 0] / below[below > 0]).size == 1:
        return Interval(value, np.nan, np.nan, "the same in every case").as_dict()

    def statistic(weights: NDArray[np.float64]) -> Mapping[str, NDArray[np.float64]]:
        total = weights @ below
        return {"it": np.divide(weights @ above, total, out=np.full(len(weights), np.nan), where=total > 0)}

    return intervals(statistic, bootstrap, {"it": behind})["it"].as_dict()


def _lesion_summary(of: Mapping[str, NDArray[np.float64]], bootstrap: PatientBootstrap | None) -> dict[str, Any]:
    ones = np.ones(len(of["lesions"]))
    return {
        "count": int(of["lesions"].sum()),
        "recall": _ratio(of["found"], of["lesions"], bootstrap),
        "false_positives": _ratio(of["false_positives"], ones, bootstrap, share=False),
        "small": {"count": int(of["small"].sum()), "recall": _ratio(of["small_found"], of["small"], bootstrap)},
    }


def volume_agreement(rows: Sequence[Row]) -> dict[str, float | None]:
    """Bland and Altman's bias and limits of agreement of predicted less reference volume, ml; of cases that have one."""
    gaps = np.array([row["predicted_ml"] - row["reference_ml"] for row in rows if row["reference_ml"] > 0])
    if len(gaps) < 2:
        return {"bias_ml": float(gaps[0]) if len(gaps) else None, "low_ml": None, "high_ml": None}
    bias, spread = float(gaps.mean()), 1.96 * float(gaps.std(ddof=1))
    return {"bias_ml": bias, "low_ml": bias - spread, "high_ml": bias + spread}
