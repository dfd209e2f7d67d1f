"""Read a table of lesions: one row per lesion, one label each."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from smart_nets.classify.lesions.columns import covariate_columns
from smart_nets.classify.lesions.place import to_ras_mm
from smart_nets.errors import InputError
from smart_nets.lists.tables.table import Row, read_table

NEEDED = ("patient_id", "image", "label")
CENTRE = ("x", "y", "z")
NAMES = ("series", "split", "lesion")
KNOWN = (*NEEDED, *CENTRE, "mask", "mask_label", "mask_region", "place", "diameter_mm", *NAMES)
MIDDLE = "middle"  # what a row writes in the column place where its image was cut around the lesion


def read_lesions(path: str | Path, classes: int | None = None, coordinates: str = "RAS") -> list[dict[str, Any]]:
    """Datalist items of a CSV, one per row.

    Columns, in any order: patient_id, image (path, relative to the CSV), label (0, 1, ...); and optionally x, y, z (the
    lesion's centre in mm), mask (path), mask_label (the lesion's value in a mask of several),
    mask_region (its name in a mask that is an RTSTRUCT or SEG), place ("middle" where the image
    was cut around its lesion), diameter_mm, series (SeriesInstanceUID, where the image is a DICOM folder that holds several),
    split and lesion (names). All others are covariates (`covariate_columns`). What is read as a table: `read_table`.

    Args:
        path: the CSV file.
        classes: how many classes there are; labels run from 0 to classes - 1.
        coordinates: of x, y, z: "RAS" as a NIfTI affine counts, or "LPS" as DICOM and ITK do; items are in RAS.

    Returns:
        {"patient_id", "image", "label"}, and where given {"mask", "mask_label", "centre_mm": [x, y, z] in RAS, "diameter_mm",
        "series", "split", "lesion", covariates...}.

    Raises:
        InputError: the file, a column or a cell is missing or wrong, or a row does not tell its lesion's place, with its line.
        ConfigError: other coordinates.
    """
    rows = read_table(path, NEEDED)
    covariates = covariate_columns(rows, KNOWN)
    some = [name for name in CENTRE if name in rows[0].cells]
    if some and len(some) < len(CENTRE):
        remedy = "add the others, or leave all out"
        raise InputError("a centre needs the columns x, y and z", where=path, found=", ".join(some), remedy=remedy)
    _check_places(rows, covariates)
    return [_item(row, classes, coordinates, covariates) for row in rows]


def _item(row: Row, classes: int | None, coordinates: str, covariates: Sequence[str]) -> dict[str, Any]:
    item: dict[str, Any] = {"patient_id": row.text("patient_id"), "image": row.file("image")}
    item["label"] = row.label("label", classes)
    if row.has("mask"):
        item["mask"] = row.file("mask")
    if row.has("mask_label"):
        item["mask_label"] = _mask_label(row)
    if row.has("mask_region"):
        item["mask_region"] = row.cells["mask_region"]
    if _has_centre(row):
        item["centre_mm"] = to_ras_mm([row.number(name) for name in CENTRE], coordinates)
    if row.has("diameter_mm"):
        item["diameter_mm"] = row.length("diameter_mm")
    item |= {name: row.cells[name] for name in NAMES if row.has(name)}
    return {**item, **{name: row.covariate(name) for name in covariates}}


def _mask_label(row: Row) -> int:
    value = row.number("mask_label")
    if not value.is_integer() or value < 1:
        raise row.error("mask_label", "is no value of a mask", "a whole number from 1")
    if not row.has("mask"):
        raise row.error("mask", "row has a mask_label but no mask", "the mask's path")
    return int(value)


def _has_centre(row: Row) -> bool:
    lacking = [name for name in CENTRE if not row.has(name)]
    if lacking and len(lacking) < len(CENTRE):
        raise row.error(lacking[0], "row has half a place", "numbers in x, y and z", "fill all three, or none")
    return not lacking


def _check_places(rows: Sequence[Row], covariates: Sequence[str]) -> None:
    """Each row tells where its lesion is; only a table without places and covariates may mean the middle of its images."""
    told = [_has_centre(row) or row.has("mask") for row in rows]
    asked = [row.has("place") for row in rows]
    for row, known, middle in zip(rows, told, asked, strict=True):
        if middle and row.cells["place"].lower() != MIDDLE:
            raise row.error("place", "place is not known", f"{MIDDLE}, or nothing")
        if middle and known:
            raise row.error("place", "row tells its place twice", "nothing beside x, y, z or a mask")
        if not known and not middle and (any(told) or any(asked) or covariates):
            what, remedy = (
                "lesion has no place",
                f"fill one in, or write {MIDDLE} in a column place if the image was cut around it",
            )
            also = f" ({', '.join(covariates)} tell none)"[:100] if covariates else ""
            raise row.error("x" if "x" in row.cells else "mask", what, f"x, y, z or a mask{also}", remedy)
