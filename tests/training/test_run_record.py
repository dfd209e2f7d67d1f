"""run.json: how many lesions of whom, which encoder, which machine; merged as facts come in, and without names of people."""

import json

import pytest
import torch
from fixtures.small import SMALL
from ignite.engine import Engine

from smart_nets.errors import CheckpointError
from smart_nets.files import write_json
from smart_nets.networks.encoder import SmartEncoder
from smart_nets.training.run_record import (
    RunRecord,
    data_facts,
    encoder_facts,
    evaluation_record,
    lesion_facts,
    update_record,
)
from smart_nets.weights.io import save_weights, sha256_of


def lesions(*labels: int, each: int = 2) -> list[dict]:
    """Lesions with these labels, `each` of one patient."""
    return [
        {"image": f"/data/{n}.nii", "patient_id": f"p{n // each}", "label": label} for n, label in enumerate(labels)
    ]


def test_lesions_patients_and_positives_are_counted_by_hand():
    found = lesion_facts(lesions(1, 0, 0, 1, 1), lesions(0, 1, each=1), given=9, left_out={"no rating": 4})
    assert found == {
        "given": 9,
        "used": 7,
        "left_out": {"no rating": 4},
        "training": {"lesions": 5, "patients": 3, "positives": 3},
        "validation": {"lesions": 2, "patients": 2, "positives": 1},
    }


def test_the_encoder_is_told_by_its_file_and_hash(tmp_path):
    assert encoder_facts(None) == "from scratch"
    card = {"architecture": {"name": "SmartEncoder", **SMALL}, "epochs": 40, "data": {"source": "phantoms", "used": 28}}
    save_weights(SmartEncoder(**SMALL), tmp_path / "model.pt", card)
    assert encoder_facts(tmp_path / "model.pt") == {
        "file": "model.pt",
        "sha256": sha256_of(tmp_path / "model.pt"),
        "epochs": 40,
        "data": card["data"],
    }
    with pytest.raises(CheckpointError, match="there are no weights here"):
        encoder_facts(tmp_path / "none.pt")


def test_data_are_told_by_the_folders_name_and_a_hash_of_the_list():
    given = lesions(0, 1)
    found = data_facts(given, "/home/somebody/lidc/")
    assert (found["source"], found["used"]) == ("lidc", 2) and "somebody" not in json.dumps(found)
    assert data_facts(given, None)["source"] == "embedded phantoms"
    assert data_facts(given[::-1], "lidc")["manifest_sha256"] != found["manifest_sha256"]
    assert data_facts([{**item, "label": 0} for item in given], "lidc")["manifest_sha256"] == found["manifest_sha256"]


def test_the_record_of_an_evaluation(tmp_path):
    card = {
        "classes": ["benign", "malignant"],
        "sha256": "abc",
        "feature": "cls",
        "spacing": [1, 1, 1],
        "epochs": 3,
        "crop_size": [32, 32, 32],
        "hu_window": [-1000, 400],
        "parameters": 9,
        "margin": 2,
        "split": {"mode": "lesion", "folds": 3, "fold": 1, "seed": 0, "lesions": "f00"},
    }
    evaluation_record(tmp_path / "new" / "run.json", card, lesions(0, 1), "/data/lidc.csv", "2 by mask")
    record = json.loads((tmp_path / "new" / "run.json").read_text())
    assert record["classes"] == ["benign", "malignant"] and record["data"]["source"] == "lidc.csv"
    assert record["lesions"] == {"places": "2 by mask"}
    assert record["classify"] == {"split_mode": "lesion", "fold": 1}
    assert record["model"] == {
        name: card[name] for name in ("sha256", "feature", "spacing", "crop_size", "hu_window", "epochs", "parameters")
    }
    assert torch.__version__.startswith(record["versions"]["torch"])


def test_facts_are_merged_one_level_deep(tmp_path):
    path = tmp_path / "deep" / "run.json"
    assert update_record(path, auc={"value": 0.8}) == {"auc": {"value": 0.8}}
    update_record(path, auc={"low": 0.7}, seconds=3)
    assert update_record(path, seconds=4) == {"auc": {"value": 0.8, "low": 0.7}, "seconds": 4}
    assert [file.name for file in path.parent.iterdir()] == ["run.json"]  # nothing half-written


def test_what_json_cannot_hold_becomes_text(tmp_path):
    write_json(tmp_path / "a.json", {"path": tmp_path, "device": torch.device("cpu")})
    assert json.loads((tmp_path / "a.json").read_text()) == {"path": str(tmp_path), "device": "cpu"}


@pytest.mark.parametrize(("rank", "written"), [(0, True), (1, False)])
def test_the_first_process_records_start_and_duration(tmp_path, rank, written):
    engine = Engine(lambda engine, batch: None)
    RunRecord(tmp_path / "run.json", {"title": "a run"}, rank).attach(engine)
    engine.run([0], max_epochs=1)
    assert (tmp_path / "run.json").exists() is written
    if written:
        record = json.loads((tmp_path / "run.json").read_text())
        assert (
            record["title"] == "a run" and record["seconds"] >= 0 and {"started", "versions", "hardware"} <= set(record)
        )
