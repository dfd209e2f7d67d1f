"""Names of results: unique, the same in every run, and without the name of a patient's folder."""

import re
from pathlib import Path

import pytest

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


def test_two_series_of_a_folder_are_numbered(folder: Path):
    items = [{"image": str(folder), "series": uid} for uid in ("1.2.3", "1.2.4")]
    first, second = [item["name"] for item in with_names(items)]
    assert re.fullmatch("series_[0-9a-f]{12}_1", first) and second == first[:-1] + "2"


@pytest.mark.parametrize(
    ("paths", "expected"),
    [
        (["a/ct.nii.gz", "b/ct.nii.gz", "c/ct.nrrd"], ["ct_1", "ct_2", "ct_3"]),
        (["a/ct.nii.gz", "b/x.nii.gz", "c/ct.nii.gz"], ["ct_1", "x", "ct_2"]),
        (["ct.nii", "ct.nii.gz"], ["ct_1", "ct_2"]),
    ],
)
def test_the_same_name_is_numbered(paths, expected):
    assert names(*paths) == expected


@pytest.mark.parametrize(
    "paths",
    [
        ["a/ct.nii", "b/ct.nii", "c/ct_1.nii"],
        ["c/ct_1.nii", "a/ct.nii", "b/ct.nii"],
        ["a/ct.nii", "b/ct.nii", "c/ct_1.nii", "d/ct_1.nii", "e/ct_1_1.nii"],
        ["a/ct.nii", "b/ct.nii", "a/ct_2.nii", "b/ct_2.nii", "c/ct_2_1.nii", "d/ct_1.nii"],
    ],
)
def test_a_name_like_a_numbered_one_is_not_taken_twice(paths):
    assert len(set(names(*paths))) == len(paths)
