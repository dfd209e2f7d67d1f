"""Every way in which outlined scans may be given, and what is wrong with those that cannot be read."""

import json
from pathlib import Path

import numpy as np
import pytest

from smart_nets.errors import ConfigError, InputError
from smart_nets.scans.read import read_volume
from smart_nets.segment.cases.find import find_cases
from smart_nets.segment.cases.names import TUMOUR, label_values
from smart_nets.segment.cases.target import read_target


@pytest.fixture
def label(hu) -> np.ndarray:
    drawn = np.zeros(hu.shape, np.uint8)
    drawn[4:7, 4:8, 2:5] = 1
    return drawn


def found(source: Path, **options) -> list[tuple[str, str, str]]:
    return [
        (Path(item["image"]).name, Path(item["label"]).name, item["patient_id"])
        for item in find_cases(source, label_values(None, source), **options)
    ]


def test_nnunet_raw_folder(save, hu, affine, label, tmp_path):
    for name in "ab":
        save(hu, affine, f"Dataset1/imagesTr/{name}_0000.nii.gz")
        save(label, affine, f"Dataset1/labelsTr/{name}.nii.gz")
    plan = {"channel_names": {"0": "CT"}, "labels": {"background": 0, "tumour": 1}, "file_ending": ".nii.gz"}
    (tmp_path / "Dataset1/dataset.json").write_text(json.dumps(plan))
    both = [(f"{n}_0000.nii.gz", f"{n}.nii.gz", f"imagesTr/{n}_0000.nii.gz") for n in "ab"]
    assert found(tmp_path / "Dataset1") == found(tmp_path / "Dataset1/dataset.json") == both


def test_decathlon(save, hu, affine, label, tmp_path):
    save(hu, affine, "Task07/imagesTr/p_1.nii.gz")
    save(label, affine, "Task07/labelsTr/p_1.nii.gz")
    plan = {
        "modality": {"0": "CT"}, "labels": {"0": "background", "1": "cancer"},
        "training": [{"image": "./imagesTr/p_1.nii.gz", "label": "./labelsTr/p_1.nii.gz"}],
    }  # fmt: skip
    (tmp_path / "Task07/dataset.json").write_text(json.dumps(plan))
    assert found(tmp_path / "Task07") == [("p_1.nii.gz", "p_1.nii.gz", "imagesTr/p_1.nii.gz")]


def test_table_and_datalist(save, hu, affine, label, tmp_path):
    save(hu, affine, "scan.nii.gz")
    save(label, affine, "drawn.nii.gz")
    (tmp_path / "cases.csv").write_text("patient_id,image,label\n7,scan.nii.gz,drawn.nii.gz\n")
    entry = {"image": "scan.nii.gz", "label": "drawn.nii.gz", "patient_id": 7}
    (tmp_path / "cases.json").write_text(json.dumps({"training": [entry]}))
    assert found(tmp_path / "cases.csv") == found(tmp_path / "cases.json") == [("scan.nii.gz", "drawn.nii.gz", "7")]


def test_two_folders_of_like_names(save, hu, affine, label, tmp_path):
    save(hu, affine, "set/images/p1.nii.gz")
    save(label, affine, "set/labels/p1.nii.gz")
    assert found(tmp_path / "set", patient_pattern=r"p\d") == [("p1.nii.gz", "p1.nii.gz", "p1")]


def test_masks_beside_a_scan_with_several_names(save, hu, affine, label, tmp_path):
    save(hu, affine, "p1.nii.gz")
    save(label, affine, "p1__liver.nii.gz")
    save(np.roll(label, 3, 0), affine, "p1__Tumour.nii.gz")
    values = {"liver": [1], "tumour": [2]}
    (item,) = find_cases(tmp_path, values)
    target = read_target(item, read_volume(item["image"]).to_ras(), values)
    np.testing.assert_array_equal(target == 2, np.roll(label, 3, 0) == 1)
    assert (target == 1).sum() == ((label == 1) & (np.roll(label, 3, 0) == 0)).sum()  # the later name counts
    (alone,) = find_cases(tmp_path, TUMOUR)
    assert set(alone["drawn"]) == {"tumour"} and set(alone["drawn"]["tumour"]) == {"Tumour"}


@pytest.mark.parametrize(
    "plan",
    [
        {
            "training": [{"image": "./imagesTr/p_1.nii.gz", "label": "./labelsTr/p_1.nii.gz"}],
            "modality": {"0": "CT"},
        },  # version 1
        {"dataset": {"p_1": {"images": ["imagesTr/p_1_0000.nii.gz"], "label": "labelsTr/p_1.nii.gz"}}},  # version 2
    ],
)
def test_both_versions_of_nnunet_that_list_their_cases(save, hu, affine, label, tmp_path, plan):
    save(hu, affine, "set/imagesTr/p_1_0000.nii.gz")
    save(label, affine, "set/labelsTr/p_1.nii.gz")
    (tmp_path / "set/labelsTr/._p_1.nii.gz").write_bytes(b"litter of another system")
    (tmp_path / "set/dataset.json").write_text(json.dumps({"labels": {"tumour": 1}, **plan}))
    assert [one[:2] for one in found(tmp_path / "set")] == [("p_1_0000.nii.gz", "p_1.nii.gz")]


def test_lists_of_training_and_validation_tell_the_split(save, hu, affine, label, tmp_path):
    entries = []
    for name in "ab":
        entries.append(
            {"image": save(hu, affine, f"{name}.nii.gz").name, "label": save(label, affine, f"{name}_l.nii.gz").name}
        )
    (tmp_path / "dataset_0.json").write_text(json.dumps({"training": entries[:1], "validation": entries[1:]}))
    items = find_cases(tmp_path / "dataset_0.json", TUMOUR)
    assert [(item["split"], item["patient_id"]) for item in items] == [
        ("train", "a.nii.gz"),
        ("validation", "b.nii.gz"),
    ]


def test_a_single_name_of_ones_own_is_that_name_and_no_tumour(save, hu, affine, label, tmp_path):
    for name in ("p1.nii.gz", "p2.nii.gz"):
        save(hu, affine, name)
    for name in ("p1__liver", "p1__tumour", "p2__tumour"):
        save(label, affine, f"{name}.nii.gz")
    (item,) = find_cases(tmp_path, {"liver": [1]})
    assert item["image"].endswith("p1.nii.gz") and set(item["drawn"]["liver"]) == {"liver"}
    assert len(find_cases(tmp_path, {"growth": [1]}, tumour_pattern="tumour")) == 2


def test_moving_the_data_moves_no_patient(save, hu, affine, label, tmp_path):
    save(hu, affine, "here/images/p1_a.nii.gz")
    save(label, affine, "here/labels/p1_a.nii.gz")
    before = find_cases(tmp_path / "here", TUMOUR)[0]["patient_id"]
    (tmp_path / "here").rename(tmp_path / "there")
    assert find_cases(tmp_path / "there", TUMOUR)[0]["patient_id"] == before == "images/p1_a.nii.gz"
    assert find_cases(tmp_path / "there", TUMOUR, patient_pattern=r"/([^_]+)_")[0]["patient_id"] == "p1"
    with pytest.raises(ConfigError, match="is no regular expression"):
        find_cases(tmp_path / "there", TUMOUR, patient_pattern="(")


def test_readers_of_a_datalist_and_what_most_of_them_drew(save, hu, affine, label, tmp_path):
    save(hu, affine, "scan.nii.gz")
    masks = [save(np.roll(label, shift, 0), affine, f"reader{shift}.nii.gz").name for shift in (0, 0, 3)]
    (tmp_path / "cases.json").write_text(
        json.dumps({"training": [{"image": "scan.nii.gz", "label": [*masks[:1], masks[2]]}]})
    )
    (item,) = find_cases(tmp_path / "cases.json", TUMOUR)
    target = read_target(item, read_volume(item["image"]).to_ras(), TUMOUR)
    np.testing.assert_array_equal(target == 1, (label & np.roll(label, 3, 0)) == 1)  # of two readers, both


def test_phantoms_are_the_default(tmp_path):
    items = find_cases(None, label_values(None, None), tmp_path / "phantoms", 1)
    scan = read_volume(items[0]["image"]).to_ras()
    target = read_target(items[0], scan, label_values(None, None))
    assert set(np.unique(target)) == {0, 1, 2, 3, 4, 5, 6} and items[0]["patient_id"] == "phantom-40000"


CT = {"channel_names": {"0": "CT"}, "labels": {"a": 1}}
LISTED = {"labels": {"a": 1}, "training": [{"image": "x.nii.gz", "label": "y.nii.gz"}]}


@pytest.mark.parametrize(
    ("files", "text", "says"),
    [
        ({"dataset.json": {"channel_names": {"0": "T1", "1": "T2"}, "labels": {"a": 1}}}, "set", "is no data set of CT"),
        ({"dataset.json": CT, "imagesTr/a_0000.nii.gz": 0}, "set", "image has no label"),
        ({"dataset.json": CT, "imagesTr/a.nii.gz": 0}, "set", "holds no images"),
        ({"dataset.json": LISTED, "imagesTr/x": 0}, "set", "image does not exist"),
        ({"images/a.nii.gz": 0, "labels/b.nii.gz": 1}, "set", "image has no label"),
        ({"cases.json": {"training": [{"image": "a.nii.gz"}]}, "a.nii.gz": 0}, "set/cases.json", "label does not exist"),
        ({"cases.json": {"training": [{"image": "a.nii.gz", "label": "no.nii.gz"}]}, "a.nii.gz": 0}, "set/cases.json",
         "label does not exist"),
        ({"cases.json": {"training": [{"image": "a.nii.gz", "label": "b.nii.gz"}] * 2}, "a.nii.gz": 0, "b.nii.gz": 1},
         "set/cases.json", "scan is given twice"),
        ({"cases.json": {"training": [{"image": f"{n}.nii.gz", "label": "c.nii.gz"} for n in "ab"]}, "a.nii.gz": 0,
          "b.nii.gz": 0, "c.nii.gz": 1}, "set/cases.json", "label is given twice"),
        ({"cases.json": {"training": [{"image": "a.nii.gz", "label": "b.nii.gz", "region": n} for n in "12"]}, "a.nii.gz": 0,
          "b.nii.gz": 1}, "set/cases.json", "scan is given twice"),
        ({"dataset.json": {"channel_names": 5, "labels": {"a": 1}}}, "set", "is no data set of CT"),
        ({"a.nii.gz": 0}, "set/a.nii.gz", "is no source of outlines"),
        ({"cases.csv": "image,label,PatientID\na.nii.gz,b.nii.gz,7\n", "a.nii.gz": 0, "b.nii.gz": 1}, "set/cases.csv",
         "PatientID is not read .expected patient_id.*rename PatientID"),
        ({"cases.json": {"training": [{"image": "a.nii.gz", "label": "b.nii.gz", "subject": "7"}]}, "a.nii.gz": 0,
          "b.nii.gz": 1}, "set/cases.json", "entry 1: subject is not read .expected patient_id"),
        ({"a.nii.gz": 0}, "set", "no scan has a mask beside it"),
        ({}, "nowhere", "does not exist"),
    ],
)  # fmt: skip
def test_sources_that_cannot_be(save, hu, affine, label, tmp_path, files, text, says):
    (tmp_path / "set").mkdir()
    for name, content in files.items():
        if isinstance(content, str):
            (tmp_path / "set" / name).write_text(content)
        elif isinstance(content, dict):
            (tmp_path / "set" / name).write_text(json.dumps(content))
        else:
            save((hu, label)[content], affine, f"set/{name}" if name.endswith("gz") else f"set/{name}.nii.gz")
    with pytest.raises(InputError, match=says):
        find_cases(tmp_path / text, TUMOUR)
