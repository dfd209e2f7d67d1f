"""Read a table as any spreadsheet writes it, and tell what is wrong with it by line and column."""

from __future__ import annotations

import difflib
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from smart_nets.errors import InputError
from smart_nets.files import existing
from smart_nets.lists.tables.numerals import Numerals, is_missing
from smart_nets.lists.tables.spreadsheet import Lines, spreadsheet_lines

logger = logging.getLogger(__name__)
COUNTERS = ("", "unnamed0", "index")  # columns that data frames and spreadsheets put before all others


@dataclass(frozen=True)
class Row:
    """One row and its place, so that every message can tell line and column."""

    path: Path
    line: int
    cells: dict[str, str]
    numerals: Numerals

    def error(self, column: str, what: str, expected: object, remedy: str = "correct the cell") -> InputError:
        """What is wrong with a cell."""
        where, found = f"{self.path}, line {self.line}, column {column}", self.cells.get(column) or "nothing"
        return InputError(what, where=where, expected=expected, found=" ".join(found.split())[:80], remedy=remedy)

    def has(self, column: str) -> bool:
        """Whether there is such a column and this row's cell tells something; N/A, nan and - tell nothing."""
        return not is_missing(self.cells.get(column, ""))

    def text(self, column: str) -> str:
        """A cell that must not be empty."""
        if not self.has(column):
            raise self.error(column, "cell is empty", "a value", "fill it, also where cells were merged")
        return self.cells[column]

    def file(self, column: str) -> str:
        """The absolute path of a file that a cell names relative to the table."""
        target = existing(self.path.parent, self.text(column))
        if target is None:
            raise self.error(column, "file does not exist", "a path relative to the table")
        return str(target)

    def number(self, column: str) -> float:
        """A finite number."""
        value = self._parse(column, self.cells[column])
        if value is None:
            if not self.cells[column]:
                raise self.error(column, "cell is empty", "a number", "fill it, also where cells were merged")
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
        if not self.has(column):
            return None
        number = self._parse(column, self.cells[column])
        return self.cells[column] if number is None else number

    def _parse(self, column: str, cell: str) -> float | None:
        try:
            return self.numerals.read(column, cell)
        except ValueError as error:
            remedy = "write the whole table with decimal points, without thousands separators"
            raise self.error(column, str(error), "a number such as 1234.5", remedy) from error


def read_table(path: str | Path, needed: Sequence[str]) -> list[Row]:
    """The rows of a table that are not blank, at least one; all have the columns of the header.

    Commas, semicolons, tabs and bars separate cells; byte order marks, UTF-16, CRLF, quotes, decimal commas, thousands and
    other minus signs are understood (`Numerals`). Empty columns at the end, and a first column that counts the rows, are left
    out.

    Raises:
        InputError: there is no such file, it is no text, the header lacks or repeats a column or leaves one without a name,
            there is no row, or one of another length.
    """
    where = Path(path)
    delimiter, ((first, names), *rows) = spreadsheet_lines(where, needed)
    width = max((index + 1 for index, name in enumerate(names) if name), default=0)  # what follows must be empty
    header = [" ".join(name.split())[:80] for name in names[:width]]  # spreadsheets break the lines of long names
    for line, cells in rows:
        if len(cells) < width or any(cells[width:]):
            place, remedy = f"{where}, line {line}", "quote cells that hold separators"
            raise InputError(
                "row has another number of cells", where=place, expected=width, found=len(cells), remedy=remedy
            )
    rows = [(line, cells[:width]) for line, cells in rows]
    if header and simplified(header[0]) in COUNTERS and _counts_rows(rows):
        logger.info("%s: column 1 (%s) counts the rows and is left out", where.name, header[0] or "no name")
        header, rows = header[1:], [(line, cells[1:]) for line, cells in rows]
    _check_header(header, needed, f"{where}, line {first}")
    if not rows:
        raise InputError("lists nothing", where=where, expected="at least one row", found="none", remedy="add rows")
    columns = {name: [cells[index] for _, cells in rows] for index, name in enumerate(header)}
    numerals = Numerals(columns, delimiter)
    return [Row(where, line, dict(zip(header, cells, strict=True)), numerals) for line, cells in rows]


def simplified(name: str) -> str:
    """A name without case, blanks and punctuation: what people take for the same."""
    return "".join(letter for letter in name.casefold() if letter.isalnum())


def _counts_rows(rows: Lines) -> bool:
    cells = [cells[0] for _, cells in rows]
    return any(cells == [str(number) for number in range(first, first + len(cells))] for first in (0, 1))


def _check_header(header: Sequence[str], needed: Sequence[str], where: str) -> None:
    plain = [simplified(name) for name in header]
    twice = sorted({name for name in header if header.count(name) > 1 or plain.count(simplified(name)) > 1})
    missing = [name for name in needed if name not in header]
    fault, remedy = "", "correct the first line"
    if missing:
        fault = f"column {missing[0]} is missing"
        near = [name for name in header if simplified(name) == simplified(missing[0])]
        near = near or difflib.get_close_matches(missing[0], header, 1)
        remedy = f"rename {near[0]} if it is meant" if near else remedy
    elif twice:
        fault = f"column {twice[0]} occurs twice" if len(twice) == 1 else f"columns {' and '.join(twice)} are one name"
    elif "" in header:
        fault, remedy = f"column {header.index('') + 1} has no name", "name it, or remove it"
    if fault:
        found = ", ".join(name or "nothing" for name in header)
        found = found if len(found) <= 250 else f"{found[:250]} ..."
        raise InputError(fault, where=where, expected=", ".join(needed), found=found, remedy=remedy)
