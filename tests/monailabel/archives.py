"""The bundles as they are handed out: copied, given weights, packaged, unpacked; and run by MONAI alone."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import torch
from fixtures.small import UNEVEN
from server import clean_environment

from smart_nets.networks.encoder import SmartEncoder
from smart_nets.weights.build import build_classifier, build_segmenter
from smart_nets.weights.io import save_weights

ROOT = Path(__file__).parents[2]
LIMIT = 600  # seconds
CARD = {
    "architecture": {"name": "SmartEncoder", **UNEVEN},
    "crop_size": [32] * 3,
    "spacing": [6.0] * 3,
    "hu_window": [-1000, 400],
}
CLASSES = {"feature": "cls", "classes": ["benign", "malignant"]}
OUTLINES = {"kind": "segmenter", "labels": {"liver": [1], "heart": [2]}, "crop_size": [64, 32, 32]}
QUICK = {"steps_per_epoch": 8, "batch_size": 1, "crop_size": [64, 32, 32], "decoder_learning_rate": 0.01}  # of training


def copy_bundles(folder: Path) -> Path:
    """The bundles with stand-in weights: fresh ones, doubled, so that neither maps nor scores are even."""
    torch.manual_seed(0)
    cards = {"smart_zeroshot_seg": CARD, "smart_lidc_classify": CARD | CLASSES, "smart_segment": CARD | OUTLINES}
    for name, card in cards.items():
        shutil.copytree(
            ROOT / "bundles" / name, folder / name, ignore=shutil.ignore_patterns("models", "eval", "cache")
        )
        network = build_classifier(card) if "classes" in card else SmartEncoder(**UNEVEN)
        if "labels" in card:
            network = build_segmenter(card)
        for weight in network.parameters():
            weight.data *= 2
        save_weights(network, folder / name / "models" / "model.pt", card)
    train = folder / "smart_segment" / "configs" / "train.json"
    train.write_text(json.dumps(json.loads(train.read_text()) | QUICK))
    return folder


def package(bundles: Path, output_dir: Path, *names: str) -> subprocess.CompletedProcess[str]:
    """`python -m smart_nets zoo package`, in the repository."""
    command = [sys.executable, "-m", "smart_nets", "zoo", "package", "--output_dir", str(output_dir), "--bundles", str(bundles),
               "--names", ",".join(names)]  # fmt: skip
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=LIMIT)


def unpack(archives: Path, name: str, folder: Path) -> None:
    """Put NAME_vVERSION.zip into `folder`/NAME."""
    (archive,) = archives.glob(f"{name}_v*.zip")
    with zipfile.ZipFile(archive) as file:
        file.extractall(folder)


def bundle_run(bundle: Path, output_dir: Path, **options: object) -> Path:
    """`python -m monai.bundle run` on the inference.json of an unpacked archive, which brings all code itself."""
    command = [sys.executable, "-m", "monai.bundle", "run", "--config_file", str(bundle / "configs" / "inference.json"),
               "--bundle_root", str(bundle), "--output_dir", str(output_dir)]  # fmt: skip
    for name, value in options.items():
        command += [f"--{name}", str(value)]
    done = subprocess.run(
        command, cwd=bundle.parent, env=clean_environment(), capture_output=True, text=True, timeout=LIMIT
    )
    assert done.returncode == 0, done.stderr[-600:]
    return output_dir
