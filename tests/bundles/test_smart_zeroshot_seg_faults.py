"""What is wrong with settings, scans, masks or weights is told in one sentence, before a model is made, and leaves nothing."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from monai.bundle import run

from smart_nets.errors import SmartError, cause
from smart_nets.networks.encoder import SmartEncoder
from smart_nets.phantom import ORGANS
from smart_nets.phantom.write import write_image
from smart_nets.weights.default_model import shipped_model
from smart_nets.weights.io import read_card, save_weights

BUNDLE = Path(__file__).parents[2] / "bundles" / "smart_zeroshot_seg"
CONFIGS = BUNDLE / "configs"
FAULTS = [
    ({"percentile": 0}, "percentile: must lie between 0 and 100"),
    ({"percentile": 100}, "percentile: must lie between 0 and 100"),
    ({"percentile": "high"}, "percentile: must lie between 0 and 100"),
    ({"region": "liver"}, "region: is not known (expected image or body or lungs, found liver)"),
    ({"components": -1}, "components: is no count"),
    ({"smallest_ml": -1}, "smallest_ml: is no volume"),
    ({"head": 99}, "head: no such head (expected 0 to 3, or none for the mean, found 99)"),
    ({"block": 9}, "block: no such attention block (expected -2 to 1, found 9)"),
    ({"overlap": 1}, "overlap: is no share (expected 0 to below 1, found 1)"),
    ({"overlap": "half"}, "overlap: is no share"),
    ({"spacing": 3}, "spacing: not a voxel size (expected 3 lengths in mm above 0, found 3)"),
    ({"spacing": [0, 0, 0]}, "spacing: not a voxel size"),
    ({"crop_size": 32}, "crop size: needs three sides"),
    ({"crop_size": [40, 32, 32]}, "crop sides do not fit the encoder (expected multiples of 32, such as 32 or 64"),
    ({"crop_size": [96, 96, 96]}, "is too small for this network (expected at least half of 768 x"),  # row 18
    ({"hu_window": [400, -1000]}, "window: a window needs low below high (found 400 to -1000 HU)"),
    ({"dataset_dir": "/no/such/folder"}, "/no/such/folder: does not exist"),
    ({"dataset_dir": "EMPTY"}, "holds no scans"),
    (
        {"model_path": "/no/such/model.pt"},
        "/no/such/model.pt: there are no weights here",
    ),  # none is made where one was named
    ({"model_path": "BARE"}, "bare.json: there is no card here"),
    ({"model_path": "WIDE"}, "wide.pt: does not fit this network"),  # row 57
    ({"model_path": "PLAIN"}, "encoder: has no attention to show"),
    ({"output_dir": "FILE"}, "file: cannot hold results"),
]
LOOKING = [
    ({"dataset_dir": "FILE"}, "file: is no image format that is read here"),
    ({"dataset_dir": "AIR"}, "air.nii.gz: shows no body"),
]
JUDGING = [
    ({"tumour_pattern": "heart"}, "no scan has the mask of a tumour beside it (expected a region like heart"),
    ({"tumour_pattern": "("}, "pattern: is no regular expression"),
    ({"dataset_dir": "AIR"}, "air.nii.gz: is no source of tumours"),
    ({"dataset_dir": "OTHER"}, "scan__tumour.nii.gz: label lies on another grid than its scan"),  # row 45
    ({"dataset_dir": "NONE"}, "there is no tumour to find: all masks are empty"),  # row 46
]
Refused = Callable[..., str]


@pytest.fixture
def refused(chest_model, chest_file, tumours, tmp_path) -> Refused:
    """Run a configuration, with settings that differ; returns the sentence it ends in. It leaves nothing behind."""

    def refused(config: str, **options: Any) -> str:
        source = chest_file if config == "inference.json" else tumours
        given = {
            "dataset_dir": str(source),
            "model_path": str(chest_model),
            "output_dir": str(tmp_path / "out"),
            **options,
        }
        before = [set(folder.rglob("*")) for folder in (tmp_path, BUNDLE)]
        with pytest.raises((RuntimeError, SmartError)) as caught:
            run(config_file=str(CONFIGS / config), **given)
        assert [set(folder.rglob("*")) for folder in (tmp_path, BUNDLE)] == before
        sentence = str(cause(caught.value))
        assert sentence.endswith(".") and "\n" not in sentence
        return sentence

    return refused


@pytest.fixture
def faulty(chest, chest_model, tmp_path) -> dict[str, str]:
    """Files and folders with faults, by name."""
    tumour = (chest.labels == ORGANS["nodule"]).astype("uint8")
    for name, mask in (("other", tumour[1:]), ("none", 0 * tumour)):
        write_image(chest.image, chest.affine, tmp_path / name / "scan.nii.gz")
        write_image(mask, chest.affine, tmp_path / name / "scan__tumour.nii.gz")
    noise = np.random.default_rng(0).integers(-1020, -1000, chest.image.shape).astype("int16")
    write_image(noise, chest.affine, tmp_path / "air.nii.gz")
    card = read_card(chest_model)
    small = {name: value for name, value in card["architecture"].items() if name != "name"}
    plain = {name: value for name, value in small.items() if not name.startswith("sa_")} | {"sa_stage": None}
    plain_card = {**card, "architecture": {"name": "SmartEncoder", **plain}}
    save_weights(SmartEncoder(**plain), tmp_path / "plain.pt", plain_card)
    save_weights(SmartEncoder(**{**small, "embed_dim": 24}), tmp_path / "wide.pt", card)
    shutil.copy(chest_model, tmp_path / "bare.pt")
    (tmp_path / "empty").mkdir()
    (tmp_path / "file").write_text("")
    names = {"FILE": "file", "EMPTY": "empty", "AIR": "air.nii.gz", "OTHER": "other", "NONE": "none"}
    names |= {"BARE": "bare.pt", "WIDE": "wide.pt", "PLAIN": "plain.pt"}
    return {name: str(tmp_path / path) for name, path in names.items()}


@pytest.mark.parametrize(
    ("config", "options", "says"),
    [("inference.json", *fault) for fault in FAULTS + LOOKING] + [("evaluate.json", *fault) for fault in FAULTS + JUDGING],
)  # fmt: skip
def test_faults_end_in_one_sentence_and_leave_nothing(refused, faulty, config, options, says):
    given = {name: faulty.get(value, value) if isinstance(value, str) else value for name, value in options.items()}
    assert says in refused(config, **given)


@pytest.mark.parametrize("config", ["inference.json", "evaluate.json"])
def test_without_own_and_without_shipped_weights_the_own_path_is_told(refused, tmp_path, config, monkeypatch):
    monkeypatch.setattr("smart_nets.weights.default_model.bundles_folder", lambda: tmp_path)  # an archive of one bundle
    root = tmp_path / "smart_zeroshot_seg"
    told = refused(config, bundle_root=str(root), model_path="$own_or_shipped(@bundle_root)")  # as the file says itself
    assert f"{root / 'models' / 'model.pt'}: there are no weights here" in told


@pytest.mark.parametrize("config", ["inference.json", "evaluate.json"])
@pytest.mark.parametrize(
    ("option", "says"),
    [({"percentile": 0}, "percentile: must lie"), ({"dataset_dir": "/no/such/folder"}, "does not exist")],
)
def test_what_cannot_be_looked_at_is_told_before_a_model_is_missed(refused, tmp_path, config, option, says):
    assert says in refused(config, model_path=str(tmp_path / "none.pt"), **option)


@pytest.mark.parametrize("config", ["inference.json", "evaluate.json"])
def test_own_weights_are_taken_with_their_card(chest_model, chest_file, tumours, tmp_path, config):
    """And not with the card that stands in where there are none, though the shipped encoder lies beside."""
    root = tmp_path / "smart_zeroshot_seg"
    shutil.copytree(chest_model.parent, root / "models")
    shutil.copytree(shipped_model().parent, tmp_path / "smart_pretrain" / "models")
    source = chest_file if config == "inference.json" else tumours
    run(config_file=str(CONFIGS / config), dataset_dir=str(source), bundle_root=str(root), output_dir=str(tmp_path / "out"),
        region="image", **({} if config == "inference.json" else {"random_encoders": 0}))  # fmt: skip
    name = {"inference.json": "attention.json", "evaluate.json": "localize.json"}[config]
    record = json.loads((tmp_path / "out" / name).read_text())
    told = record["scans"][0] if config == "inference.json" else record
    assert told["settings"]["spacing"] == [8.0, 8.0, 8.0]


def test_the_command_prints_the_sentence_and_fails(tmp_path):
    command = [sys.executable, "-m", "monai.bundle", "run", "--config_file", str(CONFIGS / "inference.json")]
    done = subprocess.run([*command, "--dataset_dri", "/my/cts"], capture_output=True, text=True, cwd=tmp_path)
    assert done.returncode == 1
    assert done.stderr.strip().splitlines()[-1].startswith("ConfigError: --dataset_dri: is no key")
    assert "perhaps --dataset_dir is meant" in done.stderr.strip().splitlines()[-1]
    assert not list(tmp_path.iterdir())
