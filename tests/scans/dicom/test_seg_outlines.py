"""Label maps as DICOM SEG: a segment per name, coded as what it is, and only if it is that."""

import numpy as np
import pytest

from smart_nets.errors import InputError
from smart_nets.phantom import Phantom, write_dicom
from smart_nets.scans.dicom.masks import read_masks
from smart_nets.scans.dicom.seg import CODED, write_outlines
from smart_nets.scans.read import read_checked
from smart_nets.segment.outlines import ascii_name

highdicom = pytest.importorskip("highdicom")
NAMES = ["liver_tumour", "urinary_bladder", "Left kidney", "masseter_left", "liver_vessel", "spleen"]
HOW = {"names": NAMES, "model": "test", "version": "1"}


@pytest.fixture
def series(hu, affine, tmp_path):
    return write_dicom(Phantom(hu, np.zeros(hu.shape, np.uint8), affine, (), "p1", 0), tmp_path / "ct")


def test_segments_read_back_equal_and_say_what_they_are(series, tmp_path):
    scan = read_checked(series)
    channels = np.zeros(scan.array.shape, np.uint8)
    for number in range(1, 6):  # no voxel of the spleen
        channels[2 * number : 2 * number + 2, 4:8, 2:5] = number
    path = write_outlines(channels, series, tmp_path / "seg.dcm", **HOW)
    found = read_masks(path, scan).masks
    assert set(found) == set(NAMES[:5])
    for number, name in enumerate(NAMES[:5], start=1):
        np.testing.assert_array_equal(found[name], channels == number)
    seg = highdicom.seg.segread(path)
    coded = [str(one.SegmentedPropertyTypeCodeSequence[0].CodeMeaning) for one in seg.SegmentSequence]
    assert (
        coded == ["Mass", "Bladder", "Kidney", "Tissue", "Tissue"] and "not for diagnostic use" in seg.SeriesDescription
    )


def test_every_organ_has_a_code():
    from pydicom.sr.codedict import codes

    assert all(hasattr(codes.SCT, keyword) for keyword in CODED.values())


@pytest.mark.parametrize("change", [lambda a: a + 9, lambda a: a.astype(float), lambda a: a[0], lambda a: a * 0])
def test_channels_that_cannot_be(series, tmp_path, change):
    with pytest.raises(InputError):
        write_outlines(change(np.ones((14, 12, 10), np.int16)), series, tmp_path / "seg.dcm", **HOW)


def test_names_that_dicom_cannot_hold():
    assert ascii_name("Läsion") == "Lasion" and ascii_name("肝") == "label" and len(ascii_name("x" * 99)) == 64
