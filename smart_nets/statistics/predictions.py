"""predictions.csv: what a classifier said of every lesion, one row each. All evaluation starts from this file."""

from __future__ import annotations

import csv
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from smart_nets.errors import InputError
from smart_nets.files import whole
from smart_nets.lists.tables.table import Row, read_table

COLUMNS = ("row", "patient", "fold", "label", "probability", "size_mm")  # in the order of the fields of Predictions
WHOLE = ("row", "fold", "label")


@dataclass(frozen=True, eq=False)
class Predictions:
    """n predictions, each of one lesion by one model.

    Attributes:
        rows: (n,) position in the list of lesions.
        patients: (n,) pseudonyms.
        folds: (n,) which model said it.
        labels: (n,) 0 or 1.
        probabilities: (n,) of class 1.
        sizes: (n,) diameter in mm; NaN where unknown.

    Raises:
        InputError: lengths differ, there is nothing, a value is out of range, a model speaks twice of a lesion, or a
            lesion has two patients or labels.
    """

    rows: NDArray[np.int64]
    patients: NDArray[np.str_]
    folds: NDArray[np.int64]
    labels: NDArray[np.int64]
    probabilities: NDArray[np.float64]
    sizes: NDArray[np.float64]

    def __post_init__(self) -> None:
        given = [np.asarray(getattr(self, field.name)) for field in fields(self)]
        table = {
            name: value.astype(str if name == "patient" else np.float64)
            for name, value in zip(COLUMNS, given, strict=True)
        }
        _check(table, lambda index, column: f"prediction {index}, {column}")
        for field, (name, value) in zip(fields(self), table.items(), strict=True):
            object.__setattr__(self, field.name, value.astype(np.int64) if name in WHOLE else value)

    def __len__(self) -> int:
        return len(self.rows)

    def where(self, keep: NDArray[np.bool_] | NDArray[np.intp]) -> Predictions:
        """Those that a mask (n,) or row numbers pick."""
        return Predictions(*(getattr(self, field.name)[keep] for field in fields(self)))

    def sorted(self) -> Predictions:
        """By fold, then by row."""
        return self.where(np.lexsort((self.rows, self.folds)))

    def patient_count(self, chosen: NDArray[np.bool_]) -> int:
        """Number of patients with a prediction that a mask (n,) chooses."""
        return len(np.unique(self.patients[chosen]))

    @staticmethod
    def joined(parts: Sequence[Predictions]) -> Predictions:
        """All predictions of several models, of lesions of one list."""
        if not parts:
            raise InputError("there are no predictions to join", expected="at least one table")
        columns = ([getattr(part, field.name) for part in parts] for field in fields(Predictions))
        return Predictions(*(np.concatenate(column) for column in columns))

    def write(self, path: str | Path) -> None:
        """Write the CSV, so that a reader never sees half of it. Numbers are written in full, unknown sizes empty."""
        columns = [getattr(self, field.name).tolist() for field in fields(self)]
        with whole(path) as draft, draft.open("w", encoding="utf-8", newline="") as file:
            table = csv.writer(file, lineterminator="\n")
            table.writerow(COLUMNS)
            table.writerows([*cells, "" if np.isnan(size) else size] for *cells, size in zip(*columns, strict=True))

    @staticmethod
    def read(path: str | Path) -> Predictions:
        """Read the CSV; its columns may come in any order, and as spreadsheets write them (see `read_table`).

        Raises:
            InputError: the file or a column is missing, or a cell is wrong, with its line and column.
        """
        rows = read_table(path, COLUMNS)
        table = {name: np.array([_cell(row, name) for row in rows]) for name in COLUMNS}
        _check(table, lambda index, column: f"{path}, line {rows[index].line}, column {column}")
        return Predictions(*table.values())


def _cell(row: Row, column: str) -> str | float:
    if column == "patient":
        return row.text(column)
    return np.nan if column == "size_mm" and not row.has(column) else row.number(column)


def _check(table: dict[str, NDArray[Any]], place: Callable[[int, str], str]) -> None:
    """All columns, by what a good value is; `place` puts (index, column) into words."""
    lengths = {name: value.size if value.ndim == 1 else value.shape for name, value in table.items()}
    if len(set(lengths.values())) > 1 or table["row"].ndim != 1:
        raise InputError("columns differ in length", expected="one value per prediction", found=lengths)
    if not len(table["row"]):
        raise InputError("there are no predictions", expected="at least one")
    row, patient, fold, label, probability, size = table.values()
    for column, good, expected in (
        ("row", _whole(row), "a whole number from 0"),
        ("patient", patient != "", "a pseudonym"),
        ("fold", _whole(fold), "a whole number from 0"),
        ("label", np.isin(label, (0, 1)), "0 or 1"),
        ("probability", (probability >= 0) & (probability <= 1), "0 to 1"),
        ("size_mm", np.isnan(size) | ((size > 0) & (size < np.inf)), "a diameter above 0 mm, or nothing"),
    ):
        if not good.all():
            index = int(np.flatnonzero(~good)[0])
            found = table[column][index]
            raise InputError("value cannot be", where=place(index, column), expected=expected, found=found)
    said: set[tuple[float, float]] = set()
    lesions: dict[float, tuple[str, float]] = {}
    for index, (number, model, lesion) in enumerate(zip(row, fold, zip(patient, label, strict=True), strict=True)):
        twice = (number, model) in said
        if twice or lesions.setdefault(number, lesion) != lesion:
            what = "a lesion occurs twice in a fold" if twice else "a lesion has two patients or labels"
            remedy = "join predictions of one list of lesions, each once"
            raise InputError(what, where=place(index, "row"), found=f"row {number:.0f}", remedy=remedy)
        said.add((number, model))


def _whole(values: NDArray[np.float64]) -> NDArray[np.bool_]:
    return (values >= 0) & (values < 2**31) & (values == np.floor(values))
