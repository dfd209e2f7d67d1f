"""The ways to divide labelled lesions for a classifier, and smaller shares of its training data."""

from __future__ import annotations

import hashlib
import json
import logging
import math
from collections import Counter
from collections.abc import Mapping
from typing import Any

from smart_nets.errors import ConfigError
from smart_nets.lists.splits import (
    Items,
    Overlap,
    check_classes,
    check_no_overlap,
    k_folds,
    patient_strata,
    shared_identifiers,
)
from smart_nets.settings import one_of

logger = logging.getLogger(__name__)
MODES = ("patient", "lesion", "column")
PART_OF = {
    **dict.fromkeys(("train", "training"), "training"),
    **dict.fromkeys(("val", "valid", "validation"), "validation"),
    "test": "test",
}

Parts = dict[str, list[dict[str, Any]]]


def choose_split(
    items: Items, mode: str = "patient", folds: int = 5, fold: int = 0, seed: int = 0, allow_overlap: bool = False
) -> Parts:
    """{"training": items, "validation": items}, both with both labels; and "test", where a column names both of these.

    Args:
        items: lesions with "patient_id", "image" and "label".
        mode: "patient": folds of whole patients, labels spread evenly. "lesion": folds of lesions, as in the SMART
            paper; lesions of one patient are then on both sides, which flatters the result, and how many is logged.
            "column": as "split" of each lesion says (train or training; val, validation or test). With validation and
            test, training is watched on the one and judged on the other (`judged_on`).
        folds: how many folds.
        fold: which one is the validation part, from 0.
        seed: chooses who goes where; with the same seed each lesion is validated in exactly one fold.
        allow_overlap: whether a column may put a patient or scan on both sides, which is then logged.

    Raises:
        ConfigError: mode, fold or split is unknown, a part lacks a label or everything, or parts share patients.
    """
    one_of("split mode", mode, MODES)
    if mode == "column":
        parts = _by_column(items)
        check_classes(parts, "label")
        _tell(check_no_overlap(parts, allow_overlap), parts)
        return parts
    if not 0 <= fold < folds:
        raise ConfigError("there is no such fold", where="fold", expected=f"0 to {folds - 1}", found=fold)
    if mode == "patient":
        parts = k_folds(items, folds, seed, "label")[fold]
        check_no_overlap(parts)  # one scan may be listed for two patients
        return parts
    parts = _by_lesion(items, folds, fold, seed)
    _tell({"training and validation": shared_identifiers(parts["training"], parts["validation"])}, parts)
    return parts


def _by_lesion(items: Items, folds: int, fold: int, seed: int) -> Parts:
    """Folds in which every lesion counts as a patient of its own."""
    width = len(str(len(items)))
    lone = [{**item, "patient_id": f"{number:0{width}d}"} for number, item in enumerate(items)]
    parts = k_folds(lone, folds, seed, "label")[fold]
    return {name: [dict(items[int(item["patient_id"])]) for item in part] for name, part in parts.items()}


def _by_column(items: Items) -> Parts:
    names = Counter(str(item.get("split") or "").strip().lower() for item in items)
    if names[""]:
        what = f"{names['']} of {len(items)} lesions have no split"
        remedy = "fill the column"
        raise ConfigError(what, where="column split", expected="train or validation", remedy=remedy)
    unknown = sorted(set(names) - set(PART_OF))
    if unknown:
        expected, found = ", ".join(PART_OF), ", ".join(unknown)
        remedy = "rename it, or split by patient"
        raise ConfigError("unknown split", where="column split", expected=expected, found=found, remedy=remedy)
    parts: Parts = {"training": [], "validation": [], "test": []}
    for item in items:
        parts[PART_OF[str(item["split"]).strip().lower()]].append(dict(item))
    if not parts["validation"]:
        parts["validation"] = parts["test"]
        parts["test"] = []
    return parts if parts["test"] else {name: parts[name] for name in ("training", "validation")}


def judged_on(parts: Mapping[str, list[dict[str, Any]]]) -> list[dict[str, Any]]:
    """The lesions that a finished model is judged on: the test part where there is one, else the validation part."""
    return parts.get("test") or parts["validation"]


def _tell(found: Mapping[str, Overlap], parts: Parts) -> None:
    """Warn of what is on both sides."""
    for pair, common in found.items():
        first, second = pair.split(" and ")
        shared = common.patients or common.series or common.scans
        if shared:
            told = (
                "%d %s of the %s part (%d lesions) are in the %s part too: the result is too good; "
                "split by patient for one that holds for new patients"
            )
            kind = "patients" if common.patients else "scans"
            logger.warning(told, len(shared), kind, second, len(parts[second]), first)


def take_fraction(items: Items, fraction: float, seed: int = 0) -> list[dict[str, Any]]:
    """The lesions of a share of the patients, the same share for each label, in their order.

    Smaller shares lie inside larger ones of the same seed, so that a curve over shares only ever adds patients.

    Args:
        items: lesions with "patient_id" and "label"; a patient counts as the highest label of his lesions.
        fraction: share of the patients, above 0 up to 1; rounded to whole patients of each label.
        seed: chooses the patients.

    Raises:
        ConfigError: the fraction is no share, or so small that a label would be lost.
    """
    if not 0 < fraction <= 1:
        raise ConfigError("is no share", where="fraction", expected="above 0, up to 1", found=fraction)
    chosen: set[str] = set()
    for patients in patient_strata(items, "label", seed):
        chosen.update(patients[: math.floor(fraction * len(patients) + 0.5)])
    taken = [dict(item) for item in items if str(item["patient_id"]) in chosen]
    lost = sorted({item["label"] for item in items} - {item["label"] for item in taken})
    if lost:
        what, remedy = f"leaves no lesion with label {lost[0]}", "take a larger fraction"
        expected = "enough patients of each label"
        raise ConfigError(what, where="fraction", found=fraction, remedy=remedy, expected=expected)
    logger.info("%g %% of the training data: %d lesions of %d patients", 100 * fraction, len(taken), len(chosen))
    return taken


def split_card(
    items: Items, mode: str, folds: int, fold: int, seed: int, allow_overlap: bool = False
) -> dict[str, Any]:
    """What a model's card keeps of its split, so that an evaluation finds the held-out lesions again."""
    held = judged_on(choose_split(items, mode, folds, fold, seed, allow_overlap))
    rule = {"mode": mode, "folds": folds, "fold": fold, "seed": seed, "allow_overlap": allow_overlap}
    return {**rule, "lesions": _fingerprint(items), "held_out": _fingerprint(held)}


def held_out(items: Items, part: str, split: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The lesions to judge a model on.

    Args:
        items: all lesions of a source.
        part: "held_out": those of the model's own data that it was not trained on; "all": every lesion of other data.
        split: what `split_card` put into the model's card.

    Raises:
        ConfigError: an unknown part; "held_out" of other data; or "all" of the data the model was trained on.
    """
    one_of("part", part, ("held_out", "all"))
    own = _fingerprint(items) == split["lesions"]
    if part == "held_out" and not own:
        what = "these are not the lesions the model was trained with"
        remedy = "give --part all, and see that no patient of the training data is among them"
        raise ConfigError(what, where="part", found=part, remedy=remedy)
    if part == "all" and own:
        what = "the model was trained on some of these lesions"
        raise ConfigError(what, where="part", expected="held_out", found=part)
    if part == "all":
        told = "%d lesions are taken for new ones: only you know that the model was not trained on their patients"
        logger.warning(told, len(items))
        return [dict(item) for item in items]
    asked = [split[name] for name in ("mode", "folds", "fold", "seed", "allow_overlap")]
    held = judged_on(choose_split(items, *asked))
    if _fingerprint(held) != split["held_out"]:
        what, remedy = "other lesions are held out than in training", "give the table as it was in training"
        raise ConfigError(what, where="part", found=f"another {split['mode']} split", remedy=remedy)
    return held


def _fingerprint(items: Items) -> str:
    """Tells lists of lesions apart by patients and labels, wherever the files lie."""
    text = json.dumps([[str(item["patient_id"]), item["label"]] for item in items])
    return hashlib.sha256(text.encode()).hexdigest()[:24]
