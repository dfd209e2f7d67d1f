"""Read a table of lesions: one row per lesion, one label each."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from smart_nets.errors import InputError
from smart_nets.lists.table import Row, read_table

NEEDED = ("patient_id", "image", "label")
CENTRE = ("x", "y", "z")
SPECIAL = {*NEEDED, *CENTRE, "mask", "diameter_mm", "series", "split", "lesion"}


def read_lesions(path: str | Path, classes: int | None = None) -> list[dict[str, Any]]:
    """Datalist items of a CSV, one per row.

    Columns, in any order: patient_id, image (path, relative to the CSV), label (0, 1, ...); and optionally mask (path),
    x, y, z (the lesion's centre in RAS mm, as in the image's affine), diameter_mm, series (SeriesInstanceUID, where the
    image is a DICOM folder that holds several), split and lesion (names). All others are covariates, as numbers where
    they are numbers. Commas, semicolons (then also decimal commas) and tabs are understood, as are byte order marks, CRLF,
    quotes and blank lines.

    Args:
        path: the CSV file.
        classes: how many classes there are; labels run from 0 to classes - 1.

    Returns:
        {"patient_id", "image", "label"}, and where given {"mask", "centre_mm": [x, y, z], "diameter_mm", "series",
        "split", "lesion", covariates...}.

    Raises:
        InputError: the file, a column or a cell is missing or wrong, with its line.
    """
    rows = read_table(path, NEEDED)
    some = [name for name in CENTRE if name in rows[0].cells]
    if some and len(some) < len(CENTRE):
        remedy = "add the others, or leave all out"
        raise InputError("a centre needs the columns x, y and z", where=path, found=", ".join(some), remedy=remedy)
    return [_item(row, classes) for row in rows]


def _item(row: Row, classes: int | None) -> dict[str, Any]:
    item: dict[str, Any] = {"patient_id": row.text("patient_id"), "image": row.file("image")}
    item["label"] = row.label("label", classes)
    if row.cells.get("mask"):
        item["mask"] = row.file("mask")
    if any(row.cells.get(name) for name in CENTRE):
        item["centre_mm"] = [row.number(name) for name in CENTRE]
    if row.cells.get("diameter_mm"):
        item["diameter_mm"] = row.length("diameter_mm")
    item |= {name: row.cells[name] for name in ("series", "split", "lesion") if row.cells.get(name)}
    return {**item, **{name: row.covariate(name) for name in row.cells if name not in SPECIAL}}
