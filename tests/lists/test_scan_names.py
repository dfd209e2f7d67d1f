"""Names of results: unique, the same in every run, and without the name of a patient's folder."""

import os
import re
import unicodedata
from pathlib import Path

import pytest

from smart_nets.errors import InputError
from smart_nets.lists.scan_names import with_names


def names(*paths: str | Path) -> list[str]:
    return [item["name"] for item in with_names([{"image": str(path)} for path in paths])]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The folder of a DICOM series, named after its patient."""
    path = tmp_path / "Doe^Jane" / "19500101"
    path.mkdir(parents=True)
    return path


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("ct/a.nii.gz", "a"),
        ("ct/a.nii", "a"),
        ("a.nrrd", "a"),
        ("a.mha", "a"),
        ("a.b.nii.gz", "a.b"),
        ("scan 1 ü.mhd", "scan 1 ü"),
        ("phantom-0001__x.nii.gz", "phantom-0001__x"),
    ],
)
def test_a_file_gives_its_own_name(path, name):
    assert names(path) == [name]


def test_the_rest_of_an_item_stays_as_it_is():
    item = {"image": "a.nii.gz", "patient_id": "p", "readers": {}}
    [named] = with_names([item])
    assert named == {**item, "name": "a"} and "name" not in item
    assert with_names([]) == []


def test_the_folder_of_a_series_never_appears(folder: Path, monkeypatch):
    [name] = names(folder)
    assert re.fullmatch("series_[0-9a-f]{12}", name)
    assert names(folder) == names(folder / ".." / folder.name) == [name]  # the same in every run, however it is reached
    monkeypatch.chdir(folder)
    assert names(".") == [name]
    assert names(folder.parent) != [name]


def test_two_series_of_a_folder_have_names_of_their_own(folder: Path):
    items = [{"image": str(folder), "series": uid} for uid in ("1.2.3", "1.2.4")]
    first, second = [item["name"] for item in with_names(items)]
    assert first != second and all(re.fullmatch("series_[0-9a-f]{12}", name) for name in (first, second))
    assert [item["name"] for item in with_names(items[::-1])] == [second, first]


@pytest.mark.parametrize(
    "paths",
    [
        ["a/ct.nii.gz", "b/ct.nii.gz", "c/ct.nrrd"],
        ["ct.nii", "ct.nii.gz"],
        ["a/CT.nii", "b/ct.nii"],  # one file on some disks
        ["a/\u00e9.nii", "b/e\u0301.nii"],  # one letter, written in two ways
        ["a/x?.nii", "a/x*.nii"],
        ["a" * 200 + "1.nii", "a" * 200 + "2.nii"],
        ["a/ct.nii", "b/ct.nii", "c/ct_1.nii", "d/ct_1.nii"],
    ],
)
def test_the_same_name_gets_digits_of_its_path(paths):
    found = names(*paths)
    assert len({unicodedata.normalize("NFC", name).casefold() for name in found}) == len(paths)
    assert names(*paths[::-1]) == found[::-1]  # whatever the order
    assert names(*paths, "z/other.nii")[:-1] == found  # whatever else is there


def test_other_names_stay_when_two_are_the_same():
    first, other, second = names("a/ct.nii.gz", "b/x.nii.gz", "c/ct.nii.gz")
    assert other == "x" and re.fullmatch("ct_[0-9a-f]{12}", first) and first != second


def test_lesions_of_a_scan_have_their_row():
    items = [{"image": "a/ct.nii.gz", "row": row} for row in (0, 7)]
    assert [item["name"] for item in with_names(items)] == ["ct_0", "ct_7"]


@pytest.mark.parametrize("name", [b"\xff\xfe.nii", b".nii.gz", b"a\nb.nii", b"x" * 250 + b".nii", b"$(rm).nii"])
def test_a_name_that_no_table_or_disk_takes_is_made_one(name):
    (found,) = names(os.fsdecode(name))
    assert re.fullmatch(r"[\w .+()=,@#~-]+", found) and len(found.encode()) <= 120


@pytest.mark.parametrize(
    "twice", [{"image": "a/ct.nii"}, {"image": "a/ct.nii", "row": 3}, {"image": "a", "series": "1.2"}]
)
def test_the_same_scan_twice_is_refused(twice):
    with pytest.raises(InputError, match="scans 1 and 3 of the list: the same scan is listed twice"):
        with_names([twice, {"image": "b/other.nii"}, dict(twice)])
