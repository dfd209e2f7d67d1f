"""What TensorBoard reads back of a run: pictures, kNN, settings, in one run that has its folder's name."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ignite.engine import Engine
from PIL import Image
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.plugins.hparams.plugin_data_pb2 import HParamsPluginData

from smart_nets.errors import InputError
from smart_nets.pages.panels import SIDE
from smart_nets.pretrain.report.board import GAP, RunBoard, board_pictures, flat_settings, knn_numbers
from smart_nets.training.logs import TensorBoard

MakeRun = Callable[..., Path]
KNN = {
    "knn_cls": {"before": {"accuracy": 0.2}, "after": {"accuracy": 0.4}}, "knn_raw": {"accuracy": 0.5},
}  # fmt: skip
ATTENTION, MASK = ["attention/crop_1", "attention/crop_2"], ["mask/crop_1", "mask/crop_2"]


def trained(folder: Path, name: str = "chest_small", steps: int = 3) -> EventAccumulator:
    """The events of a training run in whose folder everything else has been written."""
    engine = Engine(lambda e, b: {"log": {"loss": 1.0 / e.state.iteration}})
    TensorBoard(folder / "tensorboard", folder.parent / name, RunBoard(folder)).attach(engine)
    engine.run([0] * steps, max_epochs=1)
    return EventAccumulator(str(folder / "tensorboard" / name), size_guidance={"images": 0, "tensors": 0}).Reload()


def test_everything_is_in_one_run_of_the_folders_name(make_run: MakeRun) -> None:
    folder = make_run(crops=2, **KNN)
    events = trained(folder)
    assert [path.name for path in (folder / "tensorboard").iterdir()] == ["chest_small"]  # no second run beside it
    tags = events.Tags()
    assert tags["images"] == ATTENTION + MASK
    assert [one.step for one in events.Images("attention/crop_1")] == [0, 3]  # before and after training
    assert [one.step for one in events.Images("mask/crop_2")] == [3]
    assert [(one.step, one.value) for one in events.Scalars("knn/cls")] == [
        (0, pytest.approx(0.2)),
        (3, pytest.approx(0.4)),
    ]
    assert set(tags["scalars"]) >= {"loss", "knn/cls", "knn/raw_voxels"}
    assert "about/text_summary" in tags["tensors"]


def test_pictures_are_sheets_of_squares(make_run: MakeRun) -> None:
    events = trained(make_run(crops=1))
    pictures = {
        tag: Image.open(io.BytesIO(events.Images(tag)[-1].encoded_image_string)) for tag in (ATTENTION[0], MASK[0])
    }
    step = SIDE + GAP
    assert pictures[ATTENTION[0]].size == (3 * step - GAP, 2 * step - GAP)  # three planes; plain, and looked at
    assert pictures[MASK[0]].size == (5 * step - GAP, SIDE)  # image, teacher, student, painting, error
    sheet = np.asarray(pictures[ATTENTION[0]]).astype(int)
    assert np.ptp(sheet[:SIDE], axis=-1).max() == 0 and np.ptp(sheet[step:], axis=-1).max() > 40  # gray; in colour


def hparams(events: EventAccumulator) -> list[HParamsPluginData]:
    contents = events.summary_metadata.items()
    data = [one.plugin_data for tag, one in contents if tag.startswith("_hparams_/")]
    return [HParamsPluginData.FromString(one.content) for one in data]


def test_settings_stand_in_the_tab_of_hyperparameters(make_run: MakeRun) -> None:
    found = hparams(trained(make_run(**KNN)))
    (begin,) = [one.session_start_info for one in found if one.HasField("session_start_info")]
    assert begin.hparams["learning_rate"].number_value == 8e-4
    assert begin.hparams["weights.amip"].number_value == 1.0 and begin.hparams["preset"].string_value == "base"
    (experiment,) = [one.experiment for one in found if one.HasField("experiment")]
    assert {one.name.tag for one in experiment.metric_infos} >= {"loss", "knn/cls"}  # tags of this run's scalars
    assert any(one.HasField("session_end_info") for one in found)


def test_no_path_and_no_scan_is_named(make_run: MakeRun) -> None:
    folder = make_run()
    trained(folder)
    (file,) = (folder / "tensorboard" / "chest_small").iterdir()
    assert b"doctor" not in file.read_bytes()  # run.json holds /home/doctor/cohorts/chest_ct


def test_a_run_that_goes_on_tells_the_beginning_once(make_run: MakeRun) -> None:
    folder = make_run()
    trained(folder)
    engine = Engine(lambda e, b: {"log": {"loss": 0.1}})
    TensorBoard(folder / "tensorboard", "chest_small", RunBoard(folder)).attach(engine)
    engine.load_state_dict({"iteration": 2, "max_epochs": 1, "epoch_length": 4})
    engine.run([0] * 4)
    events = EventAccumulator(str(folder / "tensorboard" / "chest_small")).Reload()
    assert [one.step for one in events.Images("attention/crop_1")] == [0, 4]
    assert [one.step for one in events.Scalars("loss")] == [1, 2, 3, 4]


def test_a_new_run_takes_the_place_of_the_old_one(make_run: MakeRun) -> None:
    folder = make_run()
    trained(folder, steps=5)
    events = trained(folder, steps=2)
    assert [one.step for one in events.Scalars("loss")] == [1, 2]
    assert [one.step for one in events.Images("mask/crop_1")] == [2]


def test_a_run_without_pictures_and_tests_shows_its_curves(make_run: MakeRun) -> None:
    folder = make_run(crops=0)
    (folder / "run.json").write_text(json.dumps({"preset": "tiny"}))
    tags = trained(folder).Tags()
    assert tags["scalars"] == ["loss"] and tags["images"] == []


def test_damaged_pictures_are_told(make_run: MakeRun) -> None:
    folder = make_run()
    (folder / "snapshots.npz").write_bytes(b"PK")
    with pytest.raises(InputError, match=r"snapshots\.npz"):
        trained(folder)


def test_knn_numbers_by_hand() -> None:
    about: dict[str, Any] = {
        "knn": {"before": {"accuracy": 9}}, "knn_cls": {"before": {"accuracy": 0.1}, "after": {"accuracy": 0.3}},
        "knn_pooled": {"before": {"accuracy": 0.2}}, "knn_raw": {"accuracy": 0.5},
    }  # fmt: skip
    assert knn_numbers(about, "before") == {"knn/cls": 0.1, "knn/pooled": 0.2, "knn/raw_voxels": 0.5}
    assert knn_numbers(about, "after") == {"knn/cls": 0.3, "knn/raw_voxels": 0.5}
    assert knn_numbers({}, "after") == knn_numbers({"knn_raw": {"accuracy": 0.5}}, "after") == {}


def test_settings_become_flat() -> None:
    nested = {"lr": 0.1, "crop": [32, 64, 32], "net": {"name": "Swin", "scale": None, "heads": {"n": 2}}, "fast": True}
    assert dict(flat_settings(nested)) == {
        "lr": 0.1, "crop": "32, 64, 32", "net.name": "Swin", "net.scale": "–", "net.heads.n": 2, "fast": True,
    }  # fmt: skip


@pytest.mark.parametrize("shots", [{}, {"image": np.zeros((0, 4, 4, 4))}, {"image": np.zeros((1, 4, 4, 4))}])
def test_nothing_to_draw(shots: dict[str, Any]) -> None:
    assert list(board_pictures(shots, "after")) == []
