"""The classification bundle on real nodules of LIDC-IDRI: training on crops, and inference on a DICOM series."""

from __future__ import annotations

import csv
import json
import zipfile
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from monai.bundle import run

from smart_nets.statistics.predictions import Predictions

CONFIGS = Path(__file__).parents[2] / "bundles" / "smart_lidc_classify" / "configs"
OF_EACH = 6  # patients of each class


@pytest.fixture
def few_nodules(real_ct, tmp_path) -> Path:
    """A folder like lidc_vois with links to twelve nodules of twelve patients, half of them malignant."""
    whole, folder = real_ct / "lidc_vois", tmp_path / "lidc_vois"
    with (whole / "metadata.csv").open(newline="") as file:
        header, *rows = list(csv.reader(file))
    chosen: dict[str, list[str]] = {}
    for row in sorted(rows, key=lambda row: row[header.index("Diagnosis_value")]):
        kind = row[header.index("Diagnosis_value")]
        if sum(one[header.index("Diagnosis_value")] == kind for one in chosen.values()) < OF_EACH:
            chosen.setdefault(row[0], row)
    for part in ("image", "nodule_mask"):
        (folder / part).mkdir(parents=True)
        for row in chosen.values():
            name = f"{row[0]}_R_{row[1]}.nii.gz"
            (folder / part / name).symlink_to(whole / part / name)
    with (folder / "metadata.csv").open("w", newline="") as file:
        csv.writer(file).writerows([header, *chosen.values()])
    return folder


def test_training_on_real_nodules_and_inference_on_a_dicom_series(train, few_nodules, real_ct, tmp_path):
    trained = train(tmp_path / "run", dataset_dir=str(few_nodules), spacing=[1.25, 1.25, 1.25])
    record = json.loads((trained / "eval" / "run.json").read_text())
    assert record["lesions"]["given"] == 12 and record["lesions"]["validation"]["positives"] == 3
    found = Predictions.read(trained / "eval" / "predictions.csv")
    assert len(found.rows) == 6 and found.sizes.min() > 2
    outputs = [path.read_text() for path in trained.rglob("*.*") if path.suffix in (".json", ".jsonl", ".csv", ".html")]
    assert len(outputs) >= 6 and not any("LIDC-IDRI-0" in text for text in outputs)  # no identifiers of patients

    with zipfile.ZipFile(real_ct / "lidc0001_slab_dicom.zip") as archive:
        archive.extractall(tmp_path / "slab")
    mask = nib.load(real_ct / "lidc0001_slab_nodules.nii.gz")
    voxels = np.argwhere(np.asarray(mask.dataobj) > 0)
    centre = (mask.affine @ [*voxels.mean(axis=0), 1])[:3]
    look = {
        "config_file": str(CONFIGS / "inference.json"), "dataset_dir": str(tmp_path / "slab"),
        "model_path": str(trained / "models" / "model.pt"),
    }  # fmt: skip
    run(**look, output_dir=str(tmp_path / "out"), centre=centre.tolist())
    with (tmp_path / "out" / "predictions.csv").open(newline="") as file:
        (row,) = csv.DictReader(file)
    assert 0 < float(row["probability of malignant"]) < 1
    assert [float(row[axis]) for axis in "xyz"] == pytest.approx(centre.tolist(), abs=0.051)
    (shown,) = map(nib.load, (tmp_path / "out").glob("*_attention.nii.gz"))
    assert shown.shape == (512, 512, 16)
    at = np.rint((np.linalg.inv(shown.affine) @ [*centre, 1])[:3]).astype(int)
    assert shown.get_fdata()[tuple(at)] > 0 and shown.get_fdata()[0, 0, 0] == 0
