"""What settings of a pretraining come to: the papers to the letter, minutes, weights to start from, the branch that is kept."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from monai.bundle import ConfigParser, run

from smart_nets.errors import ConfigError, cause
from smart_nets.phantom import make_dataset
from smart_nets.training import presets
from smart_nets.weights.default_model import shipped_model
from smart_nets.weights.io import read_card

CONFIGS = Path(__file__).parents[2] / "bundles" / "smart_pretrain" / "configs"
ARCHITECTURE = {
    "name": "SmartEncoder", "in_chans": 1, "embed_dim": 48, "depths": [2, 2, 8, 2], "num_heads": [4, 4, 8, 16],
    "window_size": 4, "drop_path_rate": 0.1, "sa_stage": 3, "sa_heads": 8, "layer_scale": 0.1, "sa_position": "none",
    "input_mean": 0.0, "input_std": 1.0, "init_gain": None, "use_checkpoint": False,
}  # fmt: skip
PAPER = {
    "architecture": ARCHITECTURE,
    "spacing": [2.0, 2.0, 2.0], "hu_window": [-175, 250], "crop_size": [128, 128, 128], "parent_crop": None,
    "zoom": [1.0, 1.0], "hu_gain": 0.0, "hu_offset": 0.0, "hu_noise": 0.0, "tissue": 0.0, "places": 1,
    "layer_scale": 0.1, "sa_position": "none", "pretrained": None,
    "mask_mode": "attentive", "mask_ratio": 0.7, "mask_share": 1.0, "guided_from": 0, "hint_ratio": 0.1, "hint": "top",
    "hint_pool": None, "mask_grid": "sa", "patch_drop_ratio": 0.7, "teacher_drop_grid": "sa", "teacher_fill": "mask_token",
    "attention_input": "noisy",
    "weight_amip": 1.0, "weight_ampd": 0.1, "weight_aitd": 0.1, "weight_gitd": 0.1, "weight_koleo": 0.0,
    "symmetric": True, "ampd_tokens": "hidden", "ampd_tap": "merged", "gitd_tap": "pooled",
    "image_tap": "merged", "image_stage": 4, "image_start": None,
    "patch_delay": 0, "head_layers": 3, "shared_head": False, "out_dim": 8192, "standardised_heads": [], "centring": "mean",
    "student_temperature": 0.1, "teacher_temperature": [0.04, 0.07, 30], "centre_momentum": 0.9,
    "max_epochs": 800, "batch_size": 8, "learning_rate": 0.0008, "min_lr": 1e-06, "warmup_epochs": 80,
    "weight_decay": [0.04, 0.4], "momentum": [0.996, 1.0], "clip_gradient": 3.0, "accumulation_steps": 1,
}  # fmt: skip


@pytest.fixture(scope="module")
def scans(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("scans")
    make_dataset(folder, 2, spacing=(4.0, 4.0, 4.0))
    return folder


def configured(*overlays: str, **settings: Any) -> ConfigParser:
    """train.json with overlays and settings, as `python -m monai.bundle run` puts them together; nothing is trained."""
    parser = ConfigParser(ConfigParser.load_config_files([str(CONFIGS / name) for name in ("train.json", *overlays)]))
    parser.update(settings)
    return parser


def test_paper_json_is_the_paper_to_the_letter(scans):
    parser = configured("paper.json", preset="base", dataset_dir=str(scans))
    assert {name: parser.get_parsed_content(name) for name in PAPER} == PAPER
    own = json.loads((CONFIGS / "paper.json").read_text()).keys() - {"_what_to_run_"}
    assert own <= PAPER.keys()
    network = parser.get_parsed_content("co_distillation")
    assert network.weights == {"amip": 1.0, "ampd": 0.1, "aitd": 0.1, "gitd": 0.1}
    assert (network.taps.image_stage, network.drop_grid, network.attention_input) == (4, "sa", "noisy")


def test_paper_json_changes_what_base_decided_otherwise(scans):
    parser = configured(preset="base", dataset_dir=str(scans), max_epochs=800)
    base = {name: parser.get_parsed_content(name) for name in PAPER}
    changed = {name for name, value in PAPER.items() if base[name] != value}
    assert changed == {
        "architecture", "layer_scale", "guided_from", "teacher_drop_grid", "weight_koleo", "image_stage", "image_start",
        "standardised_heads", "centring",
    }  # fmt: skip


@pytest.mark.parametrize(("minutes", "epochs"), [(1, 10), (0.01, 1)])
def test_minutes_become_epochs_and_schedules_stretch(scans, monkeypatch, minutes, epochs):
    monkeypatch.setattr(presets, "seconds_of_step", lambda *_: 2.0 / presets.SPARE)
    parser = configured(preset="tiny", dataset_dir=str(scans), visits_per_epoch=3, batch_size=2, minutes=minutes)
    assert parser.get_parsed_content("steps_per_epoch") == 3  # 6 s
    assert parser.get_parsed_content("max_epochs") == epochs
    tiny = parser["presets"]["tiny"]
    for name in ("warmup_epochs", "guided_from"):
        assert parser.get_parsed_content(name) == pytest.approx(tiny[name] * epochs / tiny["max_epochs"])
    assert parser.get_parsed_content("facts")["settings"]["max_epochs"] == epochs


def test_minutes_are_measured_here(scans):
    """On this machine, whatever its speed: thousand times the minutes are thousand times the epochs."""
    options = {
        "preset": "tiny",
        "dataset_dir": str(scans),
        "visits_per_epoch": 2,
        "batch_size": 2,
        "places": 1,
        "out_dim": 64,
    }
    few, many = (configured(**options, minutes=m).get_parsed_content("max_epochs") for m in (1, 1000))
    assert isinstance(few, int) and few >= 1 and 100 * few < many < 10_000 * few


def test_no_minutes(scans):
    with pytest.raises((RuntimeError, ConfigError)) as caught:
        configured(preset="tiny", dataset_dir=str(scans), minutes=0).get_parsed_content("max_epochs")
    assert "minutes: is no time" in str(cause(caught.value))


def test_pretrained_weights_are_those_of_student_and_teacher():
    weights = shipped_model()
    network = configured(preset="small", pretrained=str(weights)).get_parsed_content("co_distillation")
    saved = torch.load(weights, weights_only=True)
    fresh = configured(preset="small").get_parsed_content("co_distillation").student.encoder.state_dict()
    assert sum(not torch.equal(value, fresh[name]) for name, value in saved.items()) > len(saved) / 2
    for branch in (network.student, network.teacher):
        found = branch.encoder.state_dict()
        assert found.keys() == saved.keys()
        assert all(torch.equal(found[name], value) for name, value in saved.items())


def test_the_default_card_is_that_of_the_shipped_encoder():
    """With which `network_def` builds where there are no weights."""
    card = read_card(shipped_model())
    for bundle in ("smart_pretrain", "smart_zeroshot_seg"):
        file = CONFIGS.parents[1] / bundle / "configs" / "inference.json"
        default = json.loads(file.read_text())["default_card"]
        assert default["architecture"].items() <= card["architecture"].items()
        assert {name: card[name] for name in default if name != "architecture"} == {
            name: value for name, value in default.items() if name != "architecture"
        }


@pytest.mark.parametrize("branch", ["student", "teacher"])
def test_the_branch_that_is_kept(scans, tmp_path, branch):
    run(
        config_file=str(CONFIGS / "train.json"), dataset_dir=str(scans), output_dir=str(tmp_path), preset="tiny",
        max_epochs=1, visits_per_epoch=2, batch_size=2, places=1, organ_patients=2, out_dim=64, probe_size=[32, 32, 32],
        saved_branch=branch, **{"architecture#depths": [1, 1, 1, 1]},
    )  # fmt: skip
    state = torch.load(tmp_path / "eval" / "training_state.pt", weights_only=True)["network"]
    saved = torch.load(tmp_path / "models" / "model.pt", weights_only=True)
    other = {"student": "teacher", "teacher": "student"}[branch]
    assert all(torch.equal(value, state[f"{branch}.encoder.{name}"]) for name, value in saved.items())
    assert any(not torch.equal(value, state[f"{other}.encoder.{name}"]) for name, value in saved.items())
