"""Rows 26 to 43: series that lost something, and drawings that do not fit them."""

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pydicom
import pytest
from pydicom.uid import HEVCMP51

from smart_nets.errors import SmartError
from smart_nets.lists.check import check_data
from smart_nets.scans.dicom.masks import read_masks
from smart_nets.scans.read import read_scan, read_volume

Change = Callable[[pydicom.Dataset, int], None]


def slices(series: Path) -> list[Path]:
    return sorted(series.glob("*.dcm"))


def edit(change: Change, which: slice = slice(None)) -> Callable[[Path], None]:
    """Change the data sets of some slices; `change` gets each and its number from 0."""

    def apply(series: Path) -> None:
        for number in range(len(slices(series)))[which]:
            path = slices(series)[number]
            dataset = pydicom.dcmread(path)
            change(dataset, number)
            dataset.save_as(path)

    return apply


def without(*numbers: int) -> Callable[[Path], None]:
    return lambda series: [slices(series)[number].unlink() for number in sorted(numbers, reverse=True)] and None


def place(height: Callable[[int], float]) -> Change:
    def change(dataset: pydicom.Dataset, number: int) -> None:
        x, y, _ = dataset.ImagePositionPatient
        dataset.ImagePositionPatient = [x, y, height(number)]

    return change


def lean(dataset: pydicom.Dataset, number: int) -> None:
    x, y, z = dataset.ImagePositionPatient
    dataset.ImagePositionPatient = [x, y + 2 * number * np.tan(np.radians(20)), z]


def drop(*tags: str) -> Change:
    return lambda dataset, number: [delattr(dataset, tag) for tag in tags] and None


def put(tag: str, value: object) -> Change:
    return lambda dataset, number: setattr(dataset, tag, value)


def truncate(series: Path) -> None:
    path = slices(series)[4]
    path.write_bytes(path.read_bytes()[:-150])


def shrink(dataset: pydicom.Dataset, number: int) -> None:
    dataset.Rows, dataset.Columns, dataset.PixelData = 6, 7, b"\0" * 84


def add_second_series(series: Path) -> None:
    for path in slices(series):
        dataset = pydicom.dcmread(path)
        dataset.SeriesInstanceUID, dataset.RescaleIntercept = "1.2.3", "-1030"
        dataset.save_as(series / f"b{path.name}")


def unknown_syntax(dataset: pydicom.Dataset, number: int) -> None:
    dataset.file_meta.TransferSyntaxUID = HEVCMP51
    dataset.PixelData = pydicom.encaps.encapsulate([b"\0" * 20])
    dataset["PixelData"].is_undefined_length = True


def only_grey(dataset: pydicom.Dataset, number: int) -> None:
    """MONOCHROME1 with values of which neither they (1000 to 1400 HU) nor their inverse are a patient's."""
    dataset.PhotometricInterpretation = "MONOCHROME1"
    stored = np.frombuffer(dataset.PixelData, "<u2") // 4 + 2024
    dataset.PixelData = stored.astype("<u2").tobytes()


REFUSED: dict[int, Callable[[Path], None]] = {
    26: without(4),
    27: without(4, 5, 6),
    28: edit(place(lambda number: -30.0 + 2 * 3), slice(4, 5)),
    29: edit(place(lambda number: -30.0 + number**1.3)),
    30: edit(lean),
    31: edit(drop("ImagePositionPatient"), slice(4, 5)),
    32: edit(put("PixelSpacing", [0, 0])),
    33: edit(drop("RescaleSlope", "RescaleIntercept")),
    34: edit(drop("PixelData"), slice(4, 5)),
    35: truncate,
    36: edit(shrink, slice(4, 5)),
    38: edit(place(lambda number: -30.0)),
    39: edit(only_grey),
    40: edit(unknown_syntax),
}


@pytest.mark.parametrize("number", REFUSED)
def test_refused_by_the_reader_and_listed_by_the_manifest(made, tmp_path, number):
    series = made.dicom(made.ct(), tmp_path / "in")
    REFUSED[number](series)
    with pytest.raises(SmartError) as caught:
        read_scan(series)
    made.told(caught.value, number, series.name)
    checked = check_data(tmp_path / "in", tmp_path / "out", workers=1)
    assert (checked.given, len(checked.rejected), checked.exit_code) == (1, 1, 3)


def test_row_28_an_exact_copy_is_left_out_and_counted(made, tmp_path):
    series = made.dicom(made.ct(), tmp_path)
    (series / "copy.dcm").write_bytes(slices(series)[3].read_bytes())
    scan = read_scan(series)
    np.testing.assert_array_equal(scan[0].numpy(), made.ct())
    assert scan.meta["notes"] == ["exact copies of slices left out (1)"]


def test_row_30_tilt_can_be_corrected(made, tmp_path):
    series = made.dicom(made.ct(), tmp_path)
    edit(lean)(series)
    assert read_scan(series, tilt="correct").meta["notes"] == ["gantry tilt corrected (20.0 degrees)"]


def test_row_32_no_pixel_spacing(made, tmp_path):
    series = made.dicom(made.ct(), tmp_path)
    edit(drop("PixelSpacing"))(series)
    with pytest.raises(SmartError) as caught:
        read_scan(series)
    made.told(caught.value, 32, series.name)


def test_row_36_localisers_are_left_out_and_told(made, tmp_path):
    series = made.dicom(made.ct(), tmp_path)
    (series / "0000.dcm").write_bytes(slices(series)[0].read_bytes())
    edit(shrink, slice(0, 1))(series)
    edit(put("ImageType", ["ORIGINAL", "PRIMARY", "LOCALIZER"]), slice(0, 1))(series)
    scan = read_scan(series)
    np.testing.assert_array_equal(scan[0].numpy(), made.ct())
    assert scan.meta["notes"] == ["localiser images left out (1)"]


def test_row_37_two_series_in_a_folder(made, tmp_path):
    series = made.dicom(made.ct(), tmp_path / "in")
    add_second_series(series)
    with pytest.raises(SmartError) as caught:
        read_scan(series)
    made.told(caught.value, 37, series.name)
    np.testing.assert_array_equal(read_scan(series, series="1.2.3")[0].numpy(), np.maximum(made.ct() - 6, -1024))
    checked = check_data(tmp_path / "in", tmp_path / "out", workers=1)
    assert len(checked.used) == checked.given == 2 and {item["series"] for item in checked.used} > {"1.2.3"}


def drawing(made: SimpleNamespace) -> tuple:
    """The builders of structure sets and segmentations that the tests of `read_masks` use."""
    return (module := made.load(Path(__file__).parents[1] / "scans/dicom/test_masks.py")), module.SQUARE


def test_row_41_structures_of_another_frame(made, tmp_path):
    series = made.dicom(made.ct(), tmp_path)
    scan = read_volume(series)
    builder, square = drawing(made)
    path = builder.structures(series, scan, {"GTV": [builder.contour_of(scan, square, 4)]}, frame="9.9.9")
    with pytest.raises(SmartError) as caught:
        read_masks(path, scan)
    made.told(caught.value, 41, path.name)


def test_row_42_contours_that_cannot_be_used(made, tmp_path):
    series = made.dicom(made.ct(), tmp_path)
    scan = read_volume(series)
    builder, square = drawing(made)
    contours = [
        builder.contour_of(scan, square[:2], 4),
        builder.contour_of(scan, square, 4, "OPEN_PLANAR"),
        builder.contour_of(scan, square, 4.5),
        builder.contour_of(scan, square, 6),
    ]
    found = read_masks(builder.structures(series, scan, {"GTV": contours}), scan)
    assert found.masks["GTV"].sum() == 20 and len(found.notes) == 3
    assert all("contours skipped" in note for note in found.notes)


@pytest.mark.parametrize("change", [{"NumberOfFrames": 99}, {"PixelData": b"\0\0"}])
def test_row_43_segmentation_with_missing_frames(made, tmp_path, change):
    series = made.dicom(made.ct(), tmp_path)
    scan = read_volume(series)
    builder, _ = drawing(made)
    path = builder.segmentation(series, scan, {"tumour": made.ct() > 0}, **change)
    with pytest.raises(SmartError) as caught:
        read_masks(path, scan)
    made.told(caught.value, 43, path.name)


@pytest.mark.parametrize("inverted", [False, True])
def test_row_39_monochrome1_gives_the_same_hu(made, tmp_path, inverted):
    """By the standard it is a matter of display only; programs that invert the stored values have bright air."""

    def change(dataset: pydicom.Dataset, number: int) -> None:
        dataset.PhotometricInterpretation = "MONOCHROME1"
        if inverted:
            highest = (1 << dataset.BitsStored) - 1
            dataset.PixelData = (highest - np.frombuffer(dataset.PixelData, "<u2")).astype("<u2").tobytes()

    series = made.dicom(made.ct(), tmp_path)
    edit(change)(series)
    scan = read_scan(series)
    np.testing.assert_array_equal(scan[0].numpy(), made.ct())
    told = "the values were inverted to HU" if inverted else "the values are HU as they are"
    assert scan.meta["notes"] == [f"MONOCHROME1: {told}"]
