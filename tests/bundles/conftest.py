"""What tests of the bundles share: patients with nodules and one short training run on them; coarse ones with tumours."""

from __future__ import annotations

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from fixtures.small import UNEVEN
from monai.bundle import run

from smart_nets.networks.encoder import SmartEncoder
from smart_nets.phantom import ORGANS, Phantom, make_dataset, make_phantom, write_dicom
from smart_nets.phantom.write import write_image
from smart_nets.training.report import Report
from smart_nets.weights.build import build_classifier
from smart_nets.weights.io import save_weights

CONFIGS = Path(__file__).parents[2] / "bundles" / "smart_lidc_classify" / "configs"
PATIENTS, SPACING, NODULES = 4, (4.0, 4.0, 4.0), 4
QUICK = {
    "preset": "tiny", "max_epochs": 1, "batch_size": 4, "crop_size": [32, 32, 32], "margin": 2, "spacing": [3.0, 3.0, 3.0],
    "hu_window": [-1000, 400], "folds": 2, "num_workers": 0, "learning_rate": 0.001, "head_learning_rate": 0.05,
    "pretrained": "none", "like": "$None", "feature": "cls", "default_card#architecture": {"name": "SmartEncoder", **UNEVEN},
}  # fmt: skip

Run = Callable[..., Path]


@pytest.fixture(scope="session")
def lesion_scans(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of four patients with four nodules each, and their lesions.csv."""
    folder = tmp_path_factory.mktemp("lesions")
    make_dataset(folder, PATIENTS, spacing=SPACING, nodules=NODULES, region="chest")
    return folder


@pytest.fixture(scope="session")
def dicom_scan(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The first of the four patients as a folder of DICOM files."""
    phantom = make_phantom(0, SPACING, NODULES, "chest")
    return write_dicom(phantom, tmp_path_factory.mktemp("dicom"))


@pytest.fixture(scope="session")
def lesion_cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(scope="session")
def quick(lesion_scans: Path, lesion_cache: Path) -> dict[str, Any]:
    """Settings of a training run that takes two seconds."""
    return {**QUICK, "dataset_dir": str(lesion_scans / "lesions.csv"), "cache_dir": str(lesion_cache)}


@pytest.fixture(scope="session")
def train(quick: dict[str, Any]) -> Run:
    """A function that trains: output folder, overlays, and settings that differ from `quick`."""

    def train(output: Path, *overlays: str, **options: Any) -> Path:
        files = [str(CONFIGS / name) for name in ("train.json", *overlays)]
        run(
            config_file=files, output_dir=str(output), **copy.deepcopy({**quick, **options})
        )  # MONAI changes tables in place
        return output

    return train


@pytest.fixture(scope="session")
def classifier(train: Run, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The output folder of one short training run."""
    torch.manual_seed(0)
    return train(tmp_path_factory.mktemp("classifier"))


@pytest.fixture
def without_page(monkeypatch: pytest.MonkeyPatch) -> None:
    """Training ends without report.html, which takes longer than such a short run; for tests that do not read it."""
    monkeypatch.setattr(Report, "write", lambda report, engine: None)


@pytest.fixture
def encoder_file(tmp_path: Path) -> Path:
    """Weights and card of a pretrained encoder."""
    path = tmp_path / "pretrained" / "model.pt"
    encoder = SmartEncoder(**UNEVEN)  # type: ignore[arg-type]
    card = {"architecture": {"name": "SmartEncoder", **UNEVEN}, "spacing": [3.0] * 3, "hu_window": [-1000, 400]}
    save_weights(encoder, path, {**card, "epochs": 7, "data": {"used": 9}})
    return path


COARSE = (7.0, 8.0, 9.0)  # mm


@pytest.fixture(scope="session")
def chest() -> Phantom:
    """A patient of coarse voxels with one tumour."""
    return make_phantom(0, COARSE, region="chest", task="response")


@pytest.fixture(scope="session")
def chest_file(chest: Phantom, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_image(chest.image, chest.affine, tmp_path_factory.mktemp("nifti") / "scan.nii.gz")


@pytest.fixture(scope="session")
def tumours(chest: Phantom, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of two patients with their tumours beside them."""
    folder = tmp_path_factory.mktemp("tumours")
    for number, one in enumerate((chest, make_phantom(1, COARSE, region="chest", task="response"))):
        write_image(one.image, one.affine, folder / f"patient{number}.nii.gz")
        write_image(
            (one.labels == ORGANS["nodule"]).astype("uint8"), one.affine, folder / f"patient{number}__tumour.nii.gz"
        )
    return folder


@pytest.fixture(scope="session")
def uneven() -> Callable[..., Path]:
    """Write weights and card, of a network for windows of 256 mm; fresh weights are doubled, so that attention is not even."""

    def uneven(path: Path, **changed: Any) -> Path:
        torch.manual_seed(0)
        card = {
            "architecture": {"name": "SmartEncoder", **UNEVEN}, "crop_size": [32] * 3, "spacing": [8.0] * 3,
            "hu_window": [-1000, 400], **changed,
        }  # fmt: skip
        network = build_classifier(card) if "classes" in card else SmartEncoder(**UNEVEN)  # type: ignore[arg-type]
        for weight in network.parameters():
            weight.data *= 2
        save_weights(network, path, card)
        return path

    return uneven


@pytest.fixture(scope="session")
def chest_model(uneven: Callable[..., Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Weights and card of an encoder that looks at these patients."""
    return uneven(tmp_path_factory.mktemp("models") / "model.pt")
