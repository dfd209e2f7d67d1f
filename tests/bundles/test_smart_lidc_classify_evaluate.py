"""evaluate.json: a saved model judged again on its held-out lesions, or on lesions of another source."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from monai.bundle import run

from smart_nets.classify.compare import compare
from smart_nets.errors import SmartError, cause
from smart_nets.phantom import make_dataset
from smart_nets.statistics.predictions import Predictions

CONFIGS = Path(__file__).parents[2] / "bundles" / "smart_lidc_classify" / "configs"


@pytest.fixture
def judge(classifier, lesion_scans, lesion_cache, tmp_path) -> Callable[..., Path]:
    """Evaluate the trained classifier; returns the output folder."""

    def judge(*overlays: str, **options) -> Path:
        settings = {
            "dataset_dir": str(lesion_scans / "lesions.csv"), "cache_dir": str(lesion_cache),
            "model_path": str(classifier / "models" / "model.pt"), "output_dir": str(tmp_path / "out"), **options,
        }  # fmt: skip
        run(config_file=[str(CONFIGS / name) for name in ("evaluate.json", *overlays)], **settings)
        return Path(settings["output_dir"])

    return judge


@pytest.fixture(scope="module")
def other_scans(tmp_path_factory) -> Path:
    """Two patients whom the classifier has not seen."""
    folder = tmp_path_factory.mktemp("others")
    make_dataset(folder, 2, seed=1, spacing=(4.0, 4.0, 4.0), nodules=4, region="chest")
    return folder


def test_the_held_out_lesions_get_the_predictions_that_training_ended_with(judge, classifier):
    found = judge()
    assert (found / "predictions.csv").read_text() == (classifier / "eval" / "predictions.csv").read_text()
    assert json.loads((found / "metrics.json").read_text()) == json.loads(
        (classifier / "eval" / "metrics.json").read_text()
    )
    record = json.loads((found / "run.json").read_text())
    assert record["model"]["sha256"] == json.loads((classifier / "models" / "model.json").read_text())["sha256"]
    assert "not for diagnostic use" in (found / "report.html").read_text().lower()


def test_all_lesions_of_another_source(judge, other_scans):
    found = Predictions.read(judge(dataset_dir=str(other_scans / "lesions.csv"), part="all") / "predictions.csv")
    assert found.rows.tolist() == list(range(8)) and len(set(found.patients)) == 2


def test_it_does_not_matter_where_the_files_lie(judge, classifier, lesion_scans, tmp_path):
    shutil.copytree(lesion_scans, tmp_path / "moved")
    found = judge(dataset_dir=str(tmp_path / "moved" / "lesions.csv"))
    assert (found / "predictions.csv").read_text() == (classifier / "eval" / "predictions.csv").read_text()


@pytest.mark.usefixtures("without_page")
def test_folds_and_models_can_be_compared(judge, classifier, train, tmp_path):
    other = train(tmp_path / "probe", "linear_probe.json")
    found = compare([classifier, other], rounds=100)
    assert set(found["models"]) == {"from scratch", "linear probe of a random encoder"}
    (difference,) = found["differences"]
    assert difference["folds"] == [0] and np.isfinite(difference["difference"])


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"part": "half"}, "part: is not known (expected held_out or all, found half)"),
        ({"part": "all"}, "part: the model was trained on some of these lesions (expected held_out, found all)"),
        ({"dataset_dir": "OTHERS"}, "part: these are not the lesions the model was trained with"),
        ({"model_path": "/no/such/model.pt"}, "/no/such/model.pt: there are no weights here"),
        ({"model_path": "ENCODER"}, "card: is no classifier"),
    ],
)
def test_faults_end_in_one_sentence_before_anything_is_written(
    options, says, judge, other_scans, encoder_file, tmp_path
):
    names = {"OTHERS": str(other_scans / "lesions.csv"), "ENCODER": str(encoder_file)}
    with pytest.raises((RuntimeError, SmartError)) as caught:
        judge(**{name: names.get(value, value) for name, value in options.items()})
    assert says in str(cause(caught.value))
    assert not (tmp_path / "out" / "predictions.csv").exists()
