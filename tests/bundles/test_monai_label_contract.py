"""MONAI Label's steps with a bundle, without its server: what it reads, in its order, on the archives that are made for it.

The steps are those of MONAI Label 0.8.5, monailabel/tasks/infer/bundle.py and basic_infer.py; `make test-monailabel` asks the
real server.
"""

from __future__ import annotations

import csv
import json
import shutil
import zipfile
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from fixtures.monai_label import infer, kind
from monai.bundle import run

from smart_nets.zoo.package import package

BUNDLES = Path(__file__).parents[2] / "bundles"
SEGMENTATION, CLASSIFICATION = "smart_zeroshot_segmentation", "smart_lidc_classification"
WEIGHTS = {"smart_zeroshot_seg": {}, "smart_lidc_classify": {"feature": "cls", "classes": ["benign", "malignant"]}}


@pytest.fixture(scope="module")
def models(uneven, tmp_path_factory) -> Path:
    """The folder in which MONAI Label finds its models: both archives, unpacked."""
    bundles, zips, models = (tmp_path_factory.mktemp(name) for name in ("bundles", "zips", "models"))
    for name, card in WEIGHTS.items():
        shutil.copytree(BUNDLES / name, bundles / name, ignore=shutil.ignore_patterns("models", "eval", "cache"))
        uneven(bundles / name / "models" / "model.pt", **card)
    for archive in package(zips, bundles, names=[SEGMENTATION, CLASSIFICATION]):
        with zipfile.ZipFile(archive) as file:
            file.extractall(models)
    return models


def test_a_mask_is_that_of_monais_run(models, chest_file, tmp_path):
    assert kind(models / SEGMENTATION) == "segmentation"
    mask = infer(models / SEGMENTATION, chest_file)["pred"]
    run(config_file=str(models / SEGMENTATION / "configs" / "inference.json"), bundle_root=str(models / SEGMENTATION),
        dataset_dir=str(chest_file), output_dir=str(tmp_path / "out"))  # fmt: skip
    expected = nib.load(tmp_path / "out" / "scan_mask.nii.gz")
    np.testing.assert_array_equal(mask.numpy(), np.asarray(expected.dataobj))
    np.testing.assert_allclose(mask.affine, expected.affine, atol=1e-4)  # the server's writer takes it from here
    assert 0 < mask.sum() < 0.2 * mask.numel()


@pytest.mark.parametrize("place", ["tumour", "middle"])
def test_scores_are_those_of_monais_run(models, chest, chest_file, tmp_path, place):
    assert kind(models / CLASSIFICATION) == "classification"
    centre = [float(value) for value in chest.lesions[0].centre_mm] if place == "tumour" else None
    data = infer(models / CLASSIFICATION, chest_file, **({"centre_mm": centre} if centre else {}))
    config, weights = (
        BUNDLES / "smart_lidc_classify" / "configs" / "inference.json",
        models / CLASSIFICATION / "models" / "model.pt",
    )
    run(config_file=str(config), dataset_dir=str(chest_file), model_path=str(weights), output_dir=str(tmp_path / "out"),
        centre=centre)  # fmt: skip
    (row,) = csv.DictReader((tmp_path / "out" / "predictions.csv").open())
    scores = [float(score) for score in data["pred"]]  # as the server's writer reads them
    assert scores == pytest.approx([float(row[f"probability of {name}"]) for name in ("benign", "malignant")], abs=6e-5)
    assert data["pred"].array.shape == (2,)  # the writer logs this: a plain tensor would stop it


def test_the_place_of_a_lesion_reaches_the_scores(models, chest, chest_file):
    scores = [infer(models / CLASSIFICATION, chest_file, **given)["pred"].tolist()
              for given in ({}, {"centre_mm": list(chest.lesions[0].centre_mm)})]  # fmt: skip
    assert scores[0] != pytest.approx(scores[1], abs=1e-3)


@pytest.mark.parametrize(
    ("name", "labels"), [(SEGMENTATION, {"attention": 1}), (CLASSIFICATION, {"benign": 0, "malignant": 1})]
)
def test_the_metadata_names_what_clients_show(models, name, labels):
    formats = json.loads((models / name / "configs" / "metadata.json").read_text())["network_data_format"]
    (image, _), (pred, answer) = next(iter(formats["inputs"].items())), next(iter(formats["outputs"].items()))
    assert (image, pred) == ("image", "pred")
    shown = {label.lower(): int(key) for key, label in answer["channel_def"].items() if label.lower() != "background"}
    assert shown == labels


@pytest.mark.parametrize("name", [SEGMENTATION, CLASSIFICATION])
def test_nothing_is_offered_for_training(models, name):
    """MONAI Label trains with label images alone: a lesion's class and centre cannot be told, and a run would learn nothing."""
    assert not list((models / name / "configs").glob("*train*"))
