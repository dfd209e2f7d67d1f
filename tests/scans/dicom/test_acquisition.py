"""Slices that stack evenly and yet are not one scan of one patient."""

import numpy as np
import pydicom
import pytest

from smart_nets.errors import SmartError
from smart_nets.phantom import Phantom, write_dicom
from smart_nets.scans.read import read_scan


@pytest.fixture
def series(hu, affine, tmp_path):
    """A function: write the phantom as a series, with each slice's header changed by `edit(slice, number)`."""

    def write(edit):
        folder = write_dicom(Phantom(hu, np.zeros(hu.shape, np.uint8), affine, (), "P", 0), tmp_path)
        for number, path in enumerate(sorted(folder.iterdir())):
            one = pydicom.dcmread(path)
            edit(one, number)
            one.save_as(path)
        return folder

    return write


@pytest.mark.parametrize(
    ("tag", "value", "said"),
    [
        ("PatientID", lambda k: f"P{k % 2}", r"slices of several patients \(expected one, found 2\)"),
        ("StudyInstanceUID", lambda k: f"1.2.{k % 2}", "slices of several studies"),
        ("AcquisitionNumber", lambda k: k % 2, "slices of several acquisitions interleave"),
        ("TemporalPositionIdentifier", lambda k: k % 3, "slices of several acquisitions interleave"),
    ],
)
def test_what_interleaves_is_refused(series, tag, value, said):
    with pytest.raises(SmartError, match=said):
        read_scan(series(lambda one, k: setattr(one, tag, value(k))))


@pytest.mark.parametrize("number", [lambda k: 1, lambda k: k, lambda k: k // 4])
def test_acquisitions_that_follow_one_another_are_one_scan(series, hu, number):
    scan = read_scan(series(lambda one, k: setattr(one, "AcquisitionNumber", number(k))))
    assert np.array_equal(scan[0], hu) and scan.meta["notes"] == []


def test_slices_that_lack_by_the_headers_own_words_are_told(series):
    scan = read_scan(series(lambda one, k: setattr(one, "SpacingBetweenSlices", 1.5)))
    assert scan.meta["notes"] == ["slices lie 3 mm apart, the header says 1.5: some may be missing"]


def test_a_slice_unlike_its_neighbours_is_told(series):
    def edit(one: pydicom.Dataset, number: int) -> None:
        if number == 4:
            one.RescaleIntercept = float(one.RescaleIntercept) + 1024

    assert read_scan(series(edit)).meta["notes"] == ["slice 5 of 10 is unlike both its neighbours (1 such slices)"]


@pytest.mark.parametrize("kind", ["US", "hu", "Hounsfield", "HOUNSFIELD_UNITS", ""])
def test_names_of_hounsfield_units(series, hu, kind):
    assert np.array_equal(read_scan(series(lambda one, _: setattr(one, "RescaleType", kind)))[0], hu)


def test_numbers_that_go_to_and_fro_are_told(series, hu):
    scan = read_scan(series(lambda one, k: setattr(one, "InstanceNumber", 1 + k // 2 + 50 * (k % 2))))
    assert np.array_equal(scan[0], hu)
    assert scan.meta["notes"] == [
        "numbers of slices go to and fro along the stack: two acquisitions may lie in one series"
    ]


@pytest.mark.parametrize("number", [lambda k: k + 1, lambda k: 99 - k, lambda k: None, lambda k: 1])
def test_numbers_that_run_one_way_or_are_not_there_are_no_news(series, number):
    assert read_scan(series(lambda one, k: setattr(one, "InstanceNumber", number(k)))).meta["notes"] == []
