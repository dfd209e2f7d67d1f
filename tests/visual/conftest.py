"""Run folders as training leaves them, with numbers and pictures made up by formulas."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter, zoom

ENTROPY = {"ampd": 0.62, "aitd": 0.45, "gitd": 0.5}  # end of the run, as a share of ln K
KNN = {"low": 0.35, "high": 0.47, "crops": 330, "classes": 11, "patients": 30}


class MakeRun(Protocol):
    def __call__(self, steps: int = ..., crops: int = ..., **about: Any) -> Path: ...


@pytest.fixture
def make_run(tmp_path: Path) -> MakeRun:
    """A function that writes a run folder; crops=0 leaves the snapshots out, about replaces entries of run.json."""

    def make(steps: int = 60, crops: int = 1, **about: Any) -> Path:
        folder = tmp_path / "run"
        folder.mkdir(exist_ok=True)
        write_metrics(folder / "metrics.jsonl", steps)
        (folder / "run.json").write_text(json.dumps({**RUN, **about}))
        if crops:
            write_snapshots(folder / "snapshots.npz", np.stack([blobs(seed, 32) for seed in range(crops)]))
        return folder

    return make


def write_metrics(path: Path, steps: int, out_dim: int = 8192) -> None:
    rng = np.random.default_rng(0)
    with path.open("w") as file:
        for step in range(1, steps + 1):
            done, noise = step / steps, rng.normal(size=6)
            uniform, warm = math.log(out_dim), min(1.0, done / 0.1)
            fall = math.exp(-5 * done)
            line = {
                "amip": 0.075 + 0.18 * fall + 0.008 * noise[0],
                "ampd": uniform * (0.62 + 0.38 * fall) + 0.2 + 0.12 * noise[1],
                "aitd": uniform * (0.5 + 0.5 * fall) + 0.2 + 0.25 * noise[2],
                "gitd": uniform * (0.55 + 0.45 * fall) + 0.2 + 0.2 * noise[3],
            }
            line["loss"] = line["amip"] + 0.1 * (line["ampd"] + line["aitd"] + line["gitd"])
            file.write(json.dumps({
                "step": step, "epoch": 1 + (step - 1) * 40 // steps, **line,
                "teacher_entropy": {name: uniform * (end + (0.87 - end) * math.exp(-4 * done)) + 0.05 * noise[4]
                                    for name, end in ENTROPY.items()},
                "mask_overlap": 0.72 + 0.12 * done + 0.02 * noise[5],
                "lr": 8e-4 * warm * (0.5 + 0.5 * math.cos(math.pi * done)),
                "weight_decay": 0.4 - 0.18 * (1 + math.cos(math.pi * done)),
                "momentum": 1 - 0.002 * (1 + math.cos(math.pi * done)),
                "teacher_temperature": 0.04 + 0.03 * min(1.0, done / 0.3),
                "grad_norm": 1.2 + 3 * fall + abs(noise[4]), "seconds": 2.4 + 0.1 * abs(noise[5]),
            }) + "\n")  # fmt: skip


def write_snapshots(path: Path, image: np.ndarray, grid: int = 8) -> None:
    """image (n, D, H, W) in [0, 1]; the painting is the blurred image, attention prefers busy cells."""
    n, side = len(image), image.shape[1]
    rng = np.random.default_rng(1)
    blurred = np.stack([gaussian_filter(one, side / 40) for one in image])
    cell = side // grid
    busy = blurred.reshape(n, grid, cell, grid, cell, grid, cell).std(axis=(2, 4, 6))  # (n, D, H, W) -> (n, g, g, g)
    busy = (busy + 0.02 * rng.random(busy.shape)) ** 1.5
    after = busy / busy.mean(axis=(1, 2, 3), keepdims=True)
    rank = after.reshape(n, -1).argsort(1).argsort(1).reshape(after.shape)
    total = grid**3
    np.savez(
        path,
        image=image,
        mask=(rank >= total - int(0.7 * total)) & (rank < total - int(0.1 * total)),
        dropped=rng.random(after.shape) < 0.7,
        reconstruction=np.clip(blurred + 0.03 * rng.normal(size=image.shape), 0, 1),
        attention_before=1 + 0.08 * rng.normal(size=after.shape),
        attention_after=after,
        spacing=np.array([2.0, 2.0, 2.0]),
    )


def blobs(seed: int, side: int) -> np.ndarray:
    """A smooth random volume (side, side, side) in [0, 1] with a dark outside."""
    rng = np.random.default_rng(seed)
    coarse = zoom(rng.random((6, 6, 6)), side / 6, order=3)[:side, :side, :side]
    x = np.linspace(-1, 1, side)
    body = x[:, None, None] ** 2 + (1.4 * x[None, :, None]) ** 2 + 0.1 * x**2 < 0.8
    return np.clip(coarse, 0, 1) * body


RUN: dict[str, Any] = {
    "title": "SMART pretraining",
    "preset": "base",
    "settings": {
        "learning_rate": 8e-4, "batch_size": 8, "max_epochs": 40, "warmup_epochs": 4, "mask_ratio": 0.7,
        "hint_ratio": 0.1, "patch_drop_ratio": 0.7, "weights": {"amip": 1.0, "ampd": 0.1, "aitd": 0.1, "gitd": 0.1},
        "attention_input": "noisy", "symmetric": True, "seed": 123, "dataset_dir": "/home/doctor/cohorts/chest_ct",
    },
    "versions": {"python": "3.11.9", "torch": "2.13.0", "monai": "1.6.1", "pytorch-ignite": "0.5.5"},
    "hardware": "1 x NVIDIA A100",
    "data": {"source": "/home/doctor/cohorts/chest_ct", "given": 130, "used": 120, "rejected": 10,
             "manifest_sha256": "6f1ed002ab5595859014ebf0951522d9f5a8f9c1a2b3c4d5e6f708192a3b4c5d"},
    "model": {"parameters": 31234567, "grid": [8, 8, 8], "crop": [128, 128, 128], "spacing": [2, 2, 2],
              "window": [-175, 250], "out_dim": 8192},
    "started": "2026-11-02T09:30:00+00:00",
    "seconds": 4980.0,
    "knn": {"before": {**KNN, "accuracy": 0.41}, "after": {**KNN, "accuracy": 0.63, "low": 0.57, "high": 0.69}},
    "weights": {"file": "models/model.pt",
                "sha256": "0f343b0931126a20f133d67c2b018a3b5d3a7d6f1e5d9c8b7a69584736251403"},
}  # fmt: skip
