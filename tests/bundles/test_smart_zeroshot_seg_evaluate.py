"""evaluate.json: how well attention finds the tumours that readers drew, beside what must be beaten."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pytest
from monai.bundle import run

from smart_nets.localize.figures import measure
from smart_nets.localize.marking import Marking
from smart_nets.localize.scan_attention import ScanAttention
from smart_nets.networks.attention_net import AttentionNet
from smart_nets.scans.read import read_checked
from smart_nets.weights.build import load_encoder

CONFIGS = Path(__file__).parents[2] / "bundles" / "smart_zeroshot_seg" / "configs"


@pytest.fixture
def judge(chest_model, tumours, tmp_path) -> Callable[..., Path]:
    """Run the evaluation into tmp_path/out; returns that folder."""

    def judge(**options: Any) -> Path:
        given = {
            "dataset_dir": str(tumours), "model_path": str(chest_model), "cache_dir": str(tmp_path / "cache"),
            "output_dir": str(tmp_path / "out"), "region": "image", "random_encoders": 1, **options,
        }  # fmt: skip
        run(config_file=str(CONFIGS / "evaluate.json"), **given)
        return tmp_path / "out"

    return judge


def test_evaluation_measures_every_tumour_and_shows_it(judge, chest_model, tumours):
    folder = judge(region="body")
    assert {path.name for path in folder.iterdir()} == {"localize.json", "overlays", "report.html", "names.csv"}
    assert {path.name for path in (folder / "overlays").iterdir()} == {"patient0.png", "patient1.png"}
    found = json.loads((folder / "localize.json").read_text())
    assert (found["tumours"], found["scans"], found["patients"], found["empty_masks"]) == (2, 2, 2, 0)
    assert list(found["methods"]) == ["encoder", "random encoder", "HU in the lungs"]
    look = ScanAttention(AttentionNet(load_encoder(chest_model)), [32] * 3, [8.0] * 3, (-1000, 400))
    for number, row in enumerate(found["methods"]["encoder"]["rows"]):
        scan = tumours / f"patient{number}.nii.gz"
        score = look(read_checked(scan))
        marked = Marking().mark(score, read_checked(scan))
        tumour = np.asarray(nib.load(tumours / f"patient{number}__tumour.nii.gz").dataobj) > 0
        expected = measure(score, marked.mask, [tumour], marked.region, (7.0, 8.0, 9.0))
        assert (row["scan"], row["tumour"], row["patient"]) == (f"patient{number}", "tumour", number + 1)
        for key in ("dice", "oracle", "recall", "pointing", "tumour_ml", "marked_ml"):
            assert row[key] == pytest.approx(expected[key])
    page = (folder / "report.html").read_text()
    assert "2 tumours in 2 scans of 2 patients" in page and page.count("data:image/jpeg") == 2
    assert "patient0" not in page and "http" not in page.replace("http-equiv", "").replace("http://www.w3.org", "")
    assert "<script" not in page and "not for diagnostic use" in page.lower()


def test_the_settings_of_an_evaluation_are_told(judge):
    network = {"crop_size": [64, 32, 32], "spacing": [9.0] * 3, "hu_window": [-500, 200], "overlap": 0.25, "head": 1,
               "block": 0}  # fmt: skip
    found = json.loads((judge(percentile=80, components=2, random_encoders=0, **network) / "localize.json").read_text())
    marking = {"percentile": 80, "region": "image", "components": 2, "smallest_ml": 0.0}
    assert found["settings"] == {**marking, **network, "random_encoders": 0}
    assert list(found["methods"]) == ["encoder", "HU in the lungs"]


def test_without_scans_phantoms_with_tumours_are_evaluated(judge, tumours, tmp_path, monkeypatch):
    asked = []

    def made(*given: Any) -> list[dict[str, Any]]:
        asked.append(given)
        readers = {"tumour": [{"file": str(tumours / "patient0__tumour.nii.gz"), "region": None}]}
        return [{"image": str(tumours / "patient0.nii.gz"), "patient_id": "0", "readers": readers}]

    monkeypatch.setattr("smart_nets.localize.phantom_tumours.phantom_tumours", made)
    found = json.loads((judge(dataset_dir=None, random_encoders=0) / "localize.json").read_text())
    assert asked == [(str(tmp_path / "cache" / "phantoms"), 20)] and found["tumours"] == 1


def test_evaluation_of_real_ct(judge, real_ct, tmp_path):
    for name in ("pyrad_lung1.nii.gz", "pyrad_lung1__tumor.nii.gz"):
        (tmp_path / "scans").mkdir(exist_ok=True)
        shutil.copy(real_ct / "chest_2mm" / name, tmp_path / "scans")
    folder = judge(dataset_dir=str(tmp_path / "scans"), region="body")
    found = json.loads((folder / "localize.json").read_text())
    assert (found["tumours"], found["scans_without_lungs"]) == (1, 0)
    voxels = nib.load(tmp_path / "scans" / "pyrad_lung1__tumor.nii.gz")
    ml = np.count_nonzero(voxels.get_fdata()) * abs(np.linalg.det(voxels.affine[:3, :3])) / 1000
    for method in found["methods"].values():
        [row] = method["rows"]
        assert row["tumour_ml"] == pytest.approx(ml, rel=1e-4) and 0 <= row["contrast"] <= 1 and 0 < row["oracle"] <= 1
    assert found["methods"]["HU in the lungs"]["rows"][0]["contrast"] > 0.9  # a tumour is denser than lung
    page = (folder / "report.html").read_text()
    assert "1 tumour in 1 scan of 1 patient" in page and "pyrad" not in page
