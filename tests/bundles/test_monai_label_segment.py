"""MONAI Label's steps with the segmenter: it infers as `monai.bundle run` does, and training with its labels helps.

The steps of training are those of MONAI Label 0.8.5, monailabel/tasks/train/bundle.py; `make test-monailabel`
asks the real server.
"""

from __future__ import annotations

import json
import shutil
import zipfile
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pytest
import torch
from fixtures.monai_label import infer
from fixtures.small import SMALL
from monai.bundle import ConfigParser, run

from smart_nets.networks.encoder import SmartEncoder
from smart_nets.networks.segmenter import Segmenter
from smart_nets.phantom import ORGANS, make_phantom
from smart_nets.phantom.write import write_image
from smart_nets.statistics.overlap import dice
from smart_nets.weights.io import save_weights
from smart_nets.zoo.package import package

BUNDLES = Path(__file__).parents[2] / "bundles"
SPACING = (8.0, 8.0, 8.0)
CARD = {
    "kind": "segmenter", "architecture": {"name": "SmartEncoder", **SMALL, "input_mean": 0.35, "input_std": 0.35},
    "labels": {"liver": [7], "heart": [9]}, "spacing": [8.0, 8.0, 8.0], "hu_window": [-175, 250], "crop_size": [64, 32, 32],
}  # fmt: skip


@pytest.fixture(scope="module")
def pairs(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, str]]:
    """What MONAI Label's datastore gives: images and label maps with the numbers of the channels."""
    folder = tmp_path_factory.mktemp("studies")
    found = []
    for seed in range(3):
        one = make_phantom(seed, SPACING, 0)
        drawn = 1 * (one.labels == ORGANS["liver"]) + 2 * (one.labels == ORGANS["heart"])
        image = write_image(one.image, one.affine, folder / f"{seed}.nii.gz")
        found.append(
            {
                "image": str(image),
                "label": str(write_image(drawn.astype("uint8"), one.affine, folder / f"{seed}_label.nii.gz")),
            }
        )
    return found


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """The bundle as it is handed out, with weights that know nothing, unpacked where MONAI Label looks."""
    torch.manual_seed(0)
    bundles = tmp_path / "bundles"
    ignored = shutil.ignore_patterns("models", "eval", "cache")
    shutil.copytree(BUNDLES / "smart_segment", bundles / "smart_segment", ignore=ignored)
    encoder = SmartEncoder(**SMALL, input_mean=0.35, input_std=0.35)
    save_weights(Segmenter(encoder, 3), bundles / "smart_segment" / "models" / "model.pt", CARD)
    (archive,) = package(tmp_path / "zips", bundles, ["smart_segment"])
    with zipfile.ZipFile(archive) as file:
        file.extractall(tmp_path / "app")
    return tmp_path / "app" / "smart_segment"


def train(model: Path, training: list[dict[str, str]], validation: list[dict[str, str]], **more: Any) -> None:
    """`monai.bundle run` with the overrides of MONAI Label: its datalists, and a loader of the weights there are."""
    parser = ConfigParser()
    parser.read_config(model / "configs" / "train.json")
    loader = {
        "_target_": "CheckpointLoader",
        "load_path": str(model / "models" / "model.pt"),
        "load_dict": {"model": "@network"},
    }
    run(run_id="run", config_file=str(model / "configs" / "train.json"), bundle_root=str(model),
        **{"train#dataset#data": training, "validate#dataset#data": validation, "train#trainer#max_epochs": 12, "device": "cpu",
           "train#handlers": [loader, *parser.get("train#handlers")], **more})  # fmt: skip


def overlap_of(model: Path, pair: dict[str, str]) -> float:
    """Dice of the liver as the server would answer."""
    answer = np.asarray(infer(model, Path(pair["image"]))["pred"])
    return dice(answer == 1, np.asarray(nib.load(pair["label"]).dataobj) == 1)


def test_the_archive_names_its_own_labels(model):
    metadata, training = (
        json.loads((model / "configs" / name).read_text()) for name in ("metadata.json", "train.json")
    )
    answer = metadata["network_data_format"]["outputs"]["pred"]
    assert answer["channel_def"] == {"0": "background", "1": "liver", "2": "heart"} and answer["num_channels"] == 3
    assert training["unsourced_labels"] == {"liver": 1, "heart": 2} and training["resume"] is False


def test_a_mask_is_that_of_monais_run(model, pairs, tmp_path):
    mask = infer(model, Path(pairs[0]["image"]))["pred"]
    run(config_file=str(model / "configs" / "inference.json"), bundle_root=str(model), dataset_dir=pairs[0]["image"],
        output_dir=str(tmp_path / "out"))  # fmt: skip
    np.testing.assert_array_equal(np.asarray(mask), np.asarray(nib.load(tmp_path / "out" / "0_mask.nii.gz").dataobj))


def test_training_with_the_servers_labels_raises_the_dice(model, pairs):
    before = overlap_of(model, pairs[2])
    train(model, pairs[:2], pairs[2:], steps_per_epoch=6, batch_size=1, crop_size=[64, 32, 32], decoder_learning_rate=0.01,
          cache_dir=str(model.parent / "cache"))  # fmt: skip
    after = overlap_of(model, pairs[2])
    assert after > 0.5 > before
    found = json.loads((model / "eval" / "metrics.json").read_text())
    assert found["cases"] == 1 and (model / "eval" / "report.html").is_file()


def test_training_without_a_case_to_judge_on(model, pairs):
    train(model, pairs[:1], [], steps_per_epoch=1, batch_size=1, crop_size=[64, 32, 32], cache_dir=str(model.parent / "cache"),
          **{"train#trainer#max_epochs": 1})  # fmt: skip
    assert "No case was held out" in (model / "eval" / "report.html").read_text()
