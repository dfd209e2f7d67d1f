"""Links that lead nowhere, files that are nothing, and patients of lists: one fault, one refusal, and nobody mixed up."""

import json
import os

import pytest

from smart_nets.lists.check import check_data
from smart_nets.lists.find import find
from smart_nets.lists.manifest import datalist
from smart_nets.phantom import Phantom, write_dicom


def test_a_link_to_nothing_is_one_refusal(save, hu, affine, tmp_path):
    save(hu, affine, "in/a.nii.gz")
    os.symlink("../.git/annex/objects/x", tmp_path / "in/b.nii.gz")
    folder = write_dicom(Phantom(hu, hu * 0, affine, (), "P", 0), tmp_path / "in")
    os.symlink("/nowhere/x", folder / "0099.dcm")
    assert [item["image"].split("/")[-1] for item in datalist(tmp_path / "in")] == ["a.nii.gz", "P"]
    checked = check_data(tmp_path / "in", tmp_path / "out", workers=1)
    assert sorted(case["fault"] for case in checked.rejected) == ["is a link to nothing"] * 2 + ["same scan twice"]


def test_an_empty_file_in_a_folder_of_series_is_one_refusal(hu, affine, tmp_path):
    folder = write_dicom(Phantom(hu, hu * 0, affine, (), "P", 0), tmp_path / "in")
    (folder / "bad.dcm").write_bytes(b"")
    checked = check_data(tmp_path / "in", tmp_path / "out", workers=1)
    assert len(checked.used) == 1 and [case["image"] for case in checked.rejected] == [str(folder / "bad.dcm")]


@pytest.mark.parametrize(("told", "patients"), [([0, 0, 1], 2), ([7, 7.0, "7"], 1), ([None, float("nan"), ""], 3)])
def test_numbers_are_patients(save, hu, affine, tmp_path, told, patients):
    entries = [{"image": str(save(hu, affine, f"{k}.nii.gz")), "patient_id": name} for k, name in enumerate(told)]
    (tmp_path / "list.json").write_text(json.dumps(entries))
    assert len({candidate.patient for candidate in find(tmp_path / "list.json")}) == patients


@pytest.mark.parametrize("told", [["a"], {"id": 1}, True])
def test_what_is_no_patient_is_refused(save, hu, affine, tmp_path, told):
    (tmp_path / "list.json").write_text(json.dumps([{"image": str(save(hu, affine)), "patient_id": told}]))
    (candidate,) = find(tmp_path / "list.json")
    assert candidate.fault is not None and candidate.fault.what == "patient_id is no name"


@pytest.mark.parametrize("written", ["sub\\ü.nii.gz", "sub/u\u0308.nii.gz", "sub/ü.nii.gz"])
def test_paths_of_windows_and_of_a_mac_are_found(save, hu, affine, tmp_path, written):
    save(hu, affine, "sub/ü.nii.gz")
    (tmp_path / "list.json").write_text(json.dumps([{"image": written}]))
    assert datalist(tmp_path / "list.json")[0]["image"] == str(tmp_path / "sub/ü.nii.gz")


def test_a_pattern_is_looked_for_below_the_source(save, hu, affine, tmp_path):
    for name in ("P1/a", "P1/b", "P2/c"):
        save(hu, affine, f"P2024/{name}.nii.gz")
    assert len({one.patient for one in find(tmp_path / "P2024", patient_pattern="P[0-9]+")}) == 2
