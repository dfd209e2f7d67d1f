"""Rows 44 to 51: labels, tables and splits."""

from pathlib import Path

import numpy as np
import pytest

from smart_nets.classify.lesions.csv_list import read_lesions
from smart_nets.errors import SmartError
from smart_nets.lists.check import check_data
from smart_nets.lists.lidc.annotation_xml import read_lidc_xml
from smart_nets.lists.lidc.readings import group_readings, label_nodules
from smart_nets.lists.splits import check_no_overlap, k_folds, split_by_patient
from smart_nets.scans.labels import read_labels, with_target
from smart_nets.scans.read import read_volume


def test_row_44_unknown_labels(made, tmp_path):
    scan = read_volume(made.nifti(made.ct(), tmp_path / "case.nii.gz"))
    labels = np.zeros(made.ct().shape, np.uint8)
    labels[0, 0, :3] = [1, 9, 40]
    with pytest.raises(SmartError) as caught:
        read_labels(made.nifti(labels, tmp_path / "labels.nii.gz"), scan, [1, 2])
    made.told(caught.value, 44, "labels.nii.gz")


def test_row_45_label_on_another_grid(made, tmp_path):
    scan = read_volume(made.nifti(made.ct(), tmp_path / "case.nii.gz"))
    moved = made.affine.copy()
    moved[0, 3] += 2
    path = made.nifti((made.ct() > 0).astype(np.uint8), tmp_path / "labels.nii.gz", moved)
    with pytest.raises(SmartError) as caught:
        read_labels(path, scan)
    made.told(caught.value, 45, "labels.nii.gz")


def test_row_46_empty_tumour_mask(made, tmp_path):
    scan = read_volume(made.nifti(made.ct(), tmp_path / "case.nii.gz"))
    masks = [
        read_labels(made.nifti(voxels.astype(np.uint8), tmp_path / "mask.nii.gz"), scan) > 0
        for voxels in (made.ct() > 500, np.zeros(made.ct().shape))
    ]
    assert with_target(masks) == ([0], 1)


def test_row_47_lidc_ratings(made, tmp_path):
    builder = made.load(Path(__file__).parents[1] / "lists/lidc/test_readings.py")
    tie, missing, few = (
        [builder.nodule("n", 100 * place, 100, -50, rating) for rating in ratings]
        for place, ratings in ((1, "3344"), (3, [None] * 4), (5, "55"))
    )
    sessions = ["".join(drawings) for drawings in zip(tie, missing, [*few, "", ""], strict=True)]
    groups = group_readings(read_lidc_xml(builder.annotation(tmp_path, *sessions), np.diag([0.7, 0.7, 1, 1])))
    labelled, without = label_nodules(groups)
    assert [label for label, _ in labelled] == [1]
    assert without == {"no rating": 1, "fewer than 3 readers": 1}


def test_row_48_one_patient_on_both_sides(made):
    parts = {"training": [{"image": "a", "patient_id": "p1"}], "test": [{"image": "b", "patient_id": "p1"}]}
    with pytest.raises(SmartError) as caught:
        check_no_overlap(parts)
    made.told(caught.value, 48, "training and test")
    assert check_no_overlap(parts, allow_overlap=True)


def test_row_49_one_scan_under_two_names(made, tmp_path):
    (tmp_path / "in").mkdir()
    made.nifti(made.ct(), tmp_path / "in/a.nii.gz")
    made.nifti(made.ct(), tmp_path / "in/b.nii")
    made.dicom(made.ct(), tmp_path / "in/c")
    checked = check_data(tmp_path / "in", tmp_path / "out", workers=1)
    assert [Path(item["image"]).name for item in checked.used] == ["a.nii.gz"]
    assert [Path(case["image"]).name for case in checked.rejected] == ["b.nii", "case"]
    for case in checked.rejected:
        assert made.rows[49].message in case["reason"] and "a.nii.gz" in case["reason"] and "keep one" in case["reason"]


@pytest.mark.parametrize("way", ["fold", "split"])
def test_row_50_a_class_is_missing(made, way):
    items = [{"image": f"{n}", "patient_id": f"{n}", "label": int(n == 0)} for n in range(9)]
    with pytest.raises(SmartError) as caught:
        if way == "fold":
            k_folds(items, 3, label="label")
        else:
            split_by_patient(items, {"training": 0.7, "test": 0.3}, label="label")
    made.told(caught.value, 50, "")
    with pytest.raises(SmartError, match="there is only one class"):
        k_folds(items[1:], 3, label="label")


def test_row_51_tables_as_they_come(made, tmp_path):
    made.nifti(made.ct(), tmp_path / "Müller scan.nii.gz")
    text = "\ufeffpatient_id;image;label;x;y;z\r\n\r\np1;Müller scan.nii.gz;1;1,5;-2;3\r\n;;;;;\r\n"
    (tmp_path / "lesions.csv").write_bytes(text.encode())
    assert read_lesions(tmp_path / "lesions.csv") == [
        {"patient_id": "p1", "image": str(tmp_path / "Müller scan.nii.gz"), "label": 1, "centre_mm": [1.5, -2.0, 3.0]}
    ]
    (tmp_path / "lesions.csv").write_bytes(text.replace(";1;1,5", ";x;1,5").encode())
    with pytest.raises(
        SmartError, match=r"lesions.csv, line 3, column label: cell is no number .expected .*, found x.;"
    ):
        read_lesions(tmp_path / "lesions.csv")
