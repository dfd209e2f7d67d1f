"""The classification bundle as MONAI sees it: its properties, metadata and network, from any folder, on two processes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from monai.bundle import ConfigParser, create_workflow, verify_net_in_out

from smart_nets.weights.io import read_card

BUNDLE = Path(__file__).parents[2] / "bundles" / "smart_lidc_classify"
CONFIGS = BUNDLE / "configs"


@pytest.mark.parametrize("where", ["repository", "bundle", "elsewhere"])
@pytest.mark.parametrize("config", ["train.json", "evaluate.json", "inference.json"])
def test_the_bundle_finds_its_folder_from_anywhere(where, config, tmp_path, monkeypatch):
    monkeypatch.chdir({"repository": BUNDLE.parents[1], "bundle": BUNDLE, "elsewhere": tmp_path}[where])
    monkeypatch.setattr(sys, "path", [str(BUNDLE), *sys.path])  # as `run` does
    parser = ConfigParser()
    parser.read_config(str(CONFIGS / config))
    assert Path(parser.get_parsed_content("bundle_root")).resolve() == BUNDLE.resolve()


@pytest.mark.parametrize(
    ("overlays", "found", "name"),
    [
        ([], True, "fine-tuned"),
        (["linear_probe.json"], True, "linear probe"),
        (["from_scratch.json"], False, "from scratch"),
    ],
)
def test_our_own_pretraining_beside_the_bundle_is_started_from_unless_told_otherwise(
    overlays, found, name, tmp_path, encoder_file
):
    own = tmp_path / "smart_pretrain" / "models"
    own.mkdir(parents=True)
    (tmp_path / "smart_lidc_classify").mkdir()
    for file in ("model.pt", "model.json"):
        (own / file).write_bytes((encoder_file.parent / file).read_bytes())
    parser = ConfigParser()
    parser.read_config([str(CONFIGS / file) for file in ("train.json", *overlays)])
    parser["bundle_root"] = str(tmp_path / "smart_lidc_classify")
    weights = parser.get_parsed_content("encoder_weights")
    assert (weights is not None) is found and parser.get_parsed_content("name") == name
    if found:
        assert Path(weights).resolve() == (own / "model.pt").resolve()
    # what it is compared with sees the same: the card's spacing and window, not the preset's
    assert (parser.get_parsed_content("spacing"), parser.get_parsed_content("hu_window")) == ([3.0] * 3, [-1000, 400])


@pytest.mark.usefixtures("without_page")
def test_from_scratch_is_like_the_encoder_it_is_compared_with(quick, encoder_file, tmp_path):
    settings = {**quick, "like": str(encoder_file), "dataset_dir": None, "phantoms": 4}
    for name in ("default_card#architecture", "spacing", "hu_window", "pretrained"):
        del settings[name]
    parser = ConfigParser()
    parser.read_config([str(CONFIGS / file) for file in ("train.json", "from_scratch.json")])
    parser.update(settings)
    assert parser.get_parsed_content("encoder_weights") is None
    assert parser.get_parsed_content("architecture") == read_card(encoder_file)["architecture"]
    assert parser.get_parsed_content("facts#outside_card") == []
    parser["like"] = str(tmp_path / "missing.pt")
    with pytest.raises(RuntimeError) as caught:
        parser.get_parsed_content("card")
    assert "missing.pt" in str(caught.value.__cause__)


def test_monai_finds_every_property_of_training(quick, tmp_path):
    workflow = create_workflow(
        config_file=str(CONFIGS / "train.json"), workflow_type="train", bundle_root=str(BUNDLE), **quick
    )
    assert workflow.check_properties() == []


def test_monai_finds_every_property_of_inference(lesion_scans):
    workflow = create_workflow(
        config_file=str(CONFIGS / "inference.json"), workflow_type="infer", bundle_root=str(BUNDLE),
        dataset_dir=str(lesion_scans / "phantom-0000.nii.gz"), centre=[70.0, -206.0, -205.0],
    )  # fmt: skip
    assert workflow.check_properties() == []


def test_the_network_agrees_with_its_metadata(monkeypatch):
    monkeypatch.chdir(BUNDLE)
    verify_net_in_out(net_id="network_def", meta_file="configs/metadata.json", config_file="configs/inference.json")


def test_two_processes_train_through_torchrun(quick, tmp_path):
    """Batches are of one process: eight lesions are four a process, so the eight asked for become four."""
    overlay = f"['{CONFIGS / 'train.json'}','{CONFIGS / 'multi_gpu_train.json'}']"
    options = {**quick, "batch_size": 8, "max_epochs": 2, "output_dir": tmp_path / "out"}
    flags = [part for name, value in options.items() for part in (f"--{name}", str(value))]
    done = subprocess.run(
        [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc_per_node=2", "-m", "monai.bundle", "run",
         "--config_file", overlay, *flags],
        capture_output=True, text=True, env={**os.environ, "OMP_NUM_THREADS": "1"}, timeout=300,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    lines = (tmp_path / "out" / "eval" / "metrics.jsonl").read_text().splitlines()
    assert [json.loads(line)["step"] for line in lines] == [1, 2]  # rank 0 alone writes
    found = (tmp_path / "out" / "eval" / "predictions.csv").read_text().splitlines()
    assert len(found) == 9  # a header and eight held-out lesions, each once
    assert (tmp_path / "out" / "models" / "model.pt").is_file() and (
        tmp_path / "out" / "eval" / "report.html"
    ).is_file()
