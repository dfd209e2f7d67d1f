"""LIDC nodules cut out of their scans, with masks and one table: the folder `lidc_vois`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from smart_nets.errors import InputError
from smart_nets.files import existing
from smart_nets.lists.pseudonym import pseudonym
from smart_nets.lists.tables.table import Row, read_table

TABLE, IMAGES, MASKS = "metadata.csv", "image", "nodule_mask"
NEEDED = ("patient_id", "nodule_id", "seriesuid", "diameter_mm", "Diagnosis_value", "Malignancy_value")
ENDING = "_value"


def is_lidc_vois(folder: Path) -> bool:
    """Whether a folder has the table and the two folders beside it."""
    return (folder / TABLE).is_file() and (folder / IMAGES).is_dir() and (folder / MASKS).is_dir()


def read_lidc_vois(folder: str | Path) -> list[dict[str, Any]]:
    """One item per row of ``metadata.csv``; its image and mask are ``{patient_id}_R_{nodule_id}.nii.gz``.

    The label is "Diagnosis_value": 1 where at least two readers rated the malignancy above 3. Where a nodule lies is
    left to its mask: the table gives centres too (coordX, coordY, coordZ, in LPS mm), but one lies outside its image.

    Returns:
        {"patient_id" (pseudonym, as for the DICOM series), "image", "mask", "series" (that the image was cut from),
        "lesion" (nodule_id), "label", "diameter_mm", "malignancy" (1 to 5, the most frequent rating), "split" where
        there is such a column, and the other ratings as covariates: "subtlety", "spiculation", "lobulation", ...}.

    Raises:
        InputError: table, image or mask is missing, or a cell is wrong, with its line.
    """
    rows = read_table(Path(folder) / TABLE, NEEDED)
    items = [_item(Path(folder), row) for row in rows]
    lines: dict[str, int] = {}
    for row, item in zip(rows, items, strict=True):
        before = lines.setdefault(item["image"], row.line)
        if before != row.line:
            raise row.error("nodule_id", f"lesion is listed in line {before} too", "one row each")
    return items


def _item(folder: Path, row: Row) -> dict[str, Any]:
    item: dict[str, Any] = {
        "patient_id": pseudonym(row.text("patient_id")),
        "image": _file(folder / IMAGES, row),
        "mask": _file(folder / MASKS, row),
        "series": row.text("seriesuid"),
        "lesion": row.text("nodule_id"),
        "label": row.label("Diagnosis_value", 2),
        "diameter_mm": row.length("diameter_mm"),
        "malignancy": row.number("Malignancy_value"),
    }
    if row.cells.get("split"):
        item["split"] = row.cells["split"]
    others = [name for name in row.cells if name.endswith(ENDING) and name not in NEEDED]
    return item | {name.removesuffix(ENDING).lower(): row.covariate(name) for name in others}


def _file(folder: Path, row: Row) -> str:
    name = f"{row.text('patient_id')}_R_{row.text('nodule_id')}.nii.gz"
    path = existing(folder, name)
    if path is None:
        where, remedy = f"{row.path}, line {row.line}", "copy the folder again, or remove the row"
        raise InputError("lesion has no such file", where=where, expected=folder / name, remedy=remedy)
    return str(path)
