"""Read a table of lesions: one row per lesion, one label each."""

from __future__ import annotations

import csv
import io
import math
from pathlib import Path
from typing import Any

from smart_nets.data.paths import existing
from smart_nets.errors import InputError

NEEDED = ("patient_id", "image", "label")
CENTRE = ("x", "y", "z")
DELIMITERS = (",", ";", "\t")


def read_lesions(path: str | Path, classes: int | None = None) -> list[dict[str, Any]]:
    """Datalist items of a CSV, one per row.

    Columns, in any order: patient_id, image (path, relative to the CSV), label (0, 1, ...); and optionally mask (path),
    x, y, z (the lesion's centre in RAS mm, as in the image's affine), split (a name). All others are covariates, as
    numbers where they are numbers. Commas, semicolons (then also decimal commas) and tabs are understood, as are byte
    order marks, CRLF, quotes and blank lines.

    Args:
        path: the CSV file.
        classes: how many classes there are; labels run from 0 to classes - 1.

    Returns:
        {"patient_id", "image", "label"}, and where given {"mask", "centre_mm": [x, y, z], "split", covariates...}.

    Raises:
        InputError: the file, a column or a cell is missing or wrong, with its line.
    """
    where = Path(path)
    rows, delimiter = _rows(where)
    header = [name.strip() for name in rows[0][1]]
    missing = [name for name in NEEDED if name not in header]
    doubled = sorted({name for name in header if header.count(name) > 1})
    if missing or doubled:
        fault = f"column {missing[0]} is missing" if missing else f"column {doubled[0]} occurs twice"
        raise InputError(fault, where=f"{where}, line {rows[0][0]}", expected=", ".join(NEEDED),
                         found=", ".join(header), remedy="correct the first line")  # fmt: skip
    some = [name for name in CENTRE if name in header]
    if some and len(some) < len(CENTRE):
        raise InputError("a centre needs the columns x, y and z", where=f"{where}, line {rows[0][0]}",
                         found=", ".join(some), remedy="add the others, or leave all out")  # fmt: skip
    items = []
    for line, cells in rows[1:]:
        if len(cells) != len(header):
            raise InputError(
                "row has another number of cells than the header",
                where=f"{where}, line {line}",
                expected=len(header),
                found=len(cells),
                remedy="quote cells that hold separators",
            )
        items.append(_Row(where, line, dict(zip(header, map(str.strip, cells), strict=True)), delimiter).item(classes))
    if not items:
        raise InputError("lists no lesions", where=where, expected="at least one row", found="none", remedy="add rows")
    return items


def _rows(path: Path) -> tuple[list[tuple[int, list[str]]], str]:
    """Line number and cells of all rows that are not blank, and the delimiter."""
    if not path.is_file():
        raise InputError("does not exist", where=path, remedy="check the path")
    content = path.read_bytes()
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise InputError("is not UTF-8", where=f"{path}, line {line}", found=f"byte {content[error.start]:#x}",
                         remedy="save the table as UTF-8") from error  # fmt: skip
    first = next((line for line in text.splitlines() if line.strip()), "")
    delimiter = max(DELIMITERS, key=first.count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    rows = []
    try:
        for cells in reader:
            if any(cell.strip() for cell in cells):
                rows.append((reader.line_num, cells))
    except csv.Error as error:
        raise InputError(
            f"is no table ({error})", where=f"{path}, line {reader.line_num}", remedy="mend the quotes"
        ) from error
    if not rows:
        raise InputError("is empty", where=path, found="no rows", remedy="give a table with a header")
    return rows, delimiter


class _Row:
    """One row and its place, so that every message can tell line and column."""

    def __init__(self, path: Path, line: int, cells: dict[str, str], delimiter: str) -> None:
        self.path, self.line, self.cells, self.delimiter = path, line, cells, delimiter

    def item(self, classes: int | None) -> dict[str, Any]:
        special = {*NEEDED, *CENTRE, "mask", "split"}
        item: dict[str, Any] = {"patient_id": self.text("patient_id"), "image": self.file("image")}
        item["label"] = self.label(classes)
        if self.cells.get("mask"):
            item["mask"] = self.file("mask")
        given = [name for name in CENTRE if self.cells.get(name)]
        if given:
            item["centre_mm"] = [self.number(name) for name in CENTRE]
        if self.cells.get("split"):
            item["split"] = self.cells["split"]
        return {**item, **{name: self.covariate(name) for name in self.cells if name not in special}}

    def error(self, column: str, what: str, expected: str) -> InputError:
        return InputError(what, where=f"{self.path}, line {self.line}, column {column}", expected=expected,
                          found=self.cells.get(column) or "nothing", remedy="correct the cell")  # fmt: skip

    def text(self, column: str) -> str:
        if not self.cells[column]:
            raise self.error(column, "cell is empty", "a value")
        return self.cells[column]

    def file(self, column: str) -> str:
        target = existing(self.path.parent, self.text(column))
        if target is None:
            raise self.error(column, "file does not exist", "a path relative to the table")
        return str(target)

    def label(self, classes: int | None) -> int:
        value = self.number("label")
        if not value.is_integer() or value < 0 or (classes is not None and value >= classes):
            raise self.error("label", "no such class", f"0 to {classes - 1}" if classes else "0, 1, 2, ...")
        return int(value)

    def number(self, column: str) -> float:
        value = self.parse(self.text(column))
        if value is None or not math.isfinite(value):
            raise self.error(column, "cell is no number", "a number")
        return value

    def parse(self, cell: str) -> float | None:
        try:
            return float(cell.replace(",", ".") if self.delimiter == ";" else cell)
        except ValueError:
            return None

    def covariate(self, column: str) -> float | str | None:
        """A number, a text, or None for an empty cell."""
        cell = self.cells[column]
        number = self.parse(cell)
        return (cell or None) if number is None or not math.isfinite(number) else number
