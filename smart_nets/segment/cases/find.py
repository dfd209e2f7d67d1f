"""Scans with their outlines, from wherever they come; only headers and tables are read here."""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from smart_nets.errors import InputError
from smart_nets.files import check_exists, existing
from smart_nets.lists.find import find
from smart_nets.lists.lidc.outlined import is_lidc, lidc_cases
from smart_nets.lists.outlines.tumours import PATTERN, tumour_list
from smart_nets.lists.tables.table import read_table, simplified
from smart_nets.scans.mask_regions import is_structure
from smart_nets.segment.cases.names import PLAN, TUMOUR, Values, read_json_object
from smart_nets.segment.cases.nnunet import is_raw_folder, raw_cases
from smart_nets.segment.cases.pairs import is_paired, paired_cases
from smart_nets.segment.cases.patients import with_patients
from smart_nets.segment.cases.phantoms import phantom_cases

logger = logging.getLogger(__name__)
Items = Sequence[Mapping[str, Any]]
FORMS = (
    "a folder in nnU-Net's raw format, folders images and labels, scans with masks beside them (scan__tumour.nii.gz), DICOM "
    "with structure sets or SEG, LIDC-IDRI with its XML, a table (image, label, patient_id), or a JSON datalist"
)
PATIENTS = ("patientid", "patient", "patients", "subject", "subjectid", "pid")  # simplified names of one column
TABLES = (".csv", ".tsv", ".txt")


def find_cases(
    source: str | Path | None,
    values: Values,
    phantom_dir: str | Path = "phantoms",
    phantoms: int = 16,
    tumour_pattern: str = PATTERN,
    readers: str = "vis",
    patient_pattern: str = "",
) -> list[dict[str, Any]]:
    """Items {"image", "patient_id", "series" (of DICOM)} with either "label", a label map, or "drawn", what people drew.

    Args:
        source: see `FORMS`; None for phantoms.
        values: of `label_values`.
        tumour_pattern: finds the regions that are outlined where there is one label; with several, a region's name is that
            of its label.
        readers: of NSCLC-Radiomics-Interobserver1, "vis" or "auto".
        patient_pattern: regular expression that finds the patient in a scan's path below the source, for sources that do not
            tell it.

    Raises:
        InputError: nothing is outlined, a file is missing, or the same case is given twice.
        GeometryError, ConfigError: as `tumour_list` tells.
    """
    if source is None:
        return phantom_cases(phantom_dir, phantoms)
    path = Path(source).expanduser()
    check_exists(path)
    items = with_patients(_of(path, values, tumour_pattern, readers), path, patient_pattern)
    for what, key in (("scan", ("image", "series")), ("label", ("label",))):
        _check_once(items, what, key, path)
    logger.info("%d cases of %d patients", len(items), len({item["patient_id"] for item in items}))
    return items


def _check_once(items: Items, what: str, keys: Sequence[str], path: Path) -> None:
    seen: dict[tuple[Any, ...], int] = {}
    for number, item in enumerate(items, start=1):
        if keys[0] in item and (first := seen.setdefault(tuple(item.get(key) for key in keys), number)) != number:
            place = f"{path}, cases {first} and {number}"
            raise InputError(
                f"{what} is given twice", where=place, expected="once", found=item[keys[0]], remedy="remove one"
            )


def _of(path: Path, values: Values, pattern: str, readers: str) -> list[dict[str, Any]]:
    if path.is_dir() or path.name == PLAN:
        folder = path if path.is_dir() else path.parent
        if is_raw_folder(folder):
            return raw_cases(folder)
        if is_paired(folder):
            return paired_cases(folder)
        if len(values) == 1 and is_lidc(folder):
            return lidc_cases(folder)
        return _drawn(path, values, pattern, readers)
    if path.suffix.lower() in TABLES:
        return _of_table(path)
    if path.suffix.lower() != ".json":
        remedy = "list its scan and label in a table"
        raise InputError("is no source of outlines", where=path, expected=FORMS, found="another file", remedy=remedy)
    if _has_drawings(path):
        return _drawn(path, values, pattern, readers)
    return _of_datalist(path)


def _of_table(path: Path) -> list[dict[str, Any]]:
    """Cases of a table with the columns image and label, and optionally patient_id, series and split."""
    rows = read_table(path, ("image", "label"))
    _check_columns(path, [*rows[0].cells])
    items = []
    for row in rows:
        item = {"image": row.file("image"), "label": row.file("label")}
        items.append(item | {name: row.cells[name] for name in ("patient_id", "series", "split") if row.has(name)})
    return items


def _check_columns(where: object, names: Sequence[str]) -> None:
    """InputError of a name that seems to mean the patient and is not read: scans of one would lie on both sides."""
    meant = [name for name in names if simplified(name) in PATIENTS]
    if meant and "patient_id" not in names:
        what, remedy = f"{meant[0]} is not read", f"rename {meant[0]} if it tells the patient, else remove it"
        raise InputError(what, where=where, expected="patient_id", found=", ".join(names)[:250], remedy=remedy)


def _of_datalist(path: Path) -> list[dict[str, Any]]:
    """Cases of "training", and of "validation" where there is such a list; "split" tells which."""
    both = isinstance(read_json_object(path).get("validation"), list)
    items = _entries(path, "training", {"split": "train"} if both else {})
    return items + (_entries(path, "validation", {"split": "validation"}) if both else [])


def _entries(path: Path, key: str, more: Mapping[str, str]) -> list[dict[str, Any]]:
    items = []
    for number, candidate in enumerate(find(path, key), start=1):
        if candidate.fault is not None:
            raise candidate.fault
        item, place = {**candidate.item(), **more}, f"{path}, {key}, entry {number}"
        _check_columns(place, [*candidate.fields])
        if candidate.series is None and candidate.fields.get("patient_id") in (None, ""):
            del item["patient_id"]
        text = item.pop("label", None)
        label = existing(path.parent, text) if isinstance(text, str) and text else None
        if label is None or not label.is_file():
            remedy = "correct the path, or remove the entry"
            raise InputError("label does not exist", where=place, expected='"label": path of a file', found=text or "nothing",
                             remedy=remedy)  # fmt: skip
        items.append(item | {"label": str(label)})
    return items


def _has_drawings(path: Path) -> bool:
    """Whether entries of a datalist name several readers, regions, or DICOM files as what was drawn."""
    entries = read_json_object(path).get("training")
    for entry in entries if isinstance(entries, list) else []:
        label = entry.get("label") if isinstance(entry, dict) else None
        if isinstance(label, list) or (isinstance(entry, dict) and "region" in entry):
            return True
        file = existing(path.parent, label) if isinstance(label, str) and label else None
        if file is not None and file.is_file() and is_structure(file):
            return True
    return False


def _drawn(path: Path, values: Values, pattern: str, readers: str) -> list[dict[str, Any]]:
    """Cases of regions that bear names: of one label those the pattern finds, of several each label's own."""
    patterns = {name: f"(?i)^{re.escape(name)}$" for name in values}
    if values == TUMOUR or (len(values) == 1 and pattern != PATTERN):
        patterns = dict.fromkeys(values, pattern)
    cases: dict[tuple[Any, ...], dict[str, Any]] = {}
    for name, one in patterns.items():
        for item in tumour_list(path, one, readers):
            regions = item.pop("readers")
            if item.get("series") is None and "patient_id" not in _listed_fields(path):
                item.pop("patient_id")  # one that the file's place made up
            case = cases.setdefault((item["image"], item.get("series")), {**item, "drawn": {}})
            if name in case["drawn"]:
                remedy = "give its regions as one entry"
                raise InputError("scan is given twice", where=path, expected="once", found=item["image"], remedy=remedy)
            case["drawn"][name] = regions
    return list(cases.values())


def _listed_fields(path: Path) -> set[str]:
    """What entries of a datalist tell; nothing of a folder."""
    entries = read_json_object(path).get("training") if path.is_file() else None
    return {str(key) for entry in entries or [] if isinstance(entry, dict) for key in entry}
