"""What MONAI itself asks of the segmentation bundle: properties, metadata, two processes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from monai.bundle import create_workflow, verify_net_in_out

from smart_nets.phantom import make_phantom
from smart_nets.phantom.write import write_image

BUNDLE = Path(__file__).parents[2] / "bundles" / "smart_segment"
CONFIGS = BUNDLE / "configs"
SPACING = (8.0, 8.0, 8.0)


@pytest.fixture(scope="module")
def pairs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of four coarse patients and their livers, side by side."""
    folder = tmp_path_factory.mktemp("pairs")
    for seed in range(4):
        one = make_phantom(seed, SPACING, 0)
        write_image(one.image, one.affine, folder / "images" / f"{seed}.nii.gz")
        write_image((one.labels == 7).astype("uint8"), one.affine, folder / "labels" / f"{seed}.nii.gz")
    return folder


def test_monai_finds_every_property_of_training(pairs, tmp_path):
    workflow = create_workflow(
        config_file=str(CONFIGS / "train.json"), workflow_type="train", bundle_root=str(BUNDLE), dataset_dir=str(pairs),
        labels={"liver": 1}, cache_dir=str(tmp_path), folds=2,
    )  # fmt: skip
    assert workflow.check_properties() == []


def test_monai_finds_every_property_of_inference(pairs):
    workflow = create_workflow(
        config_file=str(CONFIGS / "inference.json"), workflow_type="infer", bundle_root=str(BUNDLE),
        dataset_dir=str(pairs / "images" / "0.nii.gz"),
    )  # fmt: skip
    assert workflow.check_properties() == []


def test_the_network_agrees_with_its_metadata(monkeypatch):
    monkeypatch.chdir(BUNDLE)
    verify_net_in_out(
        net_id="network_def", meta_file="configs/metadata.json", config_file="configs/inference.json", p=2, n=2,
        any=64, card="@default_card",
    )  # fmt: skip


def test_two_processes_train_through_torchrun(pairs, tmp_path):
    overlay = f"['{CONFIGS / 'train.json'}','{CONFIGS / 'multi_gpu_train.json'}']"
    options = {
        "dataset_dir": pairs, "labels": "{'liver': 1}", "folds": 2, "preset": "tiny", "spacing": "[8,8,8]", "batch_size": 1,
        "crop_size": "[64,32,32]", "presets#tiny#max_epochs": 1, "steps_per_epoch": 2, "output_dir": tmp_path / "out",
        "cache_dir": tmp_path / "cache", "pretrained": "none",
    }  # fmt: skip
    flags = [part for name, value in options.items() for part in (f"--{name}", str(value))]
    done = subprocess.run(
        [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc_per_node=2", "-m", "monai.bundle", "run",
         "--config_file", overlay, *flags],
        capture_output=True, text=True, env={**os.environ, "OMP_NUM_THREADS": "1"}, timeout=300,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    lines = (tmp_path / "out" / "eval" / "metrics.jsonl").read_text().splitlines()
    assert [json.loads(line)["step"] for line in lines] == [1, 2]  # rank 0 alone writes
    assert json.loads((tmp_path / "out" / "eval" / "metrics.json").read_text())["cases"] == 2
    assert (tmp_path / "out" / "models" / "model.pt").is_file()
