"""How large a stack of slices is, as far as headers tell."""

from __future__ import annotations

import numpy as np
import pytest
from pydicom import Dataset

from smart_nets.scans.dicom.geometry import slice_box, stack_sides


def header(z: float, **changed: object) -> Dataset:
    """An axial slice of 20 rows and 10 columns, rows 2 mm and columns 3 mm apart."""
    slice_ = Dataset()
    tags = {
        "Rows": 20, "Columns": 10, "PixelSpacing": [2, 3], "ImageOrientationPatient": [1, 0, 0, 0, 1, 0],
        "ImagePositionPatient": [-5, 7, z],
    } | changed  # fmt: skip
    for name, value in tags.items():
        if value is not None:
            setattr(slice_, name, value)
    return slice_


def sides(*headers: Dataset) -> list[float] | None:
    boxes = [box for one in headers if (box := slice_box(one)) is not None]
    found = stack_sides(boxes)
    return None if found is None else np.round(found, 6).tolist()


def test_sides_by_hand():
    """10 columns of 3 mm, 20 rows of 2 mm, 4 slices of 5 mm, in any order and with a copy."""
    assert sides(*(header(z) for z in (10, 0, 15, 5, 0))) == [30.0, 40.0, 20.0]


def test_sagittal_slices():
    """Rows run to the back, columns to the feet; slices lie 2 mm apart from right to left."""
    turned = {"ImageOrientationPatient": [0, 1, 0, 0, 0, -1]}
    stack = [header(0, **turned, ImagePositionPatient=[x, 0, 0]) for x in (0, 2, 4)]
    assert sides(*stack) == [6.0, 30.0, 40.0]


@pytest.mark.parametrize(
    "changed",
    [
        {"PixelSpacing": None}, {"PixelSpacing": [0, 1]}, {"ImageOrientationPatient": None}, {"Rows": None},
        {"ImageOrientationPatient": [1, 0, 0, 1, 0, 0]}, {"ImagePositionPatient": None}, {"ImagePositionPatient": [1, 2]},
    ],
)  # fmt: skip
def test_a_header_that_does_not_tell_its_place(changed):
    assert slice_box(header(0, **changed)) is None


def test_one_slice_has_no_depth():
    assert sides() is None and sides(header(0)) is None and sides(header(0), header(0)) is None
