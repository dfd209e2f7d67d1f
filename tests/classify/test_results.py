"""What a classifier leaves on disk: predictions in order, the surest answers to look at, and one line in words."""

import json
import math
from types import SimpleNamespace

import nibabel as nib
import numpy as np
import pytest
import torch
from ignite.engine import Engine
from monai.data import Dataset
from torch import nn

from smart_nets.classify import results as lesion_results
from smart_nets.classify.inferer import reason_map
from smart_nets.classify.lesions.crops import LesionCrops
from smart_nets.classify.results import LesionResults, examples, lesion_predictions, predict, results_in_words
from smart_nets.errors import ConfigError
from smart_nets.lists.pseudonym import pseudonym
from smart_nets.networks.classifier import Classifier
from smart_nets.scans.window import window_hu
from smart_nets.statistics.predictions import Predictions

SIZE, SPACING, WINDOW = [32, 32, 32], [1.0, 1.0, 1.0], (-1000.0, 400.0)


class Brightness(nn.Module):
    """Scores 0 and ten times the mean intensity; notes in which mode it was asked."""

    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.tensor(10.0))
        self.modes: list[bool] = []

    def forward(self, image):
        self.modes.append(self.training)
        mean = self.weight * image.mean((1, 2, 3, 4))
        return torch.stack([torch.zeros_like(mean), mean], dim=1)


@pytest.fixture
def crops(tmp_path):
    return LesionCrops(tmp_path / "cache", [34, 34, 34], SPACING)


@pytest.fixture
def items(tmp_path, crops):
    """Eight lesions of four patients, two in each scan, labels in turn; the seventh has a known size."""
    prepared = []
    for patient in range(4):
        noise = np.random.default_rng(patient).normal(0, 60, (48, 40, 40)).astype(np.int16)
        noise[:2] = -1000
        nib.save(nib.Nifti1Image(noise, np.eye(4)), tmp_path / f"{patient}.nii.gz")
        for label in (0, 1):
            place = [22.0 + 2 * label, 20.0, 19.0 + label]
            prepared.append(
                {
                    "image": str(tmp_path / f"{patient}.nii.gz"),
                    "patient_id": f"name {patient}",
                    "label": label,
                    "centre_mm": place,
                }
            )
    prepared[6]["diameter_mm"] = 7.5
    return crops.prepare(prepared)


def images_of(items, crops) -> torch.Tensor:
    """The cubes (n, 1, 32, 32, 32) in the window, by hand: one voxel of margin on each side."""
    return torch.stack([window_hu(crops.get(item).array[1:33, 1:33, 1:33], *WINDOW)[None] for item in items])


@pytest.fixture
def dataset(items, crops):
    return Dataset([{"image": image} for image in images_of(items, crops)])


def test_probabilities_come_in_the_order_of_the_lesions_whatever_the_batch():
    network = Brightness().train()
    data = Dataset([{"image": torch.full((1, 4, 4, 4), value)} for value in (0.0, 0.3, 0.1)])
    expected = [1 / (1 + math.exp(-10 * value)) for value in (0.0, 0.3, 0.1)]
    for batch_size in (1, 2, 32):
        assert predict(network, data, batch_size).tolist() == pytest.approx(expected, abs=1e-6)
    assert network.training and not any(network.modes)  # asked in evaluation mode, left as it was


def test_predictions_hold_pseudonyms_rows_and_sizes(items):
    found = lesion_predictions(items[5:], np.array([0.1, 0.2, 0.3]), fold=2)
    assert found.rows.tolist() == [5, 6, 7] and found.folds.tolist() == [2, 2, 2] and found.labels.tolist() == [1, 0, 1]
    assert found.patients.tolist() == [pseudonym("name 2"), pseudonym("name 3"), pseudonym("name 3")]
    assert np.isnan(found.sizes[[0, 2]]).all() and found.sizes[1] == 7.5


@pytest.mark.parametrize("feature", ["cls", "pooled"])
def test_examples_are_the_surest_mistakes_and_the_surest_right_answers(
    items, crops, small_encoder, feature, monkeypatch
):
    monkeypatch.setattr(lesion_results, "EXAMPLES", 2)
    monkeypatch.setattr("smart_nets.classify.occlusion.PARTS", 1)
    # labels are 0 1 0 1 0 1 0 1: rows 0, 3 and 4 are wrong, by 0.6, 0.7 and 0.8; rows 6 and 1 are off by least
    probabilities = np.array([0.6, 0.9, 0.2, 0.3, 0.8, 0.7, 0.01, 0.55])
    network = Classifier(small_encoder, feature).train()
    shown = examples(network, items, probabilities, crops, SIZE, WINDOW)
    assert shown["row"].tolist() == [4, 3, 6, 1]
    assert shown["label"].tolist() == [0, 1, 0, 1] and shown["probability"].tolist() == [0.8, 0.3, 0.01, 0.9]
    assert shown["crop"].dtype == np.int16 and shown["size_mm"][2] == 7.5
    chosen = [items[row] for row in (4, 3, 6, 1)]
    np.testing.assert_array_equal(shown["crop"][0], crops.get(chosen[0]).array[1:33, 1:33, 1:33])
    assert shown["overview"].shape == (4, 64, 64, 64) and shown["overview"].dtype == np.int16
    np.testing.assert_allclose(shown["overview_spacing"], np.minimum(3 * 32 * np.array(crops.spacing), 400) / 64)
    name = {"cls": "attention", "pooled": "occlusion"}[feature]
    assert {"attention", "occlusion"} & shown.keys() == {name}
    expected = reason_map(network.eval(), images_of(chosen, crops))[:, 0].detach().numpy()
    np.testing.assert_allclose(shown[name], expected, atol=1e-5)


def test_fewer_examples_where_there_are_fewer(items, crops, small_encoder):
    right = np.array([item["label"] for item in items], dtype=float)
    shown = examples(Classifier(small_encoder), items, right, crops, SIZE, WINDOW)
    assert len(shown["row"]) == lesion_results.EXAMPLES  # no mistakes


def test_writing(items, crops, dataset, small_encoder, tmp_path):
    network = Classifier(small_encoder)
    results = LesionResults(network, items, dataset, crops, SIZE, WINDOW, tmp_path / "eval", fold=1)
    (tmp_path / "eval").mkdir()
    (tmp_path / "eval" / "run.json").write_text('{"title": "kept"}')
    found = results.write()
    assert {path.name for path in (tmp_path / "eval").iterdir()} == {
        "predictions.csv",
        "metrics.json",
        "examples.npz",
        "run.json",
    }
    table = Predictions.read(tmp_path / "eval" / "predictions.csv")
    assert table.rows.tolist() == list(range(8)) and set(table.folds) == {1}
    np.testing.assert_allclose(table.probabilities, predict(network, dataset), atol=1e-6)
    record = json.loads((tmp_path / "eval" / "run.json").read_text())
    assert record == {"title": "kept", "auc": json.loads(json.dumps(found["metrics"]["auc"]))}
    assert json.loads((tmp_path / "eval" / "metrics.json").read_text()) == json.loads(json.dumps(found))


@pytest.mark.parametrize("name", ["predictions.csv", "metrics.json", "examples.npz"])
def test_a_planted_link_leads_nowhere(name, items, crops, dataset, small_encoder, tmp_path):
    """What lies behind it stays as it was."""
    (tmp_path / "mine").write_text("mine")
    (tmp_path / "eval").mkdir()
    (tmp_path / "eval" / name).symlink_to(tmp_path / "mine")
    LesionResults(Classifier(small_encoder), items, dataset, crops, SIZE, WINDOW, tmp_path / "eval").write()
    assert (tmp_path / "mine").read_text() == "mine" and not (tmp_path / "eval" / name).is_symlink()


@pytest.mark.parametrize(("rank", "written"), [(0, True), (1, False)])
def test_the_first_process_writes_when_training_ends(items, crops, dataset, small_encoder, tmp_path, rank, written):
    results = LesionResults(
        Classifier(small_encoder), items, dataset, crops, SIZE, WINDOW, tmp_path / "eval", rank=rank
    )
    engine = Engine(lambda engine, batch: None)
    results.attach(engine)
    engine.run([0], max_epochs=1)
    assert (tmp_path / "eval" / "predictions.csv").exists() is written


def test_lesions_of_one_patient_are_refused_before_anything_is_done():
    with pytest.raises(ConfigError, match=r"held-out lesions: too few patients .*expected 2 or more, found 1"):
        LesionResults(SimpleNamespace(), [{"patient_id": "a"}] * 5, None, None, SIZE, WINDOW, "nowhere")


@pytest.mark.parametrize(
    ("auc", "size", "words"),
    [
        (
            {"value": 0.8, "low": 0.7, "high": 0.9},
            {"auc": {"value": 0.75}},
            "9 lesions of 4 patients, AUC 0.800 (0.700 to 0.900); by size alone 0.750",
        ),
        ({"value": 0.8, "low": 0.7, "high": 0.9}, None, "9 lesions of 4 patients, AUC 0.800 (0.700 to 0.900)"),
        ({"value": 1.0, "low": None, "high": None}, None, "9 lesions of 4 patients, AUC 1.000 (no interval)"),
    ],
)
def test_one_line_in_words(auc, size, words):
    assert results_in_words({"cases": 9, "patients": 4, "metrics": {"auc": auc}, "size_only": size}) == words
