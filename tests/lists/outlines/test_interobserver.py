"""NSCLC-Radiomics-Interobserver1: each tumour of each patient with its readers, on the series they drew on."""

import logging
import shutil
from collections.abc import Callable
from pathlib import Path
from types import ModuleType, SimpleNamespace

import numpy as np
import pydicom
import pytest
from pydicom.dataset import Dataset

from smart_nets.errors import ConfigError, GeometryError, InputError
from smart_nets.lists.find import find
from smart_nets.lists.outlines.interobserver import read_interobserver
from smart_nets.lists.pseudonym import pseudonym
from smart_nets.phantom import Phantom, write_dicom
from smart_nets.scans.read import read_volume

BY_HAND = [f"GTV-1vis-{reader}" for reader in (2, 4, 5, 1, 3)]  # in the order of a real structure set
WITH_HELP = [f"GTV-1auto-{reader}" for reader in (2, 4, 5, 1, 3)]
OTHERS = ["treshold0,34", "suv2,5", "treshold-pr"]


@pytest.fixture
def download(hu: np.ndarray, affine: np.ndarray, drawing: ModuleType, tmp_path: Path) -> SimpleNamespace:
    """The folder, and functions that put patients in it as TCIA's downloader does: a folder a series, two levels down."""

    def ct(patient: str, seed: int) -> Path:
        phantom = Phantom(hu, np.zeros(hu.shape, np.uint8), affine, (), patient, seed)
        folder = tmp_path / "tcia" / patient / "2019-study" / "1.000-NA-CT"
        return write_dicom(phantom, folder).rename(folder / "series")

    def draw(series: Path, names: list[str], folder: str = "2.000-NA-RT", **change: object) -> Path:
        """Reader n draws one square on slice n."""
        scan = read_volume(series)
        contours = {
            name: [drawing.contour_of(scan, drawing.SQUARE, int(name[-1]))] for name in names if name[-1] in "12345"
        }
        made = drawing.structures(series, scan, {name: contours.get(name, []) for name in names})
        dataset = pydicom.dcmread(made)
        for tag, value in change.items():
            setattr(dataset, tag, value)
        path = series.parents[1] / folder / "1-1.dcm"
        path.parent.mkdir()
        dataset.save_as(path)
        made.unlink()
        return path

    return SimpleNamespace(folder=tmp_path / "tcia", ct=ct, draw=draw)


def listed(folder: Path, kind: str = "vis") -> list[dict]:
    return read_interobserver(folder, find(folder), kind)


def refer(uid: str) -> Dataset:
    """An item of ReferencedFrameOfReferenceSequence that names one series."""
    series, study, frame = Dataset(), Dataset(), Dataset()
    series.SeriesInstanceUID = uid
    study.RTReferencedSeriesSequence = [series]
    frame.RTReferencedStudySequence = [study]
    return frame


def second_series(series: Path) -> Path:
    """Another reconstruction of the same scan: another series in the same frame of reference."""
    copy = Path(shutil.copytree(series, series.parents[1] / "3.000-NA-CT"))
    for path in copy.iterdir():
        dataset = pydicom.dcmread(path)
        dataset.SeriesInstanceUID, dataset.SOPInstanceUID = "1.2.840.9", pydicom.uid.generate_uid()
        dataset.save_as(path)
    return copy


def test_readers_come_in_order_and_only_those_who_drew_by_hand(download):
    series = download.ct("interobs05", 5)
    path = download.draw(series, OTHERS + WITH_HELP + BY_HAND)
    [item] = listed(download.folder)
    assert item == {
        "image": str(series),
        "patient_id": pseudonym("interobs05"),
        "series": str(pydicom.dcmread(series / "0001.dcm").SeriesInstanceUID),
        "readers": {"GTV-1": [{"file": str(path), "region": f"GTV-1vis-{reader}"} for reader in (1, 2, 3, 4, 5)]},
    }
    [item] = listed(download.folder, "auto")
    assert [entry["region"] for entry in item["readers"]["GTV-1"]] == [
        f"GTV-1auto-{reader}" for reader in (1, 2, 3, 4, 5)
    ]


def test_a_patient_may_have_several_tumours(download):
    download.draw(download.ct("a", 1), BY_HAND)
    download.draw(download.ct("b", 2), [f"GTV-{tumour}vis-{reader}" for tumour in (10, 2, 1) for reader in (1, 2)])
    first, second = listed(download.folder)
    assert list(first["readers"]) == ["GTV-1"]
    assert list(second["readers"]) == ["GTV-1", "GTV-2", "GTV-10"]


def test_a_patient_without_structure_set_is_left_out_and_counted(download, caplog):
    caplog.set_level(logging.INFO)
    download.draw(download.ct("drawn", 1), BY_HAND)
    download.draw(download.ct("thresholds", 2), OTHERS)
    download.ct("scanned", 3)
    assert [item["patient_id"] for item in listed(download.folder)] == [pseudonym("drawn")]
    assert "left out, CT series without such a drawing: 2" in caplog.text
    assert "left out, structure sets without one: 1" in caplog.text
    assert not any(patient in caplog.text for patient in ("drawn", "thresholds", "scanned"))


def test_segmentations_beside_the_structure_set_do_not_matter(download, drawing, hu):
    series = download.ct("a", 1)
    download.draw(series, BY_HAND)
    seg = drawing.segmentation(series, read_volume(series), {"GTV-1vis-1": hu > 0})
    (series.parents[1] / "3.000-SEG").mkdir()
    seg.rename(series.parents[1] / "3.000-SEG" / "1-1.dcm")
    [item] = listed(download.folder)
    assert len(item["readers"]["GTV-1"]) == 5


@pytest.mark.parametrize("order", ["first", "second"])
def test_of_several_series_the_one_that_is_named(download, order):
    series = download.ct("a", 1)
    copy = second_series(series)
    chosen = series if order == "first" else copy
    uid = str(pydicom.dcmread(next(chosen.iterdir())).SeriesInstanceUID)
    download.draw(series, BY_HAND, ReferencedFrameOfReferenceSequence=[refer(uid)])
    [item] = listed(download.folder)
    assert (item["image"], item["series"]) == (str(chosen), uid)


def test_the_series_of_its_frame_where_it_names_none(download):
    series = download.ct("a", 1)
    download.ct("b", 2)
    download.draw(series, BY_HAND)
    assert [item["image"] for item in listed(download.folder)] == [str(series)]


def test_drawings_in_several_structure_sets_come_together(download):
    series = download.ct("a", 1)
    later = download.draw(series, ["GTV-1vis-2"], "3.000-RT")
    earlier = download.draw(series, ["GTV-1vis-1"], "4.000-RT")
    [item] = listed(download.folder)
    assert [entry["file"] for entry in item["readers"]["GTV-1"]] == [str(earlier), str(later)]


def no_set(download: SimpleNamespace) -> None:
    download.ct("a", 1)


def other_frame(download: SimpleNamespace) -> None:
    path = download.draw(download.ct("a", 1), BY_HAND)
    dataset = pydicom.dcmread(path)
    for roi in dataset.StructureSetROISequence:
        roi.ReferencedFrameOfReferenceUID = "9.9.9"
    dataset.save_as(path)


def two_series(download: SimpleNamespace) -> None:
    series = download.ct("a", 1)
    second_series(series)
    download.draw(series, BY_HAND)


def drawn_twice(download: SimpleNamespace) -> None:
    series = download.ct("a", 1)
    download.draw(series, BY_HAND, "3.000-RT")
    download.draw(series, BY_HAND, "4.000-RT")


def no_reader(download: SimpleNamespace) -> None:
    download.draw(download.ct("a", 1), [*OTHERS, *WITH_HELP])


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (no_set, InputError, r"tcia: holds no structure set .*found 1 CT series"),
        (other_frame, GeometryError, r"1-1.dcm: belongs to the frame of reference of no CT series .*found 9.9.9"),
        (two_series, InputError, r"several CT series fit this structure set .expected one that it names"),
        (drawn_twice, InputError, r"4.000-RT/1-1.dcm: a reader drew the same tumour twice .expected one GTV-1vis-2"),
        (
            no_reader,
            InputError,
            r"no region is a reader's drawing of a tumour .expected GTV-1vis-1, .*found 1 structure",
        ),
    ],
)
def test_what_cannot_be_matched_is_refused(download, make: Callable, error, message):
    make(download)
    with pytest.raises(error, match=message):
        listed(download.folder)


def test_another_kind_is_refused(download):
    with pytest.raises(ConfigError, match=r"kind: is not known .expected vis or auto, found hand"):
        read_interobserver(download.folder, [], "hand")
