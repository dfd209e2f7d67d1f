"""Folders as they are: what Macs, CDs and PACS leave in them, and what lies beside a CT without being one."""

import shutil
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import numpy as np
import pydicom
import pytest

from smart_nets.lists.check import check_data
from smart_nets.lists.manifest import datalist
from smart_nets.phantom import Phantom, write_dicom
from smart_nets.scans.read import read_scan, read_volume

APPLE = b"\0\x05\x16\x07\0\x02\0\0Mac OS X        " + b"\0" * 100


@pytest.fixture
def series(hu: np.ndarray, affine: np.ndarray, tmp_path: Path) -> Path:
    """Ten slices in in/P/CT."""
    made = write_dicom(Phantom(hu, np.zeros(hu.shape, np.uint8), affine, (), "p1", 0), tmp_path / "made")
    return Path(shutil.move(made, tmp_path / "in" / "P" / "CT"))


def beside(series: Path, name: str, **change: object) -> Path:
    """A file made of the first slice, in a series of its own."""
    dataset = pydicom.dcmread(series / "0001.dcm")
    dataset.SeriesInstanceUID, dataset.SOPInstanceUID = f"1.2.{len(name)}", f"1.2.{len(name)}.1"
    for tag, value in change.items():
        if value is None:
            del dataset[tag]
        else:
            setattr(dataset, tag, value)
    path = series.parent / name
    path.parent.mkdir(exist_ok=True)
    dataset.save_as(path)
    return path


def test_what_systems_leave_is_ignored_and_counted(series, tmp_path):
    root = tmp_path / "in"
    (root / "__MACOSX" / "P").mkdir(parents=True)
    (root / "__MACOSX" / "P" / "._0001.dcm").write_bytes(APPLE)
    (series / "._0001.dcm").write_bytes(APPLE)
    (series / ".DS_Store").write_bytes(b"\0")
    (series / "Thumbs.db").write_bytes(b"\0")
    (root / "DICOMDIR").write_bytes(b"\0" * 128 + b"DICM")
    (root / ".git").mkdir()
    (root / ".git" / "scan.nii.gz").write_bytes(b"")
    (root / "readme.txt").write_text("hello")
    checked = check_data(root, tmp_path / "out", workers=1)
    assert (checked.exit_code, checked.given, len(checked.used)) == (0, 1, 1)
    assert checked.ignored == {"__MACOSX": 1, "hidden": 3, "Thumbs.db": 1, "DICOMDIR": 1}
    assert checked.files == {"of scans": 10, "of companions": 0, "other": 1, "ignored": 6}


def dose_report(series: Path) -> None:
    beside(series, "SR/report", Modality="SR", PixelData=None)


def screen(series: Path) -> None:
    kind = ["DERIVED", "SECONDARY", "SCREEN SAVE"]
    gone = {"ImagePositionPatient": None, "RescaleSlope": None}
    beside(series, "CT/screen.dcm", ImageType=kind, SOPClassUID="1.2.840.10008.5.1.4.1.1.7", **gone)


def scout(series: Path) -> None:
    beside(series, "CT/scout.dcm", ImageType=["ORIGINAL", "PRIMARY", "LOCALIZER"])


def pet(series: Path) -> None:
    beside(series, "PT/1", Modality="PT", SOPClassUID="1.2.840.10008.5.1.4.1.1.128")


@pytest.mark.parametrize(
    ("add", "kind"),
    [(dose_report, "report"), (screen, "secondary capture"), (scout, "localiser"), (pet, "PT images")],
)
def test_companions_of_a_scan_are_no_refused_scans(series, tmp_path, add: Callable[[Path], None], kind):
    add(series)
    checked = check_data(tmp_path / "in", tmp_path / "out", workers=1)
    assert [one["kind"] for one in checked.companions] == [kind]
    assert (checked.exit_code, checked.given, len(checked.used), checked.rejected) == (0, 2, 1, [])
    assert checked.files == {"of scans": 10, "of companions": 1, "other": 0, "ignored": 0}
    assert len(datalist(tmp_path / "in")) == 1
    assert read_scan(series).shape == (1, 14, 12, 10)


def test_structure_sets_and_segmentations_are_companions(series, tmp_path, drawing: ModuleType):
    scan = read_volume(series)
    drawing.structures(series, scan, {"GTV": [drawing.contour_of(scan, drawing.SQUARE, 4)]})
    drawing.segmentation(series, scan, {"tumour": scan.array > 100}, SeriesInstanceUID="1.2.4")
    checked = check_data(tmp_path / "in", tmp_path / "out", workers=1)
    assert sorted(one["kind"] for one in checked.companions) == ["segmentation", "structure set"]
    assert (checked.exit_code, len(checked.used)) == (0, 1)


def test_what_lies_alone_is_no_companion(series, tmp_path):
    dose_report(series)
    shutil.rmtree(series)
    checked = check_data(tmp_path / "in", tmp_path / "out", workers=1)
    assert (checked.exit_code, checked.rejected[0]["fault"]) == (3, "modality is not CT")


def test_a_label_map_that_is_listed_as_a_scan_is_refused(save, hu, affine, tmp_path):
    save(hu, affine, "a.nii.gz")
    save((hu > 0).astype(np.uint8), affine, "m.nii.gz")
    (tmp_path / "list.json").write_text('[{"image": "a.nii.gz"}, {"image": "m.nii.gz"}]')
    assert check_data(tmp_path / "list.json", tmp_path / "out", workers=1).exit_code == 3


def spread(series: Path, first: slice, second: slice) -> None:
    files = sorted(series.glob("*.dcm"))
    for name, part in (("SE1", first), ("SE2", second)):
        (series.parent / name).mkdir()
        for path in files[part]:
            shutil.copy(path, series.parent / name)
    shutil.rmtree(series)


@pytest.mark.parametrize(
    ("parts", "notes"),
    [((slice(0, 5), slice(5, 10)), []), ((slice(0, 7), slice(5, 10)), ["exact copies of slices left out (2)"])],
)
def test_a_series_spread_over_folders_is_one_scan(series, hu, tmp_path, parts, notes):
    spread(series, *parts)
    [item] = check_data(tmp_path / "in", tmp_path / "out", workers=1).used
    assert (item["image"], item["shape"], item["notes"]) == (str(tmp_path / "in/P"), [14, 12, 10], notes)
    [found] = datalist(tmp_path / "out/manifest.json")
    np.testing.assert_array_equal(read_scan(found["image"], series=found["series"])[0].numpy(), hu)


def test_two_copies_of_a_series_are_no_parts_of_one(series, tmp_path):
    spread(series, slice(0, 10), slice(0, 10))
    checked = check_data(tmp_path / "in", tmp_path / "out", workers=1)
    assert (len(checked.used), checked.rejected[0]["fault"], checked.exit_code) == (1, "same scan twice", 0)


def test_a_manifest_sees_that_a_part_of_a_series_changed(series, tmp_path):
    spread(series, slice(0, 5), slice(5, 10))
    before = check_data(tmp_path / "in", tmp_path / "out", workers=1).used[0]["sha256"]
    path = tmp_path / "in/P/SE2/0008.dcm"
    dataset = pydicom.dcmread(path)
    dataset.RescaleIntercept = -1000
    dataset.save_as(path)
    assert check_data(tmp_path / "in", tmp_path / "out", workers=1).used[0]["sha256"] != before
