"""Names in the data of a configuration that would lead to another folder: what writes refuses them."""

from __future__ import annotations

import os

import numpy as np
import pytest
import torch
from monai.data import MetaTensor
from monai.transforms import SaveImaged

from smart_nets.classify.report.prediction import SavePredictiond
from smart_nets.errors import InputError
from smart_nets.files import one_name
from smart_nets.localize.embedding import SaveEmbeddingd
from smart_nets.localize.report.outputs import save_picture, save_seg
from smart_nets.scans.files.monai_writer import result_name
from smart_nets.scans.volume import Volume

WRITER = "smart_nets.scans.files.monai_writer.WholeWriter"
VOXELS = np.zeros((4, 5, 6), np.float32)
SCAN = Volume(VOXELS, np.eye(4), "scan")


def save_image(name: str, folder, **meta) -> None:
    saver = SaveImaged("pred", output_dir=folder, output_name_formatter=result_name, writer=WRITER, print_log=False)
    saver({"pred": MetaTensor(torch.zeros(1, 4, 5, 6), meta={"filename_or_obj": name, **meta})})


def save_prediction(name: str, folder) -> None:
    grid = {"name": name, "centre_mm": np.zeros(3)}
    SavePredictiond("scores", folder, ["a"])({"scores": torch.ones(1), "scan_grid": grid})


WRITERS = [
    lambda folder: save_image("x.nii.gz", folder, patch_index="/../../../canary"),
    lambda folder: save_image("x/..", folder),
    lambda folder: save_prediction("../canary", folder),
    lambda folder: SaveEmbeddingd("pred", folder)({"pred": [1.0], "name": "../canary"}),
    lambda folder: SaveEmbeddingd("x/../../canary", folder)({"x/../../canary": [1.0], "name": "scan"}),
    lambda folder: save_picture(folder, "../canary", SCAN, []),
]


@pytest.mark.parametrize("write", WRITERS)
def test_no_name_leads_to_another_folder(write, tmp_path, monkeypatch):
    monkeypatch.setattr("smart_nets.localize.report.outputs.attention_figure", lambda *_: None)
    (folder := tmp_path / "a" / "b").mkdir(parents=True)
    with pytest.raises(InputError, match="is no name of a file"):
        write(folder)
    assert os.listdir(tmp_path) == ["a"] and os.listdir(tmp_path / "a") == ["b"] and not list(folder.rglob("*.*"))


def test_a_seg_keeps_to_its_folder(tmp_path, monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: name)
    with pytest.raises(InputError, match="is no name of a file"):
        save_seg(tmp_path, "../canary", np.ones((1, 1, 1), bool), tmp_path, None)


@pytest.mark.parametrize("index", [None, 3, np.array([0, 64, 64])])
def test_plain_names_stay_as_they_are(index, tmp_path):
    save_image("some/1.2.3.nii.gz", tmp_path, patch_index=index)
    end = "" if index is None else f"_{index}"
    assert [path.name for path in tmp_path.rglob("*.nii.gz")] == [f"1.2.3_trans{end}.nii.gz"]
    assert one_name("ä b.c-1") == "ä b.c-1"
