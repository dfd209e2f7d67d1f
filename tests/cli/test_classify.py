"""The verbs features, probe and compare, as a user types them."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from fixtures.small import SAVED

from smart_nets import cli
from smart_nets.errors import SmartError
from smart_nets.networks.encoder import SmartEncoder
from smart_nets.statistics.features import read_features
from smart_nets.statistics.predictions import Predictions
from smart_nets.weights.default_model import shipped_model
from smart_nets.weights.io import read_card, save_weights

FED = {"crop_size": [64] * 3, "spacing": [2.0] * 3, "hu_window": [-1000, 400]}
CARD = {"architecture": {"name": "SmartEncoder", **SAVED}, **FED}
PATIENTS = 8


@pytest.fixture
def verb(monkeypatch, capsys):
    """Run `python -m smart_nets <arguments>` in this process; returns what it printed."""

    def run(*arguments: object) -> str:
        monkeypatch.setattr(sys, "argv", ["smart_nets", *map(str, arguments)])
        monkeypatch.setattr(sys, "excepthook", sys.excepthook)  # `main` sets its own
        cli.main()
        return capsys.readouterr().out

    return run


@pytest.fixture
def data(tmp_path) -> Path:
    """Eight small scans, two lesions each, and the weights of an encoder."""
    lines = ["patient_id,image,label,x,y,z,diameter_mm"]
    for patient in range(PATIENTS):
        noise = np.random.default_rng(patient).normal(-300, 200, (36, 36, 36)).astype(np.int16)
        noise[:2] = -1000
        nib.save(nib.Nifti1Image(noise, np.eye(4)), tmp_path / f"p{patient}.nii.gz")
        lines += [f"p{patient},p{patient}.nii.gz,{label},{16 + label},18,18,{9 + patient}" for label in (0, 1)]
    (tmp_path / "lesions.csv").write_text("\n".join(lines))
    save_weights(SmartEncoder(**SAVED), tmp_path / "model.pt", CARD)
    return tmp_path


def test_features_then_probe(verb, data):
    said = verb(
        "features",
        data / "lesions.csv",
        "--model",
        data / "model.pt",
        "--output",
        data / "out" / "features.npz",
        "--spacing",
        "1",
        "--crop",
        "32",
    )
    assert "places: 16 by x, y, z (RAS mm)\n" in said
    assert "16 rows of 8 patients" in said and "cls (48), pooled (192), stages (552)" in said
    table = read_features(data / "out" / "features.npz")
    assert (table.card["spacing"], table.card["crop_size"]) == ([1.0] * 3, [32] * 3)  # not the card's 2 mm and 64
    assert table.labels.tolist() == [0, 1] * PATIENTS
    assert (data / "out" / "features_cache").is_dir()
    said = verb(
        "probe", data / "out" / "features.npz", data / "probe", "--kind", "knn", "--folds", "2", "--feature", "pooled"
    )
    assert (
        said.startswith("knn probe of mean of the last stage: 16 lesions of 8 patients, AUC ")
        and "by size alone 0.500" in said
    )
    assert f"report: {data / 'probe' / 'report.html'}" in said
    names = {path.name for path in (data / "probe").iterdir()}
    assert names == {"predictions.csv", "metrics.json", "run.json", "report.html"}
    assert json.loads((data / "probe" / "run.json").read_text())["settings"]["kind"] == "knn"


def test_a_file_of_one_feature_is_probed_by_it(verb, data):
    where = ("--model", data / "model.pt", "--output", data / "features.npz")
    said = verb("features", data / "lesions.csv", *where, "--spacing", "1", "--crop", "32", "--feature", "stages")
    assert "16 rows of 8 patients: stages (552)\n" in said
    said = verb("probe", data / "features.npz", data / "probe", "--folds", "2")
    assert said.startswith("linear probe of all stages: 16 lesions of 8 patients, AUC ")


def test_without_a_model_the_shipped_encoder_gives_the_features(verb, data):
    """At the voxel size and crop of its own card."""
    weights = shipped_model()
    card = read_card(weights)
    said = verb("features", data / "lesions.csv", "--output", data / "shipped.npz")
    assert "16 rows of 8 patients: cls (64), pooled (256), stages (736)\n" in said
    verb("features", data / "lesions.csv", "--model", weights, "--output", data / "named.npz")
    shipped, named = (read_features(data / f"{name}.npz") for name in ("shipped", "named"))
    assert (shipped.card["spacing"], shipped.card["crop_size"]) == (card["spacing"], card["crop_size"])
    for name, values in shipped.vectors.items():
        np.testing.assert_array_equal(values, named.vectors[name])


def run_folder(folder: Path, name: str, shift: float) -> Path:
    """A finished run: probabilities that rise with the label as far as `shift` says."""
    rng = np.random.default_rng(3)
    labels = np.arange(40) % 2
    probabilities = np.clip(rng.uniform(0.2, 0.6, 40) + shift * labels, 0, 1)
    (folder / "eval").mkdir(parents=True)
    patients = np.array([f"p{k // 2}" for k in range(40)])
    Predictions(np.arange(40), patients, np.zeros(40, int), labels, probabilities, rng.uniform(5, 20, 40)).write(
        folder / "eval" / "predictions.csv"
    )
    facts = {"classify": {"name": name, "train_fraction": 1.0, "fold": 0, "subset_seed": 0}}
    (folder / "eval" / "run.json").write_text(json.dumps(facts))
    return folder


def test_compare(verb, tmp_path):
    runs = [run_folder(tmp_path / name, name, shift) for name, shift in (("fine-tuned", 0.3), ("from scratch", 0.05))]
    said = verb("compare", *runs, "--output_dir", tmp_path / "out")
    assert f"report: {tmp_path / 'out' / 'compare.html'}" in said
    found = json.loads((tmp_path / "out" / "compare.json").read_text())
    assert set(found["models"]) == {"fine-tuned", "from scratch"} and len(found["differences"]) == 1
    page = (tmp_path / "out" / "compare.html").read_text()
    assert "fine-tuned" in page and "from scratch" in page


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("features", "none", "--model", "model.pt", "--output", "f.npz"), "none: does not exist"),
        (("features", "lesions.csv", "--model", "none.pt", "--output", "f.npz"), "none.pt: there are no weights here"),
        (("features", "lesions.csv", "--model", "model.pt", "--output", "f.npz", "--crop", "40"), "multiples of 32"),
        (("probe", "none.npz", "out"), "none.npz: there is no such file"),
        (("probe", "lesions.csv", "out"), "is damaged, or no file of features"),
        (("compare", "none", "--output_dir", "out"), "there is no such file"),
        (("compare", "--output_dir", "out"), "runs: there are no runs to compare"),
    ],
)
def test_faults_are_one_sentence_and_leave_nothing(verb, data, monkeypatch, arguments, says):
    monkeypatch.chdir(data)
    before = set(data.iterdir())
    with pytest.raises(SmartError) as caught:
        verb(*arguments)
    assert says in str(caught.value)
    assert set(data.iterdir()) == before
