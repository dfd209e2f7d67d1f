"""The lines of a table that a spreadsheet or a program wrote as text, in any of the usual encodings and with any separator."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Sequence
from pathlib import Path

from smart_nets.errors import InputError

DELIMITERS = (",", ";", "\t", "|")
DECLARED = re.compile(r'"?sep=(.)"?[\r\n]+', re.IGNORECASE)  # what Excel writes, and reads, above the header
CONTROL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f]")  # signs that no text holds
OTHERS = {
    b"PK\x03\x04": "a workbook (.xlsx, .ods) or a zip",
    b"\xd0\xcf\x11\xe0": "a workbook (.xls)",
    b"PAR1": "Parquet",
    b"\x1f\x8b": "gzip",
    b"%PDF": "PDF",
    b"\x89HDF": "HDF5",
    b"SQLite": "a database",
    b"{": "JSON",
    b"[": "JSON",
    b"<": "HTML or XML",
}
UTF16 = (b"\xff\xfe", b"\xfe\xff")
SAVE = "save it as CSV in UTF-8, with a header"

Lines = list[tuple[int, list[str]]]


def spreadsheet_lines(path: Path, needed: Sequence[str]) -> tuple[str, Lines]:
    """The separator of a table, and line number and cells of all its rows that are not blank, the header among them.

    UTF-8 and UTF-16 with a byte order mark are read; the separator is the one that shows most of the `needed` names in
    the header, or the one of a first line `sep=;`.

    Raises:
        InputError: there is no such file, it is no text but a workbook or JSON, it is empty, or quotes are not closed.
    """
    text = _text(path)
    declared = DECLARED.match(text)
    if declared:  # the line stays, blank, so that lines are counted as in the file
        end = declared.end(1) + text[declared.end(1) :].startswith('"')
        text = text[end:]
    header = next((line for line in text.splitlines() if line.strip()), "")
    choices = (declared[1],) if declared else DELIMITERS
    delimiter = max(choices, key=lambda sign: _fit(header, sign, needed))
    rows = _rows(path, text, delimiter)
    if not rows:
        raise InputError("is empty", where=path, found="no rows", remedy="give a table with a header")
    return delimiter, rows


def _fit(header: str, delimiter: str, needed: Sequence[str]) -> tuple[int, int]:
    """How many needed names a separator shows, and how many cells."""
    names = [cell.strip().strip('"').strip() for cell in header.split(delimiter)]
    return len({*names} & {*needed}), len(names)


def _text(path: Path) -> str:
    if not path.is_file():
        raise InputError("does not exist", where=path, remedy="check the path")
    content = path.read_bytes()
    other = next((kind for start, kind in OTHERS.items() if content.lstrip(b"\xef\xbb\xbf \r\n").startswith(start)), "")
    if other:
        raise InputError("is no table in text", where=path, expected="CSV", found=other, remedy=SAVE)
    encoding = "utf-16" if content.startswith(UTF16) else "utf-8-sig"
    try:
        text = content.decode(encoding)
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        place, found = f"{path}, line {line}", f"byte {content[error.start]:#x}"
        raise InputError("is not UTF-8", where=place, found=found, remedy="save the table as UTF-8") from error
    strange = CONTROL.search(text)
    if strange:
        place, found = f"{path}, line {text.count(chr(10), 0, strange.start()) + 1}", f"control sign {strange[0]!r}"
        raise InputError("is no table in text", where=place, expected="CSV", found=found, remedy=SAVE)
    return text


def _rows(path: Path, text: str, delimiter: str) -> Lines:
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    rows = []
    try:
        for cells in reader:
            if any(cell.strip() for cell in cells):
                rows.append((reader.line_num, [_tidy(cell) for cell in cells]))
    except csv.Error as error:
        raise InputError(
            f"is no table ({error})", where=f"{path}, line {reader.line_num}", remedy="mend the quotes"
        ) from error
    return rows


def _tidy(cell: str) -> str:
    """Without blanks at the ends, also those that nobody sees."""
    return cell.strip(" \t\r\n\u00a0\u200b\u200e\u200f\ufeff").strip()
