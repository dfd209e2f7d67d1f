"""Several collections as one list with tags, what lists share, and choosing by tag."""

import json

import nibabel as nib
import pytest

from smart_nets.cli.lists import overlap
from smart_nets.errors import ConfigError, InputError
from smart_nets.lists.collections import COLLECTIONS, LUNG, OTHER, collect, listed_parts, overlap_report
from smart_nets.lists.manifest import datalist
from smart_nets.phantom import make_phantom


def scan(path, seed: int):
    """A phantom's chest."""
    path.parent.mkdir(parents=True, exist_ok=True)
    phantom = make_phantom(seed, spacing=(6.0, 6.0, 6.0), nodules=0, region="chest")
    nib.save(nib.Nifti1Image(phantom.image, phantom.affine), path)


def test_the_counts_are_those_of_the_paper():
    assert sum(one.scans for one in COLLECTIONS.values()) == 10_412
    assert sum(one.scans for one in COLLECTIONS.values() if one.tag == LUNG) == 7_289
    assert sum(one.scans for one in COLLECTIONS.values() if one.tag == OTHER) == 3_123


@pytest.fixture
def collected(tmp_path):
    scan(tmp_path / "in" / "MELA" / "a.nii.gz", 0)
    scan(tmp_path / "in" / "MELA" / "b.nii.gz", 1)
    scan(tmp_path / "in" / "Pancreas-CT" / "c.nii.gz", 2)
    scan(tmp_path / "in" / "ours" / "d.nii.gz", 1)  # the same voxels as b
    return collect(tmp_path / "in", tmp_path / "out", workers=1), tmp_path / "out" / "pretraining.json"


def test_collections_become_one_list_with_tags_and_counts(collected):
    about, path = collected
    items = json.loads(path.read_text())["training"]
    assert [(one["collection"], one["tag"]) for one in items] == [
        ("MELA", "lung"), ("MELA", "lung"), ("Pancreas-CT", "other"), ("ours", "other"),
    ]  # fmt: skip
    assert about["collections"]["MELA"]["published"] == 880 and about["collections"]["ours"]["published"] is None
    assert "TCGA-KIRC" in about["absent"] and "MELA" not in about["absent"]
    (shared,) = about["overlaps"]
    assert (shared["first"], shared["second"], shared["scans"]) == ("MELA", "ours", 1)


def test_scans_of_a_tag(collected):
    _, path = collected
    assert len(datalist(path, tag="lung")) == 2 and len(datalist(path, tag="other")) == 2
    with pytest.raises(InputError, match=r"no scan has this tag.*expected liver, found lung, other"):
        datalist(path, tag="liver")


def test_a_tag_of_scans_that_have_none(collected, tmp_path):
    with pytest.raises(InputError, match=r"no scan has this tag.*no tags"):
        datalist(tmp_path / "in", tag="lung")
    with pytest.raises(InputError, match="needs a datalist whose entries have tags"):
        datalist(None, tag="lung")


def test_lists_that_share_patients():
    first = [{"image": "a", "patient_id": "p"}, {"image": "b", "patient_id": "q"}]
    second = [{"image": "c", "patient_id": "q"}]
    (found,) = overlap_report({"pretraining": first, "test": second, "other": [{"image": "d", "patient_id": "z"}]})
    assert found == {
        "first": "pretraining", "second": "test", "patients": 1, "series": 0, "scans": 0, "examples": ["q"],
    }  # fmt: skip


def test_the_lists_of_a_file_by_name(tmp_path):
    path = tmp_path / "lists.json"
    path.write_text(json.dumps({"validation": [{"image": "a"}], "test": [{"image": "b"}], "name": "x", "numTest": 1}))
    found = listed_parts(path)
    assert [name.rsplit(" ", 1)[1] for name in found] == ["validation", "test"]
    assert found[f"{path} test"][0]["image"] == str(tmp_path / "b"), "paths begin where the file lies"


def test_lists_of_one_name_are_told_apart_and_texts_are_images(tmp_path, capsys):
    for folder, name in (("pre", "x.nii.gz"), ("down", "y.nii.gz")):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "manifest.json").write_text(json.dumps({"training": [name], "labels": ["liver"]}))
    paths = [str(tmp_path / folder / "manifest.json") for folder in ("pre", "down")]
    with pytest.raises(SystemExit) as ended:
        overlap(*paths)
    assert ended.value.code == 0 and capsys.readouterr().out.count("1 scans of") == 2
    with pytest.raises(SystemExit) as ended:
        overlap(paths[0], str(tmp_path / "pre"))  # the same list by two names
    assert ended.value.code == 3


def test_lists_of_two_salts_are_not_compared(tmp_path):
    paths = []
    for salt in ("a", "b"):
        paths.append(tmp_path / f"{salt}.json")
        content = {"checked": {"patients_hashed_with": salt}, "training": [{"image": salt, "patient_id": salt}]}
        paths[-1].write_text(json.dumps(content))
    with pytest.raises(ConfigError, match="different salts"):
        overlap(*map(str, paths))


def test_an_entry_without_an_image(tmp_path):
    (tmp_path / "list.json").write_text(json.dumps({"training": [{"image": "a"}, {"label": "b"}]}))
    with pytest.raises(InputError, match="entry names no image"):
        listed_parts(tmp_path / "list.json")


def test_an_empty_collection_and_litter_cost_nothing(tmp_path, caplog):
    scan(tmp_path / "in" / "mela" / "a.nii.gz", 0)
    (tmp_path / "in" / "empty").mkdir()
    (tmp_path / "in" / "__MACOSX").mkdir()
    about = collect(tmp_path / "in", tmp_path / "out", workers=1)
    assert about["collections"]["mela"]["tag"] == "lung" and about["collections"]["empty"]["used"] == 0
    assert "__MACOSX" not in about["collections"] and "MELA" not in about["absent"]
    with pytest.raises(InputError, match="lies among the scans"):
        collect(tmp_path / "in", tmp_path / "in" / "out", workers=1)


@pytest.mark.parametrize(("text", "says"), [(None, "cannot be read"), ("{", "is no JSON"), ("{}", "has no datalist")])
def test_files_that_are_no_lists(tmp_path, text, says):
    if text is not None:
        (tmp_path / "list.json").write_text(text)
    with pytest.raises(InputError, match=says):
        listed_parts(tmp_path / "list.json")


def test_a_folder_without_collections(tmp_path):
    with pytest.raises(InputError, match="holds no collections"):
        collect(tmp_path, tmp_path / "out")
