"""Nodules of LIDC-IDRI as masks: what half of those who drew one drew of it, in its place."""

from pathlib import Path

import numpy as np
import pydicom
import pytest

from smart_nets.errors import InputError
from smart_nets.lists.lidc.outlined import is_lidc, lidc_cases, nodule_mask
from smart_nets.phantom import Phantom, write_dicom
from smart_nets.scans.read import read_volume

LAST = (13, 11)  # highest index of a voxel along x and y: columns and rows of the series count down from there


@pytest.fixture
def series(hu: np.ndarray, affine: np.ndarray, tmp_path: Path) -> Path:
    return write_dicom(Phantom(hu, np.zeros(hu.shape, np.uint8), affine, (), "p1", 0), tmp_path / "scans")


def square(voxel: tuple[int, int, int], half: int, affine: np.ndarray, inclusion: str = "TRUE") -> str:
    """All pixels on the edge of a square around a voxel of the scan in RAS, as LIDC lists them."""
    x, y, z = voxel
    column, row, mm = LAST[0] - x, LAST[1] - y, float(affine[2, 3] + z * affine[2, 2])
    around = [(dx, -half) for dx in range(-half, half)] + [(half, dy) for dy in range(-half, half)]
    around += [(dx, half) for dx in range(half, -half, -1)] + [(-half, dy) for dy in range(half, -half, -1)]
    edges = "".join(
        f"<edgeMap><xCoord>{column + dx}</xCoord><yCoord>{row + dy}</yCoord></edgeMap>" for dx, dy in around
    )
    return f"<roi><imageZposition>{mm}</imageZposition><inclusion>{inclusion}</inclusion>{edges}</roi>"


def write(series: Path, *readers: str) -> Path:
    uid = pydicom.dcmread(series / "0001.dcm").SeriesInstanceUID
    sessions = "".join(
        f"<readingSession><unblindedReadNodule><noduleID>n</noduleID>{rois}</unblindedReadNodule></readingSession>"
        for rois in readers
    )
    head = f"<ResponseHeader><SeriesInstanceUid>{uid}</SeriesInstanceUid></ResponseHeader>"
    path = series.parent / "069.xml"
    path.write_text(f'<LidcReadMessage xmlns="http://www.nih.gov">{head}{sessions}</LidcReadMessage>')
    return path


def masked(series: Path) -> np.ndarray:
    (item,) = lidc_cases(series.parent)
    return nodule_mask(item, read_volume(item["image"], series=item["series"]).to_ras())


def test_half_of_the_readers_decide_and_the_outline_itself_does_not_count(series, affine):
    """Squares of 5, 5, 3 and 3 pixels inside: two of four drew the larger one."""
    small, large = square((6, 5, 4), 2, affine), square((6, 5, 4), 3, affine)
    write(series, large, large, small, small)
    mask = masked(series)
    assert [sorted({int(v) for v in axis}) for axis in np.nonzero(mask)] == [[4, 5, 6, 7, 8], [3, 4, 5, 6, 7], [4]]


def test_what_is_cut_out_and_what_one_reader_drew_alone(series, affine):
    hollow = square((6, 5, 4), 3, affine) + square((6, 5, 4), 1, affine, "FALSE")
    write(series, hollow, hollow)
    assert masked(series).sum() == 25 - 1
    write(series, hollow)
    assert not masked(series).any()


def test_only_annotated_series_are_cases(series, affine, tmp_path):
    assert not is_lidc(series.parent)
    path = write(series, square((6, 5, 4), 2, affine))
    assert is_lidc(series.parent)
    path.write_text(path.read_text().replace(">1.2.", ">9.9."))
    with pytest.raises(InputError, match="none of the annotated series"):
        lidc_cases(series.parent)
