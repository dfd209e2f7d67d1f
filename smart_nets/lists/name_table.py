"""The table beside results that tells which scan each name stands for, and that no name stands for two."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from ignite.engine import Engine, Events

from smart_nets.errors import InputError
from smart_nets.files import check_output, write_text
from smart_nets.lists.scan_names import key_of, source_of

TABLE = "names.csv"
COLUMNS = ("name", "source", "series")
MAPS = (
    "attention",
    "mask",
    "occlusion",
    "probability",
)  # what is written of a scan as an image of its own: NAME_attention.nii.gz
Row = tuple[str, str, str]


def claim_names(folder: str | Path, named: Sequence[Mapping[str, Any]]) -> Path:
    """Write names.csv, a line (name, source, series) per scan, before anything is computed; returns its path.

    Lines of earlier runs in the same folder stay, as their results do. The table holds paths, as a manifest does: where
    these tell a patient, it stays where the scans are.

    Args:
        folder: of the results; made when missing.
        named: items of `with_names`.

    Raises:
        InputError: a name stands in this folder for another scan already, whose results would be overwritten; or the
            folder cannot be written.
    """
    path, rows = _claimed(folder, named)
    write_text(path, _text(rows))
    return path


def maps_in(folder: Path) -> set[Path]:
    """The maps that earlier runs wrote into a folder, as its names.csv tells: results, no scans. None without such a table."""
    try:
        rows = _read(folder / TABLE)
    except InputError:  # somebody else's table of this name
        return set()
    maps = {folder / f"{name}_{kind}.nii.gz" for name, _, _ in rows for kind in MAPS}
    return maps - {Path(source) for _, source, _ in rows}


class NameTable:
    """Handler: `claim_names` with the first scan that is done: input that is refused leaves nothing behind."""

    def __init__(self, folder: str | Path, named: Sequence[Mapping[str, Any]]) -> None:
        self.folder, self.named = folder, named

    def attach(self, engine: Engine) -> None:
        engine.add_event_handler(Events.ITERATION_COMPLETED(once=1), self.claim)

    def claim(self) -> None:
        claim_names(self.folder, self.named)


def check_names(folder: str | Path, named: Sequence[Mapping[str, Any]]) -> None:
    """Raise what `claim_names` would, and write nothing."""
    _claimed(folder, named)


def _claimed(folder: str | Path, named: Sequence[Mapping[str, Any]]) -> tuple[Path, list[Row]]:
    check_output(folder)
    path = Path(folder).expanduser() / TABLE
    claimed = {key_of(row[0]): row for row in _read(path)}
    for item in named:
        row = (str(item["name"]), source_of(item), str(item.get("series") or ""))
        before = claimed.setdefault(key_of(row[0]), row)
        if before[1:] != row[1:]:
            raise InputError(
                "holds the results of another scan under this name, which would be overwritten",
                where=f"{path}, {row[0]}",
                remedy="give another output_dir",
            )
    return path, [*claimed.values()]


def _text(rows: Iterable[Row]) -> str:
    out = io.StringIO()
    csv.writer(out, lineterminator="\n").writerows([COLUMNS, *rows])
    return out.getvalue()


def _read(path: Path) -> list[Row]:
    try:
        lines = list(csv.reader(io.StringIO(path.read_text(encoding="utf-8")))) if path.exists() else []
    except (OSError, ValueError, csv.Error) as error:
        raise _foreign(path, str(error)) from error
    wrong = next((line for line in lines if len(line) != len(COLUMNS)), None)
    if lines and (tuple(lines[0]) != COLUMNS or wrong is not None):
        raise _foreign(path, ",".join(lines[0] if wrong is None else wrong)[:80])
    return [(name, source, series) for name, source, series in lines[1:]]


def _foreign(path: Path, found: str) -> InputError:
    expected, remedy = f"the columns {', '.join(COLUMNS)}", "give another output_dir"
    return InputError("is no table of names", where=path, expected=expected, found=found, remedy=remedy)
