"""From a table, or a folder of a public data set, to the list of lesions that a classifier learns from."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from smart_nets.classify.lesions.csv_list import read_lesions
from smart_nets.classify.lesions.lidc_vois import is_lidc_vois, read_lidc_vois
from smart_nets.classify.lesions.place import COORDINATES, MIDDLE_SOURCE, place_source, places_told, to_ras_mm
from smart_nets.errors import ConfigError, InputError
from smart_nets.lists.lidc.collection import read_lidc_idri
from smart_nets.lists.lidc.readings import RULES
from smart_nets.lists.pseudonym import spelling_key
from smart_nets.settings import FROM_1, one_of

logger = logging.getLogger(__name__)
TABLES = (".csv", ".tsv", ".txt")
WORKBOOKS = (".xlsx", ".xlsm", ".xls", ".ods", ".parquet")  # tables too, which are refused with what to do


def lesion_list(
    source: str | Path,
    rule: str = "median",
    min_readers: int = 3,
    annotations: str | Path | None = None,
    left_out: Counter[str] | None = None,
    coordinates: str = "RAS",
) -> list[dict[str, Any]]:
    """The lesions of a source, each with label 0 or 1; how many there are, and what their places come from, is logged.

    Args:
        source: a table (`read_lesions`), the folder `lidc_vois` (`read_lidc_vois`), or a folder of DICOM series of
            LIDC-IDRI with their annotations (`read_lidc_idri`).
        rule: how the ratings of LIDC-IDRI become a label: "median", "mean" or "drop 3".
        min_readers: fewest ratings that such a label needs.
        annotations: of LIDC-IDRI, where they are not below its folder.
        left_out: counts what is not among the lesions, by reason.
        coordinates: of x, y, z in a table, "RAS" or "LPS".

    Returns:
        items {"patient_id", "image", "label"} with, where known, {"series", "mask", "mask_label", "centre_mm" [x, y, z] in
        RAS mm, "diameter_mm", "split", "lesion", covariates...}. All files exist; voxels are not read.

    Raises:
        InputError: the source is none of these, a row or file in it is wrong, a lesion is listed twice or a scan for
            two patients, or nothing is left.
        ConfigError: unknown rule or coordinates, or annotations or LPS for a source that has its own labels or places.
    """
    one_of("rule", rule, RULES)
    one_of("coordinates", coordinates, COORDINATES)
    path = Path(source).expanduser()
    without = Counter[str]() if left_out is None else left_out
    labelled = is_lidc_vois(path) or (path.is_file() and path.suffix.lower() in (*TABLES, *WORKBOOKS, ".json"))
    if path.is_dir() and coordinates != "RAS":
        what, remedy = "this source knows its lesions' places itself", "leave it out"
        raise ConfigError(what, where="coordinates", expected="RAS", found=coordinates, remedy=remedy)
    if labelled and annotations is not None:
        raise ConfigError("this source has its labels already", where="annotations", found=annotations)
    if labelled:
        items = read_lidc_vois(path) if path.is_dir() else read_lesions(path, 2, coordinates)
    elif path.is_dir():
        items = read_lidc_idri(path, annotations, rule, min_readers, without)
    else:
        expected = "a CSV, a folder with metadata.csv, image and nodule_mask, or LIDC-IDRI's DICOM folders"
        found = "another file" if path.exists() else "nothing"
        raise InputError("is no source of lesions", where=path, expected=expected, found=found, remedy="check the path")
    check_lesions(items, path)
    for line in _counts(items, without, coordinates):
        logger.info("%s: %s", path.name, line)
    middle = sum(place_source(item) == MIDDLE_SOURCE for item in items)
    if middle:
        logger.warning("%s: the middle of the image is taken for the lesion in %d of %d", path.name, middle, len(items))
    return items


def lesions_to_predict(
    source: str | Path,
    centre: Sequence[float] | None = None,
    mask: str | Path | None = None,
    coordinates: str = "RAS",
    mask_label: int | None = None,
) -> list[dict[str, Any]]:
    """What an inference looks at: all lesions of a source of `lesion_list`, or one lesion of one scan.

    Args:
        source: a scan (a file or DICOM folder), or a source of lesions; its labels are not used.
        centre: (x, y, z) of the lesion in mm, when the source is a scan.
        mask: of the lesion, when the source is a scan. Without either the middle of the scan is looked at, which is right
            for a scan that was cut around its lesion.
        coordinates: of x, y, z, "RAS" or "LPS".
        mask_label: the lesion's value in a mask of several.

    Raises:
        InputError: the source is neither, or the mask does not exist.
        ConfigError: a centre or mask for a source that has its own, both of them, a centre that is no point, a label that is
            none or lacks its mask, or other coordinates.
    """
    path = Path(source).expanduser()
    if is_lesion_source(path):
        if not (centre is mask is mask_label is None):
            what, remedy = "this source has its lesions' places already", "leave both out, or give one scan"
            raise ConfigError(what, where="centre, mask", found=path, remedy=remedy)
        return [{**item, "row": row} for row, item in enumerate(lesion_list(path, coordinates=coordinates))]
    if not path.exists():
        raise InputError("does not exist", where=path, expected="a scan or lesions", remedy="check the path")
    item: dict[str, Any] = {"image": str(path), **_told_place(centre, mask, coordinates, mask_label)}
    if centre is None and mask is None:
        logger.warning("no centre and no mask: the middle of %s is taken for the lesion", path.name)
    else:
        logger.info("%s: its place is told by %s", path.name, places_told([item], coordinates).removeprefix("1 by "))
    return [item]


def _told_place(centre: Any, mask: Any, coordinates: str, mask_label: int | None) -> dict[str, Any]:
    """ "centre_mm" in RAS, or "mask" with "mask_label", of one lesion, as far as they are given."""
    one_of("coordinates", coordinates, COORDINATES)
    place: dict[str, Any] = {}
    if centre is not None and mask is not None:
        what, remedy = "tell the lesion's place twice", "leave one out"
        raise ConfigError(what, where="centre, mask", remedy=remedy, expected="one of them")
    if centre is not None:
        point = np.asarray(centre)
        if point.shape != (3,) or point.dtype.kind not in "if" or not np.isfinite(point).all():
            raise ConfigError("is no point", where="centre", expected=f"[x, y, z] in {coordinates} mm", found=centre)
        place["centre_mm"] = to_ras_mm(centre, coordinates)
    if mask is not None:
        if not Path(str(mask)).is_file():
            raise InputError("does not exist", where=mask, expected="a mask of the lesion", remedy="check the path")
        place["mask"] = str(mask)
    if mask_label is not None:
        FROM_1.check("mask_label", mask_label)
        if mask is None:
            raise ConfigError("needs a mask", where="mask_label", found=mask_label, remedy="give the mask too")
        place["mask_label"] = int(mask_label)
    return place


def is_lesion_source(path: Path) -> bool:
    """Whether a path is a table or a known collection of labelled lesions, rather than one scan."""
    return (
        (path.is_file() and path.suffix.lower() in (*TABLES, *WORKBOOKS))
        or is_lidc_vois(path)
        or any(path.glob("LIDC-IDRI-*"))
    )


def check_lesions(items: list[dict[str, Any]], source: Path) -> None:
    """Raise InputError when there are none, one is listed twice, a scan is of two patients, or a patient spelt in two ways."""
    if not items:
        remedy = "see why in the log, or ask fewer readers"
        expected = "at least one"
        raise InputError("has no lesion with a label", where=source, remedy=remedy, expected=expected)
    lesions: dict[Any, int] = {}
    patients: dict[Any, tuple[str, int]] = {}
    spellings: dict[str, tuple[str, int]] = {}
    for number, item in enumerate(items, start=1):
        scan = (item["image"], item.get("series"))
        drawn = tuple(item.get(name) for name in ("mask", "mask_label", "mask_region"))
        place = (*scan, *drawn, tuple(item.get("centre_mm", ())))
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
        written, first = spellings.setdefault(spelling_key(item["patient_id"]), (item["patient_id"], number))
        if written != item["patient_id"]:
            where, found = f"{source}, lesions {first} and {number}", item["patient_id"]
            what, remedy = "one patient seems to be spelt in two ways", "give one patient one name, and others another"
            raise InputError(what, where=where, expected=written, found=found, remedy=remedy)


def _counts(items: list[dict[str, Any]], left_out: Counter[str], coordinates: str) -> list[str]:
    """What there is, where it lies, and what is left out, in words."""
    labels = Counter(item["label"] for item in items)
    patients = {item["patient_id"] for item in items}
    classes = ", ".join(f"{count} with label {label}" for label, count in sorted(labels.items()))
    head = [
        f"{len(items)} lesions of {len(patients)} patients ({classes})",
        f"places: {places_told(items, coordinates)}",
    ]
    return head + [f"left out, {reason}: {count}" for reason, count in sorted(left_out.items())]
