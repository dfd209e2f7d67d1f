"""Which cases are learned from, and which the result is judged on."""

from __future__ import annotations

import hashlib
import json
import logging
import math
from collections.abc import Mapping, Sequence
from typing import Any

from smart_nets.errors import ConfigError
from smart_nets.lists.splits import check_no_overlap, k_folds, patient_strata
from smart_nets.settings import UP_TO_1, one_of

logger = logging.getLogger(__name__)
Items = Sequence[Mapping[str, Any]]
Parts = dict[str, list[dict[str, Any]]]
MODES = ("patient", "column")
TRAINING, VALIDATION = ("train", "training"), ("val", "valid", "validation", "test")


def split_cases(
    items: Items, mode: str = "patient", folds: int = 4, fold: int = 0, seed: int = 0, allow_overlap: bool = False
) -> Parts:
    """{"training": cases, "validation": cases}: a fold of whole patients, or as the "split" of each case says.

    Raises:
        ConfigError: fewer than two patients, no such fold, a case without split, or patients on both sides.
    """
    one_of("split_mode", mode, MODES)
    if mode == "column":
        return _by_column(items, allow_overlap)
    patients = len({str(item["patient_id"]) for item in items})
    if patients < 2:
        remedy = "give more cases, or their patient_id where several patients became one"
        raise ConfigError("are too few to train and to judge on", where="cases", expected="2 patients or more",
                          found=f"{patients} patient" + "s" * (patients != 1), remedy=remedy)  # fmt: skip
    if not 0 <= fold < folds:
        raise ConfigError("there is no such fold", where="fold", expected=f"0 to {folds - 1}", found=fold)
    return k_folds(items, folds, seed)[fold]


def _by_column(items: Items, allow_overlap: bool) -> Parts:
    parts: Parts = {"training": [], "validation": []}
    for number, item in enumerate(items, start=1):
        told = str(item.get("split") or "").strip().lower()
        if told not in TRAINING + VALIDATION:
            where, expected = f"case {number}, split", "train or validation"
            raise ConfigError(
                "tells no part", where=where, expected=expected, found=told or "nothing", remedy="fill it in"
            )
        parts["training" if told in TRAINING else "validation"].append(dict(item))
    for name, part in parts.items():
        if not part:
            raise ConfigError("has no cases", where=name, remedy="correct the column split, or split by patient")
    check_no_overlap(parts, allow_overlap)
    return parts


def few_patients(items: Items, fraction: float, seed: int = 0) -> list[dict[str, Any]]:
    """The cases of a share of the patients, at least one; smaller shares lie inside larger ones of the same seed.

    Raises:
        ConfigError: no share above 0 up to 1.
    """
    UP_TO_1.check("train_fraction", fraction)
    patients = [patient for stratum in patient_strata(items, None, seed) for patient in stratum]
    chosen = set(patients[: max(1, math.floor(fraction * len(patients) + 0.5))])
    taken = [dict(item) for item in items if str(item["patient_id"]) in chosen]
    if fraction < 1:
        logger.info("%g %% of the training data: %d cases of %d patients", 100 * fraction, len(taken), len(chosen))
    return taken


def cases_hash(items: Items) -> str:
    """Tells lists of cases apart by patients and names, wherever the files lie."""
    text = json.dumps(
        sorted([str(item.get("patient_id", "")), str(item["image"]).rsplit("/", 1)[-1]] for item in items)
    )
    return hashlib.sha256(text.encode()).hexdigest()[:24]


def case_split(items: Items, held: Items, **how: Any) -> dict[str, Any]:
    """What a model's card keeps, so that an evaluation finds the held-out cases again."""
    return {**how, "lesions": cases_hash(items), "held_out": cases_hash(held)}


def held_out_cases(items: Items, part: str, split: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The cases to judge a model on: "held_out", those of its own data it has not seen, or "all", those of other data.

    Args:
        split: what `case_split` put into the model's card.

    Raises:
        ConfigError: an unknown part; "held_out" of other data, or "all" of the data it was trained on.
    """
    one_of("part", part, ("held_out", "all"))
    held = _held(items, split)
    if part == "all" and held:
        raise ConfigError("the model was trained on some of these cases", where="part", expected="held_out", found=part)
    if part == "held_out" and not held:
        what = "these are not the cases the model was trained with"
        remedy = "give them as they were in training, or --part all if they are of other patients"
        raise ConfigError(what, where="part", found=part, remedy=remedy)
    if part == "all":
        logger.warning(
            "%d cases are taken for new ones: only you know that the model was not trained on them", len(items)
        )
        return [dict(item) for item in items]
    return held


def _held(items: Items, split: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The held-out cases if these are the model's own, else none."""
    asked = [split[name] for name in ("mode", "folds", "fold", "seed", "allow_overlap")]
    try:
        held = split_cases(items, *asked)["validation"]
    except ConfigError:  # fewer patients than folds, no column of splits: other data
        return []
    return held if cases_hash(held) == split["held_out"] else []
