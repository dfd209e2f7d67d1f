"""Training of the classification bundle as its users run it: what it leaves behind, what each overlay changes."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from monai.bundle import ConfigParser

from smart_nets.classify.evaluate import evaluate
from smart_nets.lists.pseudonym import pseudonym
from smart_nets.networks.encoder import SmartEncoder
from smart_nets.statistics.predictions import Predictions
from smart_nets.weights.io import save_weights

BUNDLE = Path(__file__).parents[2] / "bundles" / "smart_lidc_classify"
CONFIGS = BUNDLE / "configs"
STILL = {"learning_rate": 1e-300, "head_learning_rate": 1e-300}  # leaves all weights exactly where they were


def read(path: Path) -> dict:
    return json.loads(path.read_text())


def weights_of(path: Path) -> dict[str, torch.Tensor]:
    return torch.load(path, weights_only=True)


def encoder_of(run: Path) -> dict[str, torch.Tensor]:
    """The encoder inside a trained classifier, by the encoder's own names."""
    state = weights_of(run / "models" / "model.pt")
    return {name.removeprefix("encoder."): value for name, value in state.items() if name.startswith("encoder.")}


def test_training_leaves_model_card_record_metrics_predictions_examples_and_report(classifier, lesion_scans):
    assert {path.name for path in (classifier / "models").iterdir()} == {"model.pt", "model.json"}
    card, record = read(classifier / "models" / "model.json"), read(classifier / "eval" / "run.json")
    assert (card["orientation"], card["crop_size"], card["spacing"], card["epochs"]) == ("RAS", [32] * 3, [3.0] * 3, 1)
    assert (card["feature"], card["classes"], card["margin"]) == ("cls", ["benign", "malignant"], 2)
    assert {name: card["split"][name] for name in ("mode", "folds", "fold")} == {
        "mode": "patient",
        "folds": 2,
        "fold": 0,
    }
    assert record["weights"]["sha256"] == card["sha256"]
    assert (record["encoder"], record["classify"]["name"]) == ("from scratch", "from scratch")
    part = {"lesions": 8, "patients": 2, "positives": 4}
    assert record["lesions"] == {
        "given": 16,
        "used": 16,
        "left_out": {},
        "places": "16 by x, y, z (RAS mm)",
        "training": part,
        "validation": part,
    }
    lines = [json.loads(line) for line in (classifier / "eval" / "metrics.jsonl").read_text().splitlines()]
    assert [line["step"] for line in lines] == [1, 2]  # eight lesions in batches of four
    found = Predictions.read(classifier / "eval" / "predictions.csv")
    assert len(found.rows) == 8 and set(found.folds) == {0} and np.isfinite(found.sizes).all()
    rows = (lesion_scans / "lesions.csv").read_text().splitlines()[1:]
    for row, patient, label in zip(found.rows, found.patients, found.labels, strict=True):
        name, _, truth = rows[row].split(",")[:3]
        assert (pseudonym(name), int(truth)) == (patient, label)
    measured = read(classifier / "eval" / "metrics.json")
    assert measured == json.loads(json.dumps(evaluate(found)))
    assert record["auc"] == measured["metrics"]["auc"]
    looks = np.load(classifier / "eval" / "examples.npz")
    assert looks["crop"].shape == looks["attention"].shape and looks["crop"].shape[1:] == (32, 32, 32)
    page = (classifier / "eval" / "report.html").read_text()
    assert "not for diagnostic use" in page.lower() and "phantom-0000" not in page
    assert "https://" not in page and "http://" not in page.replace("http://www.w3.org", "")  # nothing is fetched


@pytest.mark.usefixtures("without_page")
def test_a_second_run_predicts_the_same_and_leaves_the_bundle_alone(classifier, train, tmp_path):
    before = set(BUNDLE.rglob("*"))
    again = train(tmp_path)
    assert set(BUNDLE.rglob("*")) == before
    assert {path.name for path in again.iterdir()} == {"models", "eval"}
    ours, theirs = ((run / "eval" / "predictions.csv").read_text() for run in (classifier, again))
    assert ours == theirs


@pytest.mark.usefixtures("without_page")
def test_a_split_column_is_followed(quick, train, tmp_path):
    source = Path(quick["dataset_dir"])
    parts = {"phantom-0000": "train", "phantom-0001": "Training", "phantom-0002": "test", "phantom-0003": "test"}
    header, *rows = source.read_text().splitlines()
    cells = [row.split(",") for row in rows]
    told = [",".join([c[0], str(source.parent / c[1]), *c[2:], parts[c[0]]]) for c in cells]
    (tmp_path / "lesions.csv").write_text("\n".join([header + ",split", *told]))
    run = train(tmp_path / "run", split_mode="column", dataset_dir=str(tmp_path / "lesions.csv"))
    found = Predictions.read(run / "eval" / "predictions.csv")
    assert found.rows.tolist() == list(range(8, 16))
    assert set(found.patients) == {pseudonym("phantom-0002"), pseudonym("phantom-0003")}


def test_splitting_by_lesion_is_warned_of_in_the_report(train, tmp_path):
    page = (train(tmp_path, split_mode="lesion") / "eval" / "report.html").read_text()
    assert "The split is by lesion, not by patient" in page


@pytest.mark.usefixtures("without_page")
def test_the_pretrained_encoder_is_loaded_exactly(train, encoder_file, tmp_path):
    run = train(tmp_path / "run", pretrained=str(encoder_file), **STILL)
    given, got = weights_of(encoder_file), encoder_of(run)
    assert set(got) == set(given) and all(torch.equal(got[name], given[name]) for name in given)
    record = read(run / "eval" / "run.json")
    assert record["classify"]["name"] == "fine-tuned"
    assert (record["encoder"]["file"], record["encoder"]["epochs"]) == ("model.pt", 7)
    assert record["encoder"]["sha256"] == read(encoder_file.with_suffix(".json"))["sha256"]


@pytest.mark.usefixtures("without_page")
def test_fine_tuning_moves_the_encoder(train, encoder_file, tmp_path):
    given, got = weights_of(encoder_file), encoder_of(train(tmp_path / "run", pretrained=str(encoder_file)))
    moved = {name for name in given if not torch.equal(got[name], given[name])}
    assert any(name.startswith("swin.") for name in moved) and any(name.startswith("semantic_") for name in moved)


@pytest.mark.usefixtures("without_page")
def test_restarting_attention_keeps_the_swin_and_renews_only_semantic_attention(train, encoder_file, tmp_path):
    run = train(tmp_path / "run", pretrained=str(encoder_file), restart_attention=True, **STILL)
    given, got = weights_of(encoder_file), encoder_of(run)
    renewed = {name for name in given if not torch.equal(got[name], given[name])}
    assert renewed and all(name.startswith("semantic_attention.") for name in renewed)
    drawn = {name for name, value in given.items() if name.startswith("semantic_attention.") and value.std() > 0}
    assert {name for name in drawn if name.endswith(".weight") and "norm" not in name} <= renewed


def test_linear_probing_leaves_the_encoder_as_it_was_loaded(train, encoder_file, tmp_path):
    run = train(tmp_path / "run", "linear_probe.json", pretrained=str(encoder_file))
    given, got = weights_of(encoder_file), encoder_of(run)
    assert all(torch.equal(got[name], given[name]) for name in given)
    head = weights_of(run / "models" / "model.pt")["head.1.bias"]
    assert head.abs().max() > 0  # it starts at 0
    record = read(run / "eval" / "run.json")
    assert record["classify"]["name"] == "linear probe" and record["settings"]["frozen"] is True
    assert record["model"]["trained"] < record["model"]["parameters"] / 10


@pytest.mark.usefixtures("without_page")
def test_few_shot_trains_on_the_share_it_says_and_is_judged_on_the_same_lesions(classifier, train, tmp_path):
    run = train(tmp_path, "few_shot.json", train_fraction=0.5)
    record, full = read(run / "eval" / "run.json"), read(classifier / "eval" / "run.json")
    assert record["lesions"]["training"] == {"lesions": 4, "patients": 1, "positives": 2}  # half of two patients
    assert record["lesions"]["validation"] == full["lesions"]["validation"]
    assert record["classify"] == {**full["classify"], "train_fraction": 0.5}
    rows = [Predictions.read(one / "eval" / "predictions.csv").rows.tolist() for one in (run, classifier)]
    assert rows[0] == rows[1]


def test_few_shot_takes_a_quarter_for_four_times_the_epochs():
    parser = ConfigParser()
    parser.read_config([str(CONFIGS / name) for name in ("train.json", "few_shot.json")])
    parser["preset"] = "tiny"
    assert parser.get_parsed_content("train_fraction") == 0.25
    assert parser.get_parsed_content("max_epochs") == 4 * parser["presets"]["tiny"]["max_epochs"]


@pytest.mark.parametrize(("weights", "rate"), [("model.pt", 5e-5), (None, 5e-4)])
def test_few_labels_move_a_pretrained_encoder_slowly(weights, rate):
    parser = ConfigParser()
    parser.read_config([str(CONFIGS / name) for name in ("train.json", "few_shot.json")])
    parser.update({"preset": "tiny", "encoder_weights": weights})
    assert parser.get_parsed_content("learning_rate") == pytest.approx(rate)


def test_response_runs_with_its_own_phantoms(train, tmp_path, monkeypatch):
    monkeypatch.setattr(
        "smart_nets.classify.lesions.phantoms.SPACING_MM", (4.0, 4.0, 4.0)
    )  # a test has no time for finer ones
    run = train(tmp_path, "response.json", dataset_dir=None, phantoms=4, cache_dir=str(tmp_path / "cache"))
    card, record = read(run / "models" / "model.json"), read(run / "eval" / "run.json")
    assert card["classes"] == record["classes"] == ["no durable benefit", "durable benefit"]
    part = {"lesions": 2, "patients": 2, "positives": 1}
    assert record["lesions"] == {
        "given": 4,
        "used": 4,
        "left_out": {},
        "places": "4 by x, y, z (RAS mm)",
        "training": part,
        "validation": part,
    }
    assert record["data"]["source"] == "embedded phantoms"
    assert "no durable benefit" in (run / "eval" / "report.html").read_text()


def test_the_pooled_feature_and_an_encoder_without_attention(train, tmp_path, monkeypatch):
    monkeypatch.setattr("smart_nets.classify.occlusion.PARTS", 2)  # 3^3 places to hide instead of 7^3
    monkeypatch.setattr("smart_nets.classify.results.EXAMPLES", 1)
    plain = {"default_card#architecture#sa_stage": "$None", "feature": "pooled"}  # a bare None would be lost
    run = train(tmp_path, **plain)
    assert read(run / "models" / "model.json")["feature"] == "pooled"
    assert weights_of(run / "models" / "model.pt")["head.1.weight"].shape == (2, 192)  # 12 * 2^4: the last stage
    looks = np.load(run / "eval" / "examples.npz")
    assert "attention" not in looks and looks["occlusion"].shape == looks["crop"].shape


@pytest.mark.usefixtures("without_page")
def test_any_encoder_of_the_project_can_start(train, tmp_path):
    """The network is the one that the card beside the weights describes, whatever the preset says."""
    own = {"embed_dim": 6, "depths": [1, 1, 2, 1], "num_heads": [1, 1, 2, 2], "sa_stage": 1, "sa_heads": 2}
    save_weights(
        SmartEncoder(**own),
        tmp_path / "own.pt",
        {"architecture": {"name": "SmartEncoder", **own}, "spacing": [3.0] * 3, "hu_window": [-1000, 400]},
    )
    card = read(train(tmp_path / "run", pretrained=str(tmp_path / "own.pt")) / "models" / "model.json")
    assert card["architecture"]["sa_stage"] == 1 and card["attention_cell"] == 4
