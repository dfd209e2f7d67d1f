from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from smart_nets.classify.report.run import read_classify_run
from smart_nets.errors import InputError
from smart_nets.pages.record import read_json

MakeRun = Callable[..., Path]


def test_a_complete_run(make_classify_run: MakeRun) -> None:
    run = read_classify_run(make_classify_run(cases=60))
    assert run.results.cases == 60 and run.classes == ("benign", "malignant") and run.counter == "step"
    assert run.predictions is not None and len(run.predictions) == 60
    assert run.examples["crop"].shape == (4, 24, 24, 24)
    assert run.notes == []
    assert run.about["data"]["source"] == "lidc" and run.about["settings"]["dataset_dir"] == "lidc"


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("metrics.json", None, "cannot be read"),
        ("metrics.json", "{", "not valid JSON"),
        ("metrics.json", "[1]", "is no record of an evaluation"),
        ("metrics.json", "{}", "is no record of an evaluation .*'cases'.*evaluate again"),
        ("run.json", "{", "not valid JSON"),
        ("run.json", "[1]", "holds no settings"),
        ("metrics.jsonl", "", "has no readable line"),
        ("metrics.jsonl", '{"epoch": 1}', "holds epochs without any number"),
        ("predictions.csv", "", "predictions.csv"),
        ("predictions.csv", "row,patient,fold,label,probability,size_mm\n0,a,0,2,0.5,9", "0 or 1"),
        ("examples.npz", "no archive", "cannot be read"),
    ],
)
def test_a_damaged_file_is_refused(make_classify_run: MakeRun, name: str, text: str | None, message: str) -> None:
    folder = make_classify_run(cases=40)
    path = folder / "eval" / name
    path.unlink() if text is None else path.write_text(text)
    with pytest.raises(InputError, match=message) as error:
        read_classify_run(folder)
    assert name in str(error.value)


@pytest.mark.parametrize(
    ("about", "message"),
    [
        ({"classes": ["benign"]}, "run.json: is no record of a classification run"),
        ({"classify": "fine-tuned"}, "run.json: is no record of a classification run"),
        ({"lesions": [1]}, "run.json: is no record of a classification run"),
        ({"seconds": "long"}, "seconds is not a number"),
        ({"settings": 3}, "settings is not a table"),
    ],
)
def test_a_record_of_another_form_is_refused(make_classify_run: MakeRun, about: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        read_classify_run(make_classify_run(cases=40, examples=0, **about))


@pytest.mark.parametrize(
    ("arrays", "found"),
    [
        ({"crop": None}, "'crop'"),
        ({"crop": np.zeros((8, 8, 8))}, "crops .8, 8, 8., not .n, D, H, W."),
        ({"crop": np.zeros((2, 0, 8, 8))}, "crops .2, 0, 8, 8."),
        ({"crop": np.full((2, 8, 8, 8), "x")}, "crop holds values that cannot be"),
        ({"label": None}, "'label'"),
        ({"row": None}, "'row'"),
        ({"label": np.array([0, 1, 1])}, "label .3,. does not fit crops"),
        ({"label": np.array([0, 2])}, "label holds values that cannot be"),
        ({"label": np.array(["a", "b"])}, "label holds values that cannot be"),
        ({"probability": np.array([0.5, 1.5])}, "probability holds values that cannot be: .0.5 1.5"),
        ({"probability": np.array([0.5, np.nan])}, "probability holds values that cannot be"),
        ({"attention": np.zeros((2, 4, 4, 4))}, "attention .* does not fit crops"),
        ({"size_mm": np.ones((2, 1))}, "size_mm .* does not fit crops"),
        ({"size_mm": np.array(["big", "small"])}, "size_mm holds values that cannot be"),
        ({"spacing": np.ones(2)}, "spacing .* does not fit crops"),
        ({"spacing": np.array([1.0, 0.0, 1.0])}, "spacing holds values that cannot be"),
        ({"window": np.array([250.0, -175.0])}, "window holds values that cannot be"),
    ],
)
def test_examples_of_another_form_are_refused(make_classify_run: MakeRun, arrays: dict[str, Any], found: str) -> None:
    folder = make_classify_run(cases=40, examples=0)
    good = {"crop": np.zeros((2, 8, 8, 8)), "label": np.arange(2), "probability": np.ones(2), "row": np.arange(2)}
    kept = {name: array for name, array in {**good, **arrays}.items() if array is not None}
    np.savez(folder / "eval" / "examples.npz", **kept)
    with pytest.raises(InputError, match=f"examples.npz: is no record of examples .found .*{found}"):
        read_classify_run(folder)


def test_attention_with_nan_is_drawn_as_zero_and_told(make_classify_run: MakeRun) -> None:
    folder = make_classify_run(cases=40, examples=2)
    path = folder / "eval" / "examples.npz"
    with np.load(path) as file:
        arrays = dict(file)
    arrays["attention"][0, 0, 0, :2] = np.nan
    np.savez(path, **arrays)
    run = read_classify_run(folder)
    assert run.examples["attention"][0, 0, 0, 0] == 0
    assert run.notes == ["Examples: 2 values of attention are no number and drawn as 0."]


def test_no_folder(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="is no run folder"):
        read_classify_run(tmp_path / "nothing")


def test_json_is_read_and_the_record_is_not_changed(make_classify_run: MakeRun) -> None:
    path = make_classify_run(cases=40, examples=0) / "eval" / "run.json"
    before = path.read_text()
    read_classify_run(path.parent)
    assert path.read_text() == before and read_json(path) == json.loads(before)
