"""A folder of phantoms: made once, reused, never at the cost of anybody's files."""

import csv
import json
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from smart_nets.errors import ConfigError, InputError
from smart_nets.phantom import make_dataset

CHEST = {"spacing": (8.0, 8.0, 8.0), "region": "chest"}
SMALL = {**CHEST, "size_mm": (160.0, 120.0, 120.0)}


def state(folder: Path) -> dict[str, tuple[int, bytes]]:
    """Time of writing and content of every file below a folder."""
    return {
        str(p.relative_to(folder)): (p.stat().st_mtime_ns, p.read_bytes()) for p in folder.rglob("*") if p.is_file()
    }


def test_what_is_made(tmp_path):
    folder = tmp_path / "phantoms"
    records = make_dataset(folder, 3, seed=2, labels=True, **CHEST)
    assert [one["patient_id"] for one in records] == ["phantom-20000", "phantom-20001", "phantom-20002"]
    assert all(Path(one["image"]).is_file() and Path(one["labels"]).is_file() for one in records)
    rows = list(csv.DictReader((folder / "lesions.csv").open()))
    assert list(rows[0]) == ["patient_id", "image", "label", "x", "y", "z", "diameter_mm"]
    assert len(rows) == 6 and {row["label"] for row in rows} == {"0", "1"}
    for row in rows:
        image = nib.load(folder / row["image"])
        voxel = np.linalg.solve(image.affine, [float(row["x"]), float(row["y"]), float(row["z"]), 1.0])[:3]
        assert image.dataobj[tuple(np.rint(voxel).astype(int))] > -500  # a nodule, not lung


def test_a_finished_folder_is_reused(tmp_path):
    records = make_dataset(tmp_path, 2, **SMALL)
    before = state(tmp_path)
    assert make_dataset(tmp_path, 2, **SMALL) == records
    assert state(tmp_path) == before


@pytest.mark.parametrize(
    "change", [{"count": 1}, {"seed": 1}, {"nodules": 1}, {"spacing": (9.0, 8.0, 8.0)}, {"task": "response"}]
)
def test_other_settings_make_the_folder_anew(tmp_path, change):
    make_dataset(tmp_path, **{"count": 2, **SMALL})
    records = make_dataset(tmp_path, **{"count": 2, **SMALL, **change})
    found = {path.name for path in tmp_path.glob("phantom-*")}
    assert found == {Path(one["image"]).name for one in records}  # nothing of the old ones is left
    settings = json.loads((tmp_path / "phantoms.json").read_text())
    assert all(settings[name] == (list(v) if isinstance(v, tuple) else v) for name, v in change.items())


def test_a_folder_made_before_there_were_tasks_is_reused_for_nodules_only(tmp_path):
    make_dataset(tmp_path, 2, **SMALL)
    settings = json.loads((tmp_path / "phantoms.json").read_text())
    assert settings.pop("task") == "malignancy" and settings["nodules"] == 2
    (tmp_path / "phantoms.json").write_text(json.dumps(settings))
    before = state(tmp_path)
    make_dataset(tmp_path, 2, **SMALL)
    assert state(tmp_path) == before
    make_dataset(tmp_path, 2, task="response", **SMALL)
    assert state(tmp_path)["phantom-0000.nii.gz"] != before["phantom-0000.nii.gz"]


@pytest.mark.parametrize("content", ["", "[]", "{}", "3"])
def test_settings_that_cannot_be_read_mean_making_the_folder_anew(tmp_path, content):
    make_dataset(tmp_path, 1, **SMALL)
    whole = (tmp_path / "phantoms.json").read_text()
    (tmp_path / "phantoms.json").write_text(content)
    make_dataset(tmp_path, 1, **SMALL)
    assert (tmp_path / "phantoms.json").read_text() == whole


def test_response_gives_one_tumour_per_patient_and_both_classes(tmp_path):
    make_dataset(tmp_path, 4, task="response", **CHEST)
    rows = list(csv.DictReader((tmp_path / "lesions.csv").open()))
    assert [row["label"] for row in rows] == ["0", "1", "0", "1"]
    assert len({row["patient_id"] for row in rows}) == 4
    assert all(20 <= float(row["diameter_mm"]) <= 36 for row in rows)


@pytest.mark.parametrize("missing", ["phantoms.json", "lesions.csv", "phantom-0001.nii.gz"])
def test_an_unfinished_folder_is_finished(tmp_path, missing):
    make_dataset(tmp_path, 2, **SMALL)
    whole = {name: content for name, (_, content) in state(tmp_path).items()}
    (tmp_path / missing).unlink()
    make_dataset(tmp_path, 2, **SMALL)
    assert {name: content for name, (_, content) in state(tmp_path).items()} == whole


def test_the_files_of_others_are_safe(tmp_path):
    (tmp_path / "patient.nii.gz").write_bytes(b"precious")
    with pytest.raises(InputError, match=r"patient\.nii\.gz"):
        make_dataset(tmp_path, 1, **SMALL)
    assert state(tmp_path).keys() == {"patient.nii.gz"}
    with pytest.raises(InputError, match="not a folder"):
        make_dataset(tmp_path / "patient.nii.gz", 1, **SMALL)


def test_workers_change_nothing(tmp_path):
    for workers in (1, 2):
        make_dataset(tmp_path / str(workers), 2, workers=workers, **SMALL)
    one, two = ({name: content for name, (_, content) in state(tmp_path / w).items()} for w in "12")
    assert one == two


def test_dicom(tmp_path):
    records = make_dataset(tmp_path, 1, format="dicom", **SMALL)
    folder = Path(records[0]["image"])
    assert folder == tmp_path / "phantom-0000" and len(list(folder.glob("*.dcm"))) == 15  # 120 mm / 8 mm
    assert make_dataset(tmp_path, 1, format="dicom", **SMALL) == records


@pytest.mark.parametrize(
    "settings, field",
    [
        ({"count": 0}, "count"),
        ({"count": 2.5}, "count"),
        ({"count": 10_001}, "count"),
        ({"format": "png"}, "format"),
        ({"spacing": (0.01, 2, 2)}, "spacing"),
        ({"seed": -1}, "seed"),
        ({"region": "leg"}, "region"),
        ({"workers": 0}, "workers"),
        ({"task": "stage"}, "task"),
        ({"task": "response", "nodules": 3}, "nodules"),
    ],
)
def test_bad_settings_are_named_and_nothing_is_written(tmp_path, settings, field):
    with pytest.raises(ConfigError, match=field):
        make_dataset(tmp_path / "new", **{"count": 1, **SMALL, **settings})
    assert not (tmp_path / "new").exists()
