from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from smart_nets.errors import InputError
from smart_nets.pretrain.report.run import read_run

MakeRun = Callable[..., Path]


def test_a_complete_run(make_run: MakeRun) -> None:
    run = read_run(make_run(steps=60))
    assert run.steps == 60 and run.notes == []
    assert run.snapshots["mask"].dtype == bool and run.snapshots["image"].dtype == np.float32
    assert run.about["model"]["out_dim"] == 8192


def test_a_run_with_metrics_only(make_run: MakeRun) -> None:
    folder = make_run(crops=0)
    (folder / "run.json").unlink()
    run = read_run(folder)
    assert run.about == {} and run.snapshots == {}
    assert run.notes == ["There is no run.json: settings, versions, hardware and data of this run are not known."]


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("/home/doctor/chest_ct", "chest_ct"),
        ("/home/doctor/chest_ct/", "chest_ct"),
        ("C:\\Users\\doctor\\chest_ct", "chest_ct"),
        ("~/chest_ct", "chest_ct"),
        ("s3://hospital/chest_ct", "chest_ct"),
        ("doctor/chest_ct", "chest_ct"),
    ],
)
def test_only_the_last_name_of_the_source_is_kept(make_run: MakeRun, path: str, name: str) -> None:
    assert read_run(make_run(data={"source": path})).about["data"]["source"] == name


def test_absolute_folders_vanish_from_settings_too(make_run: MakeRun) -> None:
    settings = {"dataset_dir": "/home/doctor/ct", "list": ["/a/b"], "config": "configs/train.json"}
    run = read_run(make_run(settings=settings))
    assert run.about["settings"] == {"dataset_dir": "ct", "list": ["b"], "config": "configs/train.json"}


@pytest.mark.parametrize(
    ("about", "message"),
    [
        ({"data": "many"}, "data is not a table"),
        ({"settings": [1]}, "settings is not a table"),
        ({"knn": {"after": 0.5}}, "knn after is not a table"),
        ({"knn": {"after": {"accuracy": 0.5}}}, "knn after low is not a number"),
        ({"seconds": "long"}, "seconds is not a number"),
        ({"data": {"used": None}}, "used is not a number"),
        ({"model": {"window": [1]}}, "model window is no window"),
        ({"model": {"window": ["a", "b"]}}, "model window is not a number"),
    ],
)
def test_a_record_of_another_form_is_refused(make_run: MakeRun, about: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        read_run(make_run(crops=0, **about))


@pytest.mark.parametrize("text", ["{", "[1]", ""])
def test_a_damaged_record_is_refused(make_run: MakeRun, text: str) -> None:
    folder = make_run(crops=0)
    (folder / "run.json").write_text(text)
    with pytest.raises(InputError, match=r"run\.json"):
        read_run(folder)


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"image": None}, "no probe crops"),
        ({"image": np.zeros((32, 32, 32))}, "no probe crops"),
        ({"mask": np.zeros((2, 8, 8, 8), bool)}, "mask does not fit"),
        ({"mask": np.zeros((1, 512), bool)}, "mask does not fit"),
        ({"reconstruction": np.zeros((1, 16, 16, 16))}, "reconstruction does not fit"),
        ({"spacing": np.ones(2)}, "spacing does not fit"),
    ],
)
def test_snapshots_of_another_form_are_refused(make_run: MakeRun, arrays: dict[str, Any], message: str) -> None:
    folder = make_run()
    with np.load(folder / "snapshots.npz") as file:
        merged = {**dict(file), **arrays}
    np.savez(folder / "snapshots.npz", **{name: array for name, array in merged.items() if array is not None})
    with pytest.raises(InputError, match=message):
        read_run(folder)


def test_half_a_snapshot_file_is_refused(make_run: MakeRun) -> None:
    path = make_run() / "snapshots.npz"
    path.write_bytes(path.read_bytes()[:1000])
    with pytest.raises(InputError, match="cannot be read"):
        read_run(path.parent)


def test_pictures_with_nan_are_drawn_as_zero_and_told(make_run: MakeRun) -> None:
    folder = make_run()
    with np.load(folder / "snapshots.npz") as file:
        arrays = dict(file)
    arrays["reconstruction"][0, :2, 0, 0] = np.nan
    np.savez(folder / "snapshots.npz", **arrays)
    run = read_run(folder)
    assert run.snapshots["reconstruction"][0, 0, 0, 0] == 0
    assert run.notes == ["Snapshots: 2 values of reconstruction are no number and drawn as 0."]


def test_no_folder(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="is no run folder"):
        read_run(tmp_path / "nothing")


def test_the_record_on_disk_is_not_changed(make_run: MakeRun) -> None:
    folder = make_run(crops=0)
    before = (folder / "run.json").read_text()
    read_run(folder)
    assert (folder / "run.json").read_text() == before and json.loads(before)["data"]["source"].startswith("/home")
