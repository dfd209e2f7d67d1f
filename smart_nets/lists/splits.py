"""Divide scans by patient, and tell where two collections overlap."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from smart_nets.errors import ConfigError

Items = Sequence[Mapping[str, Any]]


def split_by_patient(
    items: Items, fractions: Mapping[str, float], seed: int = 0, label: str | None = None
) -> dict[str, list[dict[str, Any]]]:
    """Parts of the given fractions in which no patient occurs twice.

    Args:
        items: datalist items with "patient_id".
        fractions: name of a part -> its share; they sum to 1.
        seed: chooses who goes where.
        label: field whose classes are spread evenly; a patient counts as the highest label of his scans.

    Raises:
        ConfigError: fractions do not sum to 1, or a part would lack a class or all patients.
    """
    shares = np.array(list(fractions.values()), dtype=float)
    if not len(shares) or (shares <= 0).any() or abs(shares.sum() - 1) > 1e-6:
        raise ConfigError("fractions must be positive and sum to 1", where="fractions", found=dict(fractions))
    part_of: dict[str, str] = {}
    for patients in patient_strata(items, label, seed):
        bounds = np.rint(np.cumsum(shares) * len(patients)).astype(int)
        for position, patient in enumerate(patients):
            part_of[patient] = list(fractions)[int(np.searchsorted(bounds, position, side="right"))]
    parts = {name: [dict(item) for item in items if part_of[str(item["patient_id"])] == name] for name in fractions}
    check_classes(parts, label)
    return parts


def k_folds(items: Items, k: int, seed: int = 0, label: str | None = None) -> list[dict[str, list[dict[str, Any]]]]:
    """k pairs {"training", "validation"}; each patient is validated exactly once. Arguments as `split_by_patient`.

    Raises:
        ConfigError: k below 2 or above the number of patients, or a fold would lack a class.
    """
    patients = [patient for stratum in patient_strata(items, label, seed) for patient in stratum]
    if not 2 <= k <= len(patients):
        most = f"2 to {len(patients)}, as many as there are patients" if len(patients) > 1 else "2 patients or more"
        found = k if len(patients) > 1 else f"{len(patients)} patients"
        remedy = "give another number with --folds" if len(patients) > 1 else "give more patients"
        raise ConfigError("cannot make that many folds", where="folds", expected=most, found=found, remedy=remedy)
    fold_of = {patient: position % k for position, patient in enumerate(patients)}  # dealt like cards, class by class
    folds = []
    for fold in range(k):
        parts: dict[str, list[dict[str, Any]]] = {"training": [], "validation": []}
        for item in items:
            parts["validation" if fold_of[str(item["patient_id"])] == fold else "training"].append(dict(item))
        check_classes({f"{name} of fold {fold + 1}": part for name, part in parts.items()}, label)
        folds.append(parts)
    return folds


def patient_strata(items: Items, label: str | None, seed: int) -> list[list[str]]:
    """Patients in random order, one list per class of their highest label."""
    highest: dict[str, Any] = {}
    for item in items:
        if label is not None and label not in item:
            raise ConfigError(f"has no field '{label}'", where=item["image"], remedy="give each scan its label")
        patient: str = str(item["patient_id"])
        value: Any = 0 if label is None else item[label]
        highest[patient] = max(highest.get(patient, value), value)
    generator = np.random.default_rng(seed)
    strata = []
    for value in sorted(set(highest.values())):
        members = sorted(patient for patient, own in highest.items() if own == value)
        strata.append([members[index] for index in generator.permutation(len(members))])
    return strata


def check_classes(parts: Mapping[str, Items], label: str | None) -> None:
    """Raise ConfigError when a part is empty or lacks a class that others have, or when there is only one class."""
    for name, part in parts.items():
        if not part:
            raise ConfigError("has no scans", where=name, remedy="take fewer parts, or give more patients")
    if label is None:
        return
    classes = sorted({item[label] for part in parts.values() for item in part})
    if len(classes) < 2:
        remedy = "give cases of the other class"
        raise ConfigError("there is only one class", where=label, expected="at least 2", found=classes, remedy=remedy)
    for name, part in parts.items():
        missing = sorted(set(classes) - {item[label] for item in part})
        if missing:
            expected, remedy = f"{label} in {classes}", "take fewer or larger parts, or give more patients"
            raise ConfigError("lacks a class", where=name, expected=expected, found=f"no {missing}", remedy=remedy)


@dataclass(frozen=True)
class Overlap:
    """What two collections have in common: patients, DICOM series, and scans with the same bytes or voxels."""

    patients: list[str]
    series: list[str]
    scans: list[str]

    def __bool__(self) -> bool:
        return bool(self.patients or self.series or self.scans)


def shared_identifiers(first: Items, second: Items) -> Overlap:
    """Identifiers that occur in both; the scans are told by the second collection's paths."""
    hashes = {item[field] for item in first for field in ("sha256", "voxels_sha256") if field in item}
    same = {str(item["image"]) for item in second if {item.get("sha256"), item.get("voxels_sha256")} & hashes}
    same |= {str(item["image"]) for item in first if not item.get("series")} & {str(item["image"]) for item in second}
    return Overlap(_common(first, second, "patient_id"), _common(first, second, "series"), sorted(same))


def _common(first: Items, second: Items, field: str) -> list[str]:
    mine, theirs = ({str(item[field]) for item in items if item.get(field)} for items in (first, second))
    return sorted(mine & theirs)


def check_no_overlap(parts: Mapping[str, Items], allow_overlap: bool = False) -> dict[str, Overlap]:
    """All pairs of parts that share something, which is an error unless it is allowed.

    Raises:
        ConfigError: two parts share a patient, a series or a scan, and `allow_overlap` is False.
    """
    names, found = list(parts), {}
    for index, first in enumerate(names):
        for second in names[index + 1 :]:
            common = shared_identifiers(parts[first], parts[second])
            if common:
                found[f"{first} and {second}"] = common
    if found and not allow_overlap:
        pair, common = next(iter(found.items()))
        what = "patients" if common.patients else "scans"
        shared = common.patients or common.series or common.scans
        shown = ", ".join(shared[:5]) + ", ..." * (len(shared) > 5)
        remedy = "split by patient, or give allow_overlap to go on"
        raise ConfigError(f"share {len(shared)} {what}", where=pair, expected="none", found=shown, remedy=remedy)
    return found
