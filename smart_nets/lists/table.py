"""Read a table as any spreadsheet writes it, and tell what is wrong with it by line and column."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from smart_nets.errors import InputError
from smart_nets.files import existing

DELIMITERS = (",", ";", "\t")


@dataclass(frozen=True)
class Row:
    """One row and its place, so that every message can tell line and column."""

    path: Path
    line: int
    cells: dict[str, str]
    delimiter: str

    def error(self, column: str, what: str, expected: object) -> InputError:
        """What is wrong with a cell."""
        where, found = f"{self.path}, line {self.line}, column {column}", self.cells.get(column) or "nothing"
        return InputError(what, where=where, expected=expected, found=found, remedy="correct the cell")

    def text(self, column: str) -> str:
        """A cell that must not be empty."""
        if not self.cells[column]:
            raise self.error(column, "cell is empty", "a value")
        return self.cells[column]

    def file(self, column: str) -> str:
        """The absolute path of a file that a cell names relative to the table."""
        target = existing(self.path.parent, self.text(column))
        if target is None:
            raise self.error(column, "file does not exist", "a path relative to the table")
        return str(target)

    def number(self, column: str) -> float:
        """A finite number."""
        value = self._parse(self.text(column))
        if value is None or not math.isfinite(value):
            raise self.error(column, "cell is no number", "a number")
        return value

    def length(self, column: str) -> float:
        """A number above 0."""
        value = self.number(column)
        if value <= 0:
            raise self.error(column, "cell is no length", "mm above 0")
        return value

    def label(self, column: str, classes: int | None) -> int:
        """A class from 0 to classes - 1."""
        value = self.number(column)
        if not value.is_integer() or value < 0 or (classes is not None and value >= classes):
            raise self.error(column, "no such class", f"0 to {classes - 1}" if classes else "0, 1, 2, ...")
        return int(value)

    def covariate(self, column: str) -> float | str | None:
        """A number, a text, or None for an empty cell."""
        cell = self.cells[column]
        number = self._parse(cell)
        return (cell or None) if number is None or not math.isfinite(number) else number

    def _parse(self, cell: str) -> float | None:
        try:
            return float(cell.replace(",", ".") if self.delimiter == ";" else cell)
        except ValueError:
            return None


def read_table(path: str | Path, needed: Sequence[str]) -> list[Row]:
    """The rows of a table that are not blank, at least one; all have the columns of the header.

    Commas, semicolons (then also decimal commas) and tabs are understood, as are byte order marks, CRLF and quotes.

    Raises:
        InputError: there is no such file, no header with the needed columns, no row, or a row of another length.
    """
    where = Path(path)
    text = _text(where)
    delimiter = _delimiter(text)
    (first, names), *rows = _lines(where, text, delimiter)
    header = [name.strip() for name in names]
    missing = [name for name in needed if name not in header]
    doubled = sorted({name for name in header if header.count(name) > 1})
    if missing or doubled:
        fault = f"column {missing[0]} is missing" if missing else f"column {doubled[0]} occurs twice"
        remedy = "correct the first line"
        raise InputError(
            fault, where=f"{where}, line {first}", expected=", ".join(needed), found=", ".join(header), remedy=remedy
        )
    for line, cells in rows:
        if len(cells) != len(header):
            place, remedy = f"{where}, line {line}", "quote cells that hold separators"
            raise InputError(
                "row has another number of cells", where=place, expected=len(header), found=len(cells), remedy=remedy
            )
    if not rows:
        raise InputError("lists no lesions", where=where, expected="at least one row", found="none", remedy="add rows")
    return [Row(where, line, dict(zip(header, map(str.strip, cells), strict=True)), delimiter) for line, cells in rows]


def _text(path: Path) -> str:
    if not path.is_file():
        raise InputError("does not exist", where=path, remedy="check the path")
    content = path.read_bytes()
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        place, found = f"{path}, line {line}", f"byte {content[error.start]:#x}"
        raise InputError("is not UTF-8", where=place, found=found, remedy="save the table as UTF-8") from error


def _delimiter(text: str) -> str:
    first = next((line for line in text.splitlines() if line.strip()), "")
    return max(DELIMITERS, key=first.count)


def _lines(path: Path, text: str, delimiter: str) -> list[tuple[int, list[str]]]:
    """Line number and cells of all rows that are not blank."""
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
    return rows
