"""Wrong settings reach their sentence through the configuration, and an interrupted run leaves no results of another."""

import json
from pathlib import Path

import pytest
from monai.bundle import run

from smart_nets.classify.finished_runs import read_finished_run
from smart_nets.errors import ConfigError, InputError, SmartError, cause

CONFIGS = Path(__file__).parents[2] / "bundles" / "smart_lidc_classify" / "configs"


@pytest.mark.parametrize(
    ("overlays", "options", "says"),
    [
        ((), {"folds": "abc"}, "folds: is no whole number"),
        ((), {"batch_size": 0}, "batch_size: is no count"),
        ((), {"learning_rate": -1}, "learning_rate: cannot be"),
        ((), {"classes": ["a", "a"]}, "classes: are no names"),
        ((), {"hu_window": 400}, "hu_window: is no window"),
        ((), {"spacing": ["a", 1, 1]}, "spacing: is no voxel size"),
        ((), {"crop_size": "big"}, "crop size: needs three sides"),
        ((), {"rule": "mode"}, "rule: is not known"),
        (("few_shot.json",), {"train_fraction": 0}, "train_fraction: is no share"),
        (("few_shot.json",), {"train_fraction": "abc"}, "train_fraction: is no share"),
    ],
)
def test_settings(overlays, options, says, train, tmp_path):
    with pytest.raises((RuntimeError, SmartError)) as caught:
        train(tmp_path / "out", *overlays, **options)
    assert says in str(cause(caught.value))
    assert not (tmp_path / "out").exists()


def test_an_output_folder_that_is_a_file(train, tmp_path):
    (tmp_path / "out").write_text("x")
    with pytest.raises((RuntimeError, SmartError)) as caught:
        train(tmp_path / "out")
    assert "cannot hold results" in str(cause(caught.value))


def test_an_interrupted_run_leaves_no_results_of_an_earlier_one(train, tmp_path):
    train(tmp_path)
    with pytest.raises(RuntimeError):  # as if it were killed in its first step
        train(tmp_path, update={"_target_": "smart_nets.classify.update.ClassifierUpdate", "class_weights": [1.0]})
    left = {path.name for path in (tmp_path / "eval").iterdir()}
    assert not left & {"predictions.csv", "metrics.json", "examples.npz", "report.html"}
    assert json.loads((tmp_path / "eval" / "run.json").read_text())["title"]
    with pytest.raises((InputError, ConfigError)):
        read_finished_run(tmp_path)


def test_inference_refuses_what_training_refuses(classifier, lesion_scans, tmp_path):
    content = (lesion_scans / "phantom-0000.nii.gz").read_bytes()
    (tmp_path / "scan.nii.gz").write_bytes(content[:-8])
    with pytest.raises((RuntimeError, SmartError)) as caught:
        run(config_file=str(CONFIGS / "inference.json"), dataset_dir=str(tmp_path / "scan.nii.gz"),
            model_path=str(classifier / "models" / "model.pt"), output_dir=str(tmp_path / "out"))  # fmt: skip
    assert "gzip checksum is missing" in str(cause(caught.value))
    assert not (tmp_path / "out").exists()
