"""The bundles as they are handed out: copied, given weights, packaged, unpacked; and run by MONAI alone."""

from __future__ import annotations

import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import torch
from fixtures.small import UNEVEN
from server import clean_environment

from smart_nets.networks.encoder import SmartEncoder
from smart_nets.weights.build import build_classifier
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


def copy_bundles(folder: Path) -> Path:
    """The two bundles with stand-in weights: fresh ones, doubled, so that neither maps nor scores are even."""
    torch.manual_seed(0)
    for name, card in (("smart_zeroshot_seg", CARD), ("smart_lidc_classify", CARD | CLASSES)):
        shutil.copytree(
            ROOT / "bundles" / name, folder / name, ignore=shutil.ignore_patterns("models", "eval", "cache")
        )
        network = build_classifier(card) if "classes" in card else SmartEncoder(**UNEVEN)
        for weight in network.parameters():
            weight.data *= 2
        save_weights(network, folder / name / "models" / "model.pt", card)
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
