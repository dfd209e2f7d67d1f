"""From a table, or a folder of a public data set, to the list of lesions that a classifier learns from."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from smart_nets.classify.lesions.csv_list import read_lesions
from smart_nets.classify.lesions.lidc import RULES
from smart_nets.classify.lesions.lidc_idri import read_lidc_idri
from smart_nets.classify.lesions.lidc_vois import is_lidc_vois, read_lidc_vois
from smart_nets.errors import ConfigError, InputError
from smart_nets.settings import one_of

logger = logging.getLogger(__name__)
TABLES = (".csv", ".tsv", ".txt")


def lesion_list(
    source: str | Path,
    rule: str = "median",
    min_readers: int = 3,
    annotations: str | Path | None = None,
    left_out: Counter[str] | None = None,
) -> list[dict[str, Any]]:
    """The lesions of a source, each with label 0 or 1; how many there are is logged.

    Args:
        source: a table (`read_lesions`), the folder `lidc_vois` (`read_lidc_vois`), or a folder of DICOM series of
            LIDC-IDRI with their annotations (`read_lidc_idri`).
        rule: how the ratings of LIDC-IDRI become a label: "median", "mean" or "drop 3".
        min_readers: fewest ratings that such a label needs.
        annotations: of LIDC-IDRI, where they are not below its folder.
        left_out: counts what is not among the lesions, by reason.

    Returns:
        items {"patient_id", "image", "label"} with, where known, {"series", "mask", "centre_mm" [x, y, z] in RAS mm,
        "diameter_mm", "split", "lesion", covariates...}. All files exist; voxels are not read.

    Raises:
        InputError: the source is none of these, a row or file in it is wrong, a lesion is listed twice or a scan for
            two patients, or nothing is left.
        ConfigError: unknown rule, or annotations for a source that has its own labels.
    """
    one_of("rule", rule, RULES)
    path = Path(source).expanduser()
    without = Counter[str]() if left_out is None else left_out
    labelled = is_lidc_vois(path) or (path.is_file() and path.suffix.lower() in TABLES)
    if labelled and annotations is not None:
        raise ConfigError("this source has its labels already", where="annotations", found=annotations)
    if labelled:
        items = read_lidc_vois(path) if path.is_dir() else read_lesions(path, classes=2)
    elif path.is_dir():
        items = read_lidc_idri(path, annotations, rule, min_readers, without)
    else:
        expected = "a CSV, a folder with metadata.csv, image and nodule_mask, or LIDC-IDRI's DICOM folders"
        found = "another file" if path.exists() else "nothing"
        raise InputError("is no source of lesions", where=path, expected=expected, found=found, remedy="check the path")
    check_lesions(items, path)
    for line in _counts(items, without):
        logger.info("%s: %s", path.name, line)
    return items


def lesions_to_predict(
    source: str | Path, centre: Sequence[float] | None = None, mask: str | Path | None = None
) -> list[dict[str, Any]]:
    """What an inference looks at: all lesions of a source of `lesion_list`, or one lesion of one scan.

    Args:
        source: a scan (a file or DICOM folder), or a source of lesions; its labels are not used.
        centre: (x, y, z) of the lesion in RAS mm, when the source is a scan.
        mask: of the lesion, when the source is a scan. Without either the middle of the scan is looked at, which is right
            for a scan that was cut around its lesion.

    Raises:
        InputError: the source is neither, or the mask does not exist.
        ConfigError: a centre or mask for a source that has its own, both of them, or a centre that is no point.
    """
    path = Path(source).expanduser()
    if is_lesion_source(path):
        if centre is not None or mask is not None:
            what, remedy = "this source has its lesions' places already", "leave both out, or give one scan"
            raise ConfigError(what, where="centre, mask", found=path, remedy=remedy)
        return [{**item, "row": row} for row, item in enumerate(lesion_list(path))]
    if not path.exists():
        raise InputError("does not exist", where=path, expected="a scan or lesions", remedy="check the path")
    item: dict[str, Any] = {"image": str(path)}
    if centre is not None:
        if mask is not None:
            expected = "one of them"
            raise ConfigError(
                "tell the lesion's place twice", where="centre, mask", remedy="leave one out", expected=expected
            )
        point = np.asarray(centre)
        if point.shape != (3,) or point.dtype.kind not in "if" or not np.isfinite(point).all():
            raise ConfigError("is no point", where="centre", expected="[x, y, z] in RAS mm", found=centre)
        item["centre_mm"] = [float(value) for value in centre]
    if mask is not None:
        if not Path(str(mask)).is_file():
            raise InputError("does not exist", where=mask, expected="a mask of the lesion", remedy="check the path")
        item["mask"] = str(mask)
    if centre is None and mask is None:
        logger.warning("no centre and no mask: the middle of %s is taken for the lesion", path.name)
    return [item]


def is_lesion_source(path: Path) -> bool:
    """Whether a path is a table or a known collection of labelled lesions, rather than one scan."""
    return (path.is_file() and path.suffix.lower() in TABLES) or is_lidc_vois(path) or any(path.glob("LIDC-IDRI-*"))


def check_lesions(items: list[dict[str, Any]], source: Path) -> None:
    """Raise InputError when there are none, when one is listed twice, or when one scan is of two patients."""
    if not items:
        remedy = "see why in the log, or ask fewer readers"
        expected = "at least one"
        raise InputError("has no lesion with a label", where=source, remedy=remedy, expected=expected)
    lesions: dict[Any, int] = {}
    patients: dict[Any, tuple[str, int]] = {}
    for number, item in enumerate(items, start=1):
        scan = (item["image"], item.get("series"))
        place = (*scan, item.get("mask"), tuple(item.get("centre_mm", ())))
        before = lesions.setdefault(place, number)
        if before != number:
            where = f"{source}, lesions {before} and {number}"
            remedy = "remove one, or give both their masks or centres"
            expected = "one row per lesion"
            raise InputError(
                "the same lesion is listed twice", where=where, found=item["image"], remedy=remedy, expected=expected
            )
        patient, first = patients.setdefault(scan, (item["patient_id"], number))
        if patient != item["patient_id"]:
            where, found = f"{source}, lesions {first} and {number}", item["patient_id"]
            remedy = "give both the same patient_id"
            raise InputError("one scan is of two patients", where=where, expected=patient, found=found, remedy=remedy)


def _counts(items: list[dict[str, Any]], left_out: Counter[str]) -> list[str]:
    """What there is and what is left out, in words."""
    labels = Counter(item["label"] for item in items)
    patients = {item["patient_id"] for item in items}
    classes = ", ".join(f"{count} with label {label}" for label, count in sorted(labels.items()))
    return [f"{len(items)} lesions of {len(patients)} patients ({classes})"] + [
        f"left out, {reason}: {count}" for reason, count in sorted(left_out.items())
    ]
