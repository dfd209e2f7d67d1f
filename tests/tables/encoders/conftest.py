"""Five encoders that can stand in one table, and small data to compare them on."""

from __future__ import annotations

from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
import torch
from fixtures.foreign import CARD, write_card
from fixtures.small import SAVED

from smart_nets.networks.encoder import SmartEncoder
from smart_nets.weights.io import save_weights

MODULE = """
from monai.networks.nets import SwinUNETR

def fresh():
    return SwinUNETR(1, 1, feature_size=12, depths=(1, 1, 1, 1), num_heads=(1, 1, 2, 2), use_v2=True,
                     downsample="mergingv2").swinViT
"""


@pytest.fixture
def five(tmp_path, video_folder, monkeypatch) -> tuple[str, str]:
    """What --models and --cards say of ours, theirs, SwinUNETR, random and raw."""
    fed = {name: CARD[name] for name in ("spacing", "crop_size", "hu_window")}
    torch.manual_seed(0)
    save_weights(
        SmartEncoder(**SAVED), tmp_path / "model.pt", {"architecture": {"name": "SmartEncoder", **SAVED}, **fed}
    )
    folder = video_folder(tmp_path / "video")
    (tmp_path / "fresh_swin.py").write_text(MODULE)
    card = write_card(tmp_path / "swin.json", feature="-1", stride=32)
    monkeypatch.syspath_prepend(str(tmp_path))
    models = f"ours={tmp_path / 'model.pt'},theirs=hf:{folder},swin=fresh_swin:fresh,random,raw"
    return models, f"swin={card}"


@pytest.fixture
def boxes(tmp_path) -> Path:
    """Two organs in four scans, told apart by their texture and brightness."""
    rng = np.random.default_rng(0)
    organs, scans = np.array(["liver", "lung"] * 4), np.repeat([*"pqrs"], 2)
    hu = np.where(organs == "lung", -700, 50)[:, None, None, None] + rng.normal(0, 80, (8, 46, 46, 46))
    path = tmp_path / "boxes.npz"
    np.savez(path, x=hu.astype(np.int16), organ=organs, scan=scans, spacing=np.array([2.0] * 3), orientation="RAS")
    return path


@pytest.fixture
def lesions(tmp_path) -> Path:
    """Twelve patients with a lesion each; those of class 1 are brighter, and larger."""
    lines = ["patient_id,image,label,x,y,z,diameter_mm"]
    for number in range(12):
        rng = np.random.default_rng(number)
        label = number % 2
        scan = rng.normal(-300, 200, (40, 40, 40)).astype(np.int16)
        scan[:2] = -1000
        scan[12:28, 12:28, 12:28] += 150 * label
        nib.save(nib.Nifti1Image(scan, np.diag([2.0, 2, 2, 1])), tmp_path / f"{number}.nii.gz")
        lines.append(f"Patient{number:02d},{number}.nii.gz,{label},40,40,40,{6 + 8 * label + number / 4}")
    (tmp_path / "lesions.csv").write_text("\n".join(lines))
    return tmp_path / "lesions.csv"


@pytest.fixture
def tumours(tmp_path) -> Path:
    """Three scans of a box of tissue with a bright ball in it, and the mask of the ball beside each."""
    folder = tmp_path / "tumours"
    folder.mkdir()
    grid = np.indices((44, 44, 44)).transpose(1, 2, 3, 0)
    for number in range(3):
        rng = np.random.default_rng(number)
        scan = np.full((44, 44, 44), -1000, np.int16)
        scan[4:40, 4:40, 4:40] = rng.normal(0, 60, (36, 36, 36))
        ball = ((grid - [18 + 2 * number, 22, 22]) ** 2).sum(-1) < 25
        scan[ball] += 200
        for name, array in ((f"{number}.nii.gz", scan), (f"{number}__tumour.nii.gz", ball.astype(np.uint8))):
            nib.save(nib.Nifti1Image(array, np.diag([2.0, 2, 2, 1])), folder / name)
    return folder
