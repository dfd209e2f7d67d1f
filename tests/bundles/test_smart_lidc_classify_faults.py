"""What is wrong with settings, lesions or weights is told in one sentence before anything is trained."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from fixtures.small import SAVED
from monai.bundle import run

from smart_nets.errors import SmartError, cause
from smart_nets.networks.encoder import SmartEncoder
from smart_nets.weights.io import save_weights

CONFIGS = Path(__file__).parents[2] / "bundles" / "smart_lidc_classify" / "configs"
PLAIN = SAVED | {"sa_stage": None}
COLUMNS = ["patient_id", "image", "label", "x", "y", "z", "diameter_mm"]

Cells = dict[str, str]


@pytest.fixture
def table(lesion_scans, tmp_path) -> Callable[..., str]:
    """Write lesions.csv again, each row changed by a function of its number and cells; columns may be added."""

    def write(change: Callable[[int, Cells], Cells]) -> str:
        lines = (lesion_scans / "lesions.csv").read_text().splitlines()[1:]
        rows = [dict(zip(COLUMNS, line.split(","), strict=True)) for line in lines]
        rows = [change(number, {**row, "image": str(lesion_scans / row["image"])}) for number, row in enumerate(rows)]
        text = "\n".join(",".join(row.values()) for row in rows)
        (tmp_path / "lesions.csv").write_text(",".join(rows[0]) + "\n" + text)
        return str(tmp_path / "lesions.csv")

    return write


def refused(train, output: Path, **options) -> str:
    """The sentence that a run ends in; it must end before its first step."""
    with pytest.raises((RuntimeError, SmartError)) as caught:
        train(output, **options)
    assert not (output / "eval" / "metrics.jsonl").exists() and not (output / "models").exists()
    return str(cause(caught.value))


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"preset": "huge"}, "preset: is not known (expected auto or tiny or base, found huge)"),
        ({"feature": "mean"}, "feature: is not known (expected cls or pooled, found mean)"),
        ({"crop_size": [40, 32, 32]}, "multiples of 32, such as 32 or 64, found 40 x 32 x 32"),
        ({"crop_size": 32}, "crop size: needs three sides (expected [32, 32, 32], found 32)"),
        ({"spacing": 2}, "spacing: is no voxel size"),
        (
            {"hu_window": [400, -1000]},
            "hu_window: is no window (expected [low, high] in HU, low below high, found [400, -1000])",
        ),
        ({"classes": ["benign", "malignant", "unclear"]}, "labels: a class does not occur (expected all of 0 to 2"),
        ({"classes": ["malignant"]}, "classes: a classifier needs two classes or more"),
        ({"fold": 3, "folds": 3}, "fold: there is no such fold (expected 0 to 2, found 3)"),
        ({"folds": 1}, "cannot make that many folds (expected 2 to 4"),
        ({"folds": 4}, "held-out lesions: too few patients for an interval (expected 2 or more, found 1)"),
        ({"split_mode": "random"}, "split mode: is not known"),
        ({"split_mode": "column"}, "column split: 16 of 16 lesions have no split"),
        ({"train_fraction": 25}, "fraction: is no share (expected above 0, up to 1, found 25)"),
        ({"train_fraction": 0.1}, "take a larger fraction"),
        ({"autocast": "fp16"}, "autocast: is not known (expected bf16 or off, found fp16)"),
        ({"max_epochs": 0}, "max_epochs: is no count (expected a whole number from 1"),
        ({"pretrained": "/no/such/model.pt"}, "/no/such/model.pt: there are no weights here"),
        ({"dataset_dir": "/no/such/folder"}, "/no/such/folder: is no source of lesions"),
        ({"dataset_dir": None, "phantom_task": "cancer"}, "task: is not known (expected malignancy or response"),
        ({"dataset_dir": None, "phantoms": 0}, "count: cannot make that many phantoms"),
    ],
)
def test_settings(options, says, train, tmp_path):
    assert says in refused(train, tmp_path / "out", **options)


@pytest.mark.parametrize(
    ("change", "options", "says"),
    [
        (lambda n, row: {**row, "label": "2" if n == 5 else row["label"]}, {},
         "line 7, column label: no such class (expected 0 to 1, found 2)"),
        (lambda n, row: {**row, "label": "1"}, {}, "label: there is only one class"),
        (lambda n, row: {**row, "label": "malignant"}, {}, "line 2, column label: cell is no number"),
        (lambda n, row: {**row, "image": "none.nii.gz"}, {}, "line 2, column image: file does not exist"),
        (lambda n, row: {**row, "x": "900"}, {}, "phantom-0000.nii.gz: lesion lies outside its scan"),
        (lambda n, row: {**row, "diameter_mm": "-3"}, {}, "line 2, column diameter_mm: cell is no length"),
        (lambda n, row: {name: cell for name, cell in row.items() if name != "label"}, {}, "column label is missing"),
        (lambda n, row: {name: cell for name, cell in row.items() if name != "z"}, {}, "a centre needs the columns x, y and z"),
        (lambda n, row: {**row, "split": "train" if n % 4 else "val"}, {"split_mode": "column"}, "share 4 patients"),
        (lambda n, row: {**row, "split": "train"}, {"split_mode": "column"}, "validation: has no scans"),
        (lambda n, row: {**row, "split": "val" if n > 11 else "train"}, {"split_mode": "column"},
         "held-out lesions: too few patients for an interval"),
        (lambda n, row: {**row, "patient_id": f"p{n}"}, {}, "one scan is of two patients"),
    ],
)  # fmt: skip
def test_tables(change, options, says, table, train, tmp_path):
    assert says in refused(train, tmp_path / "out", dataset_dir=table(change), **options)


def test_an_empty_mask(table, lesion_scans, train, tmp_path):
    scan = nib.load(lesion_scans / "phantom-0000.nii.gz")
    nib.save(nib.Nifti1Image(np.zeros(scan.shape, np.uint8), scan.affine), tmp_path / "empty.nii.gz")

    def masked(number: int, row: Cells) -> Cells:
        first = number == 0  # the others keep their centres
        place = dict.fromkeys("xyz", "") if first else {}
        return {**row, **place, "mask": str(tmp_path / "empty.nii.gz") if first else ""}

    assert "empty.nii.gz: lesion mask is empty" in refused(train, tmp_path / "out", dataset_dir=table(masked))


def test_encoders_that_do_not_fit(train, encoder_file, tmp_path):
    save_weights(
        SmartEncoder(**PLAIN),
        tmp_path / "plain.pt",
        {"architecture": {"name": "SmartEncoder", **PLAIN}, "spacing": [3.0] * 3, "hu_window": [-1000, 400]},
    )
    plain = {"pretrained": str(tmp_path / "plain.pt")}
    assert "the encoder has no [CLS] token" in refused(train, tmp_path / "a", **plain)
    told = refused(train, tmp_path / "b", **plain, feature="pooled", restart_attention=True)
    assert "restart_attention: there is no semantic attention to restart" in told
    encoder_file.write_bytes(encoder_file.read_bytes()[:2000])
    assert "cannot be read as weights" in refused(train, tmp_path / "c", pretrained=str(encoder_file))


def test_the_multi_gpu_overlay_says_that_it_needs_torchrun(quick, tmp_path, monkeypatch):
    monkeypatch.delenv("LOCAL_RANK", raising=False)
    files = [str(CONFIGS / name) for name in ("train.json", "multi_gpu_train.json")]
    with pytest.raises((RuntimeError, SmartError)) as caught:
        run(config_file=files, output_dir=str(tmp_path), **quick)
    assert "this overlay runs under torchrun only" in str(cause(caught.value))


def test_the_command_prints_the_sentence_and_fails(tmp_path):
    overlay = f"['{CONFIGS / 'train.json'}','{CONFIGS / 'linear_probe.json'}']"
    command = [
        sys.executable,
        "-m",
        "monai.bundle",
        "run",
        "--config_file",
        overlay,
        "--dataset_dri",
        "/my/lesions.csv",
    ]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path)
    assert done.returncode == 1
    assert done.stderr.strip().splitlines()[-1].startswith("ConfigError: --dataset_dri: is no key")
    assert "perhaps --dataset_dir is meant" in done.stderr.strip().splitlines()[-1]
    assert not list(tmp_path.iterdir())
