"""Several collections as one list with tags, what lists share, and choosing by tag."""

import json

import nibabel as nib
import pytest

from smart_nets.errors import InputError
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
    assert [name.rsplit(" ", 1)[1] for name in listed_parts(path)] == ["validation", "test"]


@pytest.mark.parametrize(("text", "says"), [(None, "cannot be read"), ("{", "is no JSON"), ("{}", "has no datalist")])
def test_files_that_are_no_lists(tmp_path, text, says):
    if text is not None:
        (tmp_path / "list.json").write_text(text)
    with pytest.raises(InputError, match=says):
        listed_parts(tmp_path / "list.json")


def test_a_folder_without_collections(tmp_path):
    with pytest.raises(InputError, match="holds no collections"):
        collect(tmp_path, tmp_path / "out")
