"""The bundle as its users run it: features of phantoms to a file, clustering of phantoms and of that file, real fields."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from fixtures.foreign import write_card
from monai.bundle import create_workflow, run

from smart_nets.weights.default_model import shipped_model

CONFIGS = Path(__file__).parents[2] / "bundles" / "smart_organ_cluster" / "configs"
QUICK = {"phantoms": 2, "random_encoders": 1, "umap_seeds": 1}


def test_features_of_phantoms_and_their_clustering(tmp_path, page_of):
    run(config_file=str(CONFIGS / "inference.json"), phantoms=2, output_dir=str(tmp_path))
    with np.load(tmp_path / "features.npz") as file:
        assert (
            set(file) == {"cls", "pooled", "stages", "organ", "scan", "encoder", "card"} and len(file["organ"]) == 132
        )
    run(
        config_file=str(CONFIGS / "evaluate.json"), features=str(tmp_path / "features.npz"), umap_seeds=1,
        output_dir=str(tmp_path / "out"),
    )  # fmt: skip
    found = json.loads((tmp_path / "out" / "clusters.json").read_text())
    assert found["protocol"]["crops"] == 132 and found["floors"] == {}
    assert "without the crops that floors are made of" in page_of(tmp_path / "out" / "clusters.html").text


def test_monai_finds_every_property_of_inference():
    bundle = str(CONFIGS.parent)
    options = {"workflow_type": "infer", "bundle_root": bundle, "phantoms": 2}
    assert create_workflow(config_file=str(CONFIGS / "inference.json"), **options).check_properties() == []


def test_clustering_of_phantoms_beside_floors(tmp_path, page_of):
    run(config_file=str(CONFIGS / "evaluate.json"), output_dir=str(tmp_path), **QUICK)
    found = json.loads((tmp_path / "clusters.json").read_text())
    assert set(found["floors"]) == {"raw voxels", "random cls", "random pooled", "random stages"}
    assert len(found["protocol"]["organs"]) == 11 and found["protocol"]["scans"] == 2
    page = page_of(tmp_path / "clusters.html")
    assert "not for diagnostic use" in page.text and "phantom-9000" not in page.text


def test_an_encoder_of_others(tmp_path, script):
    rng = np.random.default_rng(0)
    organs, scans = np.array(["liver", "lung"] * 4), np.repeat(["p", "q"], 4)
    boxes = np.where(organs == "lung", -800, 50)[:, None, None, None] + rng.normal(0, 50, (8, 46, 46, 46))
    np.savez(tmp_path / "boxes.npz", x=boxes.astype(np.int16), organ=organs, scan=scans)
    told = {"model_path": str(script), "dataset_dir": str(tmp_path / "boxes.npz"), "fields_spacing": 2.0}
    told |= {"orientation": "RAS"}
    run(config_file=str(CONFIGS / "inference.json"), output_dir=str(tmp_path / "one"), **told)
    run(
        config_file=str(CONFIGS / "evaluate.json"), output_dir=str(tmp_path / "two"), random_encoders=1, umap_seeds=0, **told
    )  # fmt: skip
    found = json.loads((tmp_path / "two" / "clusters.json").read_text())
    assert set(found["features"]) == {"pooled"} and set(found["floors"]) == {"raw voxels"}
    write_card(tmp_path / "means.json", input_range=[-1, 1])
    run(config_file=str(CONFIGS / "inference.json"), output_dir=str(tmp_path / "other"), **told)
    files = [str(tmp_path / name / "features.npz") for name in ("one", "other")]
    with pytest.raises(RuntimeError) as caught:
        run(config_file=str(CONFIGS / "evaluate.json"), features=files, umap_seeds=0, output_dir=str(tmp_path / "out"))
    assert "features of different encoders are mixed" in str(caught.value.__cause__)


def test_clustering_of_real_fields(tmp_path, real_ct):
    run(
        config_file=str(CONFIGS / "evaluate.json"), dataset_dir=str(real_ct / "organ_fields_dev_2mm.npz"), fields_spacing=2.0,
        orientation="RAS", output_dir=str(tmp_path), model_path=str(shipped_model()), random_encoders=1, umap_seeds=1,
    )  # fmt: skip
    found = json.loads((tmp_path / "clusters.json").read_text())
    assert found["protocol"]["crops"] == 270 and found["protocol"]["scans"] == 6
    assert found["features"]["pooled"]["knn"] > found["protocol"]["chance"] + 0.3


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ({"x": np.full((4, 46, 46, 46), -100, np.int16), "organ": np.array([*"aaaa"]), "scan": np.array([*"pqpq"])},
         "without this scan there is one organ only"),
        ({"images": np.zeros((2, 2))}, "lacks arrays"),
    ],
)  # fmt: skip
def test_data_that_cannot_be_clustered(tmp_path, content, says):
    np.savez(tmp_path / "a.npz", **content)
    with pytest.raises(Exception) as caught:
        run(
            config_file=str(CONFIGS / "evaluate.json"), dataset_dir=str(tmp_path / "a.npz"), output_dir=str(tmp_path / "out"),
            fields_spacing=2.0, orientation="RAS", **QUICK,
        )  # fmt: skip
    assert says in str(caught.value.__cause__ or caught.value)
