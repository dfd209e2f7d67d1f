"""A prediction as a line of a table and as a picture: the lesion plain, and below with what the answer rests on."""

import csv

import numpy as np
import pytest
import torch
from monai.data import MetaTensor
from PIL import Image

from smart_nets.classify.report import prediction
from smart_nets.classify.report.prediction import SavePredictiond
from smart_nets.errors import ConfigError

CLASSES = ["benign", "malignant"]
SHAPE = (8, 10, 12)
CUBE = np.random.default_rng(0).random(SHAPE).astype(np.float32)


def lesion(name: str = "ann", peak: float = 3.0) -> dict:
    """An item as the inference hands it on; its map is even but for one voxel."""
    reason = np.ones(SHAPE, np.float32)
    reason[4, 5, 6] = peak
    grid = {"name": name, "centre_mm": np.array([1.24, -5.0, 60.06]), "affine": np.eye(4)}
    affine = torch.diag(torch.tensor([2.0, 1.0, 1.0, 1.0]))
    return {
        "scores": torch.tensor([0.23456, 0.76544]),
        "image": MetaTensor(CUBE[None], affine=affine),
        "reason": torch.from_numpy(reason)[None],
        "scan_grid": grid,
    }


def rows_of(folder) -> list[list[str]]:
    with (folder / "predictions.csv").open(newline="", encoding="utf-8") as file:
        return list(csv.reader(file))


def test_the_table_has_a_line_per_lesion(tmp_path):
    save = SavePredictiond("scores", tmp_path / "new" / "folder", CLASSES)
    item = lesion("ann_0")
    assert save(item) == item
    save(lesion("ann_1"))
    note = "research only, not for diagnostic use"
    assert rows_of(tmp_path / "new" / "folder") == [
        ["lesion", "x", "y", "z", "probability of benign", "probability of malignant", "note"],
        ["ann_0", "1.2", "-5.0", "60.1", "0.2346", "0.7654", note],
        ["ann_1", "1.2", "-5.0", "60.1", "0.2346", "0.7654", note],
    ]


def test_an_earlier_runs_table_is_replaced(tmp_path):
    SavePredictiond("scores", tmp_path, CLASSES)(lesion("ann_0"))
    SavePredictiond("scores", tmp_path, CLASSES)(lesion("ann_7"))
    assert [row[0] for row in rows_of(tmp_path)] == ["lesion", "ann_7"]


def test_there_is_a_picture_of_each_lesion(tmp_path):
    save = SavePredictiond("scores", tmp_path, CLASSES)
    save(lesion())
    save(lesion("ann_3"))
    assert {path.name for path in tmp_path.glob("*.png")} == {"ann.png", "ann_3.png"}
    width, height = Image.open(tmp_path / "ann.png").size
    assert width > 800 and height > 500


def test_the_larger_field_comes_first(tmp_path, monkeypatch):
    seen = []
    monkeypatch.setattr(prediction, "png", lambda figure, path: seen.append(figure))
    field = MetaTensor(torch.rand(1, 6, 6, 6), affine=torch.diag(torch.tensor([4.0, 4.0, 4.0, 1.0])))
    SavePredictiond("scores", tmp_path, CLASSES)({**lesion(), "overview": field})
    SavePredictiond("scores", tmp_path, CLASSES)(lesion())
    assert [len(figure.axes) for figure in seen] == [3 + 3 + 3 + 1, 3 + 3 + 1]  # and a colour bar


def test_a_kind_that_is_none(tmp_path):
    with pytest.raises(ConfigError, match=r"kind: is not known .expected attention or occlusion, found gradient"):
        SavePredictiond("scores", tmp_path, CLASSES, kind="gradient")
