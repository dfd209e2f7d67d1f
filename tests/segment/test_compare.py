"""Two models on the same patients: paired differences, and what differs beside their weights."""

import json
from pathlib import Path

import pytest

from smart_nets.errors import ConfigError, InputError
from smart_nets.segment.compare import compare_segmentations, is_segmentation
from smart_nets.segment.report.compare_page import write_segment_comparison
from smart_nets.segment.results import table_of

BLANK = {"nsd": 0.5, "hd95": 3.0, "reference_ml": 10.0, "predicted_ml": 9.0, "lesions": 1, "found": 1, "false_positives": 0,
         "small": 0, "small_found": 0}  # fmt: skip


def write_run(folder: Path, name: str, dices: list[float], fold: int = 0, outlined: str = "tumour", **settings) -> Path:
    inside = folder / "eval"
    inside.mkdir(parents=True)
    rows = [
        {"case": n, "patient": f"p{n}", "fold": fold, "class": outlined, "dice": d, "place_dice": 0.25, **BLANK}
        for n, d in enumerate(dices)
    ]
    (inside / "cases.csv").write_text(table_of(rows))
    (inside / "run.json").write_text(json.dumps({"segment": {"name": name, "fold": fold}, "settings": settings}))
    return folder


def test_a_clear_difference_and_its_page(tmp_path, page_of):
    ours = write_run(tmp_path / "a", "fine-tuned", [0.8 + 0.01 * n for n in range(8)], spacing=[2, 2, 2])
    theirs = write_run(tmp_path / "b", "from scratch", [0.6 + 0.012 * n for n in range(8)], spacing=[1, 1, 1])
    found = compare_segmentations([ours, theirs])
    (one,) = found["differences"]
    assert one["value"] == pytest.approx(0.2 - 0.002 * 3.5) and one["low"] > 0 and one["p"] == pytest.approx(2 / 2**8)
    assert (one["better"], one["patients"]) == (8, 8) and found["models"]["fine-tuned"]["cases"] == 8
    assert found["beside"] == ["spacing: [2, 2, 2] in “fine-tuned”, [1, 1, 1] in “from scratch”"]
    assert found["place"]["mean_dice"]["value"] == pytest.approx(0.25) and found["place"]["difference"]["better"] == 8
    (tmp_path / "compare.json").write_text(json.dumps(found))
    text = page_of(write_segment_comparison(tmp_path / "compare.json")).text
    assert (
        "“fine-tuned” is better than “from scratch” by 0.193 in Dice" in text
        and "differ in more than their weights" in text
        and "place alone" in text
    )


def test_folds_of_one_model_are_joined(tmp_path):
    folds = [write_run(tmp_path / f"f{fold}", "a", [0.5, 0.7], fold) for fold in range(2)]
    found = compare_segmentations(folds)
    assert found["models"]["a"]["cases"] == 4 and found["models"]["a"]["patients"] == 2 and found["differences"] == []


def test_what_differs_between_folds_names_its_model(tmp_path):
    folds = [write_run(tmp_path / f"f{fold}", "a", [0.5, 0.7], fold, max_epochs=2 - fold) for fold in range(2)]
    assert compare_segmentations(folds)["beside"] == ["within “a”, max_epochs: 2 in “f0”, 1 in “f1”"]


@pytest.mark.parametrize(("dice", "said"), [(0.25, True), (0.2, True), (0.3, False)])
def test_models_below_the_floor_are_told_before_anything_else(dice, said, tmp_path, page_of):
    runs = [write_run(tmp_path / name, name, [value] * 8) for name, value in (("a", dice), ("b", 0.1))]
    (tmp_path / "compare.json").write_text(json.dumps(compare_segmentations(runs)))
    text = page_of(write_segment_comparison(tmp_path / "compare.json")).text
    assert ("No model is above place alone (0.250)" in text) is said


def test_few_patients_prove_nothing(tmp_path):
    runs = [write_run(tmp_path / name, name, values) for name, values in (("a", [0.9, 0.9]), ("b", [0.1, 0.2]))]
    (one,) = compare_segmentations(runs)["differences"]
    assert one["p"] is None and one["value"] == pytest.approx(0.75)


@pytest.mark.parametrize(
    ("second", "says", "error"),
    [
        (lambda folder: folder / "a", "gives fold 0 of “a” a second time", ConfigError),
        # other data, and the same name by default: what the two say of different patients must not be pooled
        (
            lambda folder: write_run(folder / "b", "a", [0.1, 0.2, 0.3]),
            "gives fold 0 of “a” a second time",
            ConfigError,
        ),
        (
            lambda folder: write_run(folder / "b", "a", [0.1, 0.2], 1, "liver"),
            "outlines other things than another fold of “a” "
            r"\(expected tumour, found liver\)",
            ConfigError,
        ),
        (
            lambda folder: write_run(folder / "b", "b", [0.1, 0.2], 0, "liver"),
            "expected 2 rows.*found 2, of which 0 are the same",
            ConfigError,
        ),
        (lambda folder: write_run(folder / "b", "b", [0.1, 0.2, 0.3]), "was not judged on the cases", ConfigError),
        (lambda folder: folder / "nowhere", "cannot be read", InputError),
    ],
)
def test_runs_that_cannot_be_compared(tmp_path, second, says, error):
    first = write_run(tmp_path / "a", "a", [0.5, 0.6])
    with pytest.raises(error, match=says):
        compare_segmentations([first, second(tmp_path)])


def test_what_is_a_segmentation(tmp_path):
    assert is_segmentation(write_run(tmp_path / "a", "a", [0.5])) and not is_segmentation(tmp_path)
    with pytest.raises(ConfigError, match="no runs"):
        compare_segmentations([])
