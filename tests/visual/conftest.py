"""Run folders as training leaves them, with numbers and pictures made up by formulas."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter, zoom

from smart_nets.evaluation.classify import evaluate
from smart_nets.evaluation.predictions import Predictions

ENTROPY = {"ampd": 0.62, "aitd": 0.45, "gitd": 0.5}  # end of the run, as a share of ln K
KNN = {"low": 0.35, "high": 0.47, "crops": 330, "classes": 11, "patients": 30}


VOID = {"meta", "img", "br", "path", "use", "rect"}


class Page(HTMLParser):
    """Text, and a check that every tag is closed by its own."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.texts: list[str] = []
        self.images: list[str] = []
        self.feed(html)
        assert self.open == []
        self.text = re.sub(r"\s+", " ", " ".join(self.texts))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in VOID:
            self.open.append(tag)
        self.images += [value or "" for name, value in attrs if tag == "img" and name == "src"]

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        pass

    def handle_endtag(self, tag: str) -> None:
        if tag not in VOID:
            assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] != "style":
            self.texts.append(data)


@pytest.fixture
def page_of() -> Callable[[Path], Page]:
    """A function that reads a page and checks that it is well-formed."""
    return lambda path: Page(path.read_text(encoding="utf-8"))


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


class MakeClassifyRun(Protocol):
    def __call__(self, cases: int = ..., examples: int = ..., sizes: bool = ..., **about: Any) -> Path: ...


@pytest.fixture
def make_classify_run(tmp_path: Path) -> MakeClassifyRun:
    """A function that writes a classification run and returns its folder; examples=0 leaves the pictures out, sizes=False
    the diameters, about replaces entries of run.json."""

    def make(cases: int = 90, examples: int = 4, sizes: bool = True, **about: Any) -> Path:
        folder = tmp_path / "classification"
        (folder / "eval").mkdir(parents=True, exist_ok=True)
        predictions = invent_predictions(cases, sizes)
        predictions.write(folder / "eval" / "predictions.csv")
        (folder / "eval" / "metrics.json").write_text(json.dumps(evaluate(predictions, rounds=100)))
        (folder / "eval" / "run.json").write_text(json.dumps({**CLASSIFY_RUN, **about}))
        write_classify_log(folder / "eval" / "metrics.jsonl")
        if examples:
            crops = np.stack([1400 * blobs(seed, 24) - 1000 for seed in range(examples)])
            write_examples(folder / "eval" / "examples.npz", crops, sizes)
        return folder

    return make


@pytest.fixture
def make_predictions() -> Callable[..., Predictions]:
    return invent_predictions


def invent_predictions(cases: int, sizes: bool = True, skill: float = 1.5, seed: int = 0) -> Predictions:
    """A third of the lesions malignant, two lesions in some patients, malignant ones larger; `skill` in units of noise."""
    rng = np.random.default_rng(seed)
    labels = (np.arange(cases) % 3 == 0).astype(int)
    diameters = np.exp(rng.normal(2.1 + 0.45 * labels, 0.4))
    scores = skill * labels + 0.8 * (np.log(diameters) - 2.1) / 0.4 + np.random.default_rng(99).normal(size=cases) - 1.6
    patients = np.array([f"{number:012x}" for number in rng.permutation(cases) * 3 // 4])
    return Predictions(
        np.arange(cases), patients, np.zeros(cases, int), labels, 1 / (1 + np.exp(-scores)),
        diameters if sizes else np.full(cases, np.nan),
    )  # fmt: skip


def write_classify_log(path: Path, steps: int = 60) -> None:
    noise = np.random.default_rng(0).normal(size=steps)
    with path.open("w") as file:
        for step in range(1, steps + 1):
            done = step / steps
            loss = 0.2 + 0.5 * math.exp(-3 * done) + 0.04 * noise[step - 1]
            file.write(
                json.dumps({"step": step, "epoch": 1 + step // 10, "loss": loss, "lr_head": 1e-3 * (1 - done)}) + "\n"
            )


def write_examples(path: Path, crops: np.ndarray, sizes: bool = True) -> None:
    """crops (n, D, H, W) in HU: the first half are mistakes, the others right answers; attention peaks in the middle."""
    n, side = len(crops), crops.shape[1]
    far = np.linalg.norm(np.indices((side,) * 3) - (side - 1) / 2, axis=0) / side  # 0 in the middle
    label = np.arange(n) % 2
    sure = np.linspace(0.97, 0.7, n)
    right = np.arange(n) >= n // 2
    np.savez(
        path,
        crop=crops.astype(np.int16),
        attention=np.stack([5 * np.exp(-((far / 0.16) ** 2)) + 0.3] * n).astype(np.float32),
        label=label,
        probability=np.where(right == (label == 1), sure, 1 - sure),
        row=np.arange(n) * 7 + 3,
        size_mm=np.linspace(6, 18, n) if sizes else np.full(n, np.nan),
        spacing=np.array([1.5, 1.5, 1.5]),
        window=np.array([-175.0, 250.0]),
    )


CLASSIFY_RUN: dict[str, Any] = {
    "title": "Lesion classification",
    "preset": "base",
    "started": "2026-11-20T08:15:00+00:00",
    "seconds": 7260.0,
    "classify": {"name": "fine-tuned", "train_fraction": 1.0, "fold": 0, "subset_seed": 0, "split_mode": "patient"},
    "classes": ["benign", "malignant"],
    "versions": {"python": "3.11.9", "torch": "2.13.0", "monai": "1.6.1"},
    "hardware": "1 x NVIDIA A100",
    "data": {"source": "/home/doctor/cohorts/lidc", "used": 270, "manifest_sha256": "6f1ed002ab55"},
    "lesions": {
        "given": 300, "used": 270, "training": {"lesions": 180, "patients": 130, "positives": 61},
        "validation": {"lesions": 90, "patients": 66, "positives": 30},
        "left_out": {"fewer than 3 readers": 22, "scan cannot be read": 8},
    },
    "encoder": {"file": "model.pt", "sha256": "0f343b0931126a20", "epochs": 800, "data": {"used": 10412}},
    "model": {"parameters": 31234567, "crop": [128, 128, 128], "spacing": [1, 1, 1], "window": [-175, 250]},
    "settings": {
        "max_epochs": 1000, "learning_rate": 2e-4, "split_mode": "patient", "folds": 3, "fold": 0, "train_fraction": 1.0,
        "spacing": [1.0, 1.0, 1.0], "frozen": False, "dataset_dir": "/home/doctor/cohorts/lidc",
    },
}  # fmt: skip
