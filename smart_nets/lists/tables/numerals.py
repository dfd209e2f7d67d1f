"""Numbers as people and spreadsheets write them: decimal points or commas, thousands, other minus signs, words for nothing."""

from __future__ import annotations

import math
import re
from collections.abc import Collection, Mapping
from functools import reduce

MARKS = frozenset(".,")
MINUS = dict.fromkeys(map(ord, "\u2010\u2011\u2012\u2013\u2014\u2212\ufe63\uff0d"), "-")
GAPS = re.compile(
    "(?<=[0-9])['\u2019\u00a0\u2009\u202f](?=[0-9]{3}(?![0-9]))"
)  # between thousands; a plain space is none
MISSING = {"", "nan", "<na>", "na", "n/a", "n.a.", "#n/a", "#na", "null", "none", "-", "--", "?"}
END = r"(?:[eE][+-]?[0-9]+)?"
OTHER = {".": ",", ",": "."}  # decimal mark -> what stands between thousands
FORMS = {
    mark: re.compile(
        rf"[+-]?(?:(?:[0-9]+|[0-9]{{1,3}}(?:[{other}][0-9]{{3}})+)(?:[{mark}][0-9]*)?|[{mark}][0-9]+){END}"
    )
    for mark, other in OTHER.items()
}
LONE = re.compile(r"[+-]?[0-9]{1,3}([.,])[0-9]{3}")  # thousands or a decimal mark: 1.234


def is_missing(cell: str) -> bool:
    """Whether a cell says that there is no value."""
    return cell.strip().translate(MINUS).lower() in MISSING


class Numerals:
    """Reads the cells of one table, whose numbers show what its decimal mark is.

    Args:
        columns: name -> cells, all of one length.
        delimiter: of the table; programs that separate cells by semicolons write decimal commas.
    """

    def __init__(self, columns: Mapping[str, Collection[str]], delimiter: str) -> None:
        self.marks = {name: _marks(cells) for name, cells in columns.items()}
        numbers = [
            name for name, cells in columns.items() if all(is_missing(cell) or _readings(cell) for cell in cells)
        ]
        self.common = reduce(frozenset.intersection, (self.marks[name] for name in numbers), MARKS)
        self.delimiter = delimiter

    def read(self, column: str, cell: str) -> float | None:
        """The finite number of a cell, None if it is none.

        Raises:
            ValueError: a number whose decimal mark cannot be told, with the reason.
        """
        readings, marks = _readings(cell), self.marks[column]
        if not readings:
            return None
        if not marks:
            raise ValueError("column has decimal points and decimal commas")
        lone = LONE.fullmatch(_plain(cell))
        if lone and lone[1] not in self._decimal(marks):
            raise ValueError("cell may be thousands or a fraction")
        mark = lone[1] if lone else min(marks & readings.keys(), default="")
        return readings[mark] if mark else None

    def _decimal(self, marks: frozenset[str]) -> frozenset[str]:
        """The decimal marks that the column, else the table, else its delimiter tells."""
        if len(marks) > 1:
            marks = self.common
        if len(marks) > 1:
            marks = frozenset(".," if self.delimiter == ";" else ".")
        return marks


def _marks(cells: Collection[str]) -> frozenset[str]:
    """The decimal marks with which every number of a column can be read."""
    return reduce(frozenset.intersection, (frozenset(found) for cell in cells if (found := _readings(cell))), MARKS)


def _readings(cell: str) -> dict[str, float]:
    """Decimal mark -> number, for each mark with which the cell is a finite one."""
    text, found = _plain(cell), {}
    for mark, form in FORMS.items():
        if form.fullmatch(text):
            value = float(text.replace(OTHER[mark], "").replace(mark, "."))
            if math.isfinite(value):
                found[mark] = value
    return found


def _plain(cell: str) -> str:
    return GAPS.sub("", cell.strip().translate(MINUS))
