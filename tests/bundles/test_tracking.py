"""What MONAI's own handlers and trackers see of our training: a list with the loss, as its engines give."""

from __future__ import annotations

import json
import os
import re
import sys
import types
from pathlib import Path
from typing import Any

import pytest


@pytest.fixture(autouse=True)
def one_place(monkeypatch, tmp_path):
    """Trackers leave their address in the environment."""
    monkeypatch.setattr(os, "environ", dict(os.environ))
    monkeypatch.chdir(tmp_path)


@pytest.mark.usefixtures("without_page")
def test_mlflow_follows_the_classification(train, tmp_path):
    import mlflow

    train(tmp_path, tracking="mlflow", max_epochs=2)
    client = mlflow.MlflowClient(f"sqlite:///{tmp_path}/mlruns.db")
    (experiment,) = [one for one in client.search_experiments() if one.name == "monai_experiment"]
    runs = client.search_runs([experiment.experiment_id])
    losses = [one for each in runs for one in client.get_metric_history(each.info.run_id, "train_loss")]
    assert [one.step for one in losses] == [1, 2, 3, 4] and all(0 < one.value < 10 for one in losses)


HANDLERS = {
    "StatsHandler": {"tag_name": "train_loss", "output_transform": "$monai.handlers.from_engine(['loss'], first=True)"},
    "MetricLogger": {"loss_transform": "$monai.handlers.from_engine(['loss'], first=True)", "evaluator": None},
    "CheckpointLoader": {"load_dict": {"network": "@network"}, "strict": True},
}


@pytest.mark.usefixtures("without_page")
@pytest.mark.parametrize("name", HANDLERS)
def test_handlers_of_monai_added_by_an_overlay(name, train, tmp_path, classifier):
    overlay = tmp_path / "overlay.json"
    place = {"load_path": str(classifier / "models" / "model.pt")} if name == "CheckpointLoader" else {}
    handler = {"_target_": name, **HANDLERS[name], **place}
    overlay.write_text(json.dumps({"+imports": ["$import monai"], "+train#handlers": [handler]}))
    train(tmp_path / "out", str(overlay))
    assert (tmp_path / "out" / "models" / "model.pt").is_file()


@pytest.mark.usefixtures("without_page")
def test_weights_and_biases_by_the_overlay_of_the_docs(train, tmp_path, monkeypatch):
    """The overlay as it stands there, with a package that writes down what it is told."""
    told: list[tuple[int, dict[str, Any]]] = []
    begun: dict[str, Any] = {}
    package = types.SimpleNamespace(
        init=lambda **given: begun.update(given),
        log=lambda values, step: told.append((step, values)),
        finish=lambda: begun.update(finished=True),
    )
    monkeypatch.setitem(sys.modules, "wandb", package)
    page = (Path(__file__).parents[2] / "docs" / "troubleshooting.md").read_text(encoding="utf-8")
    (overlay,) = [one for one in re.findall(r"```json\n(.*?)```", page, re.DOTALL) if "WandBLogger" in one]
    (tmp_path / "wandb.json").write_text(overlay)
    train(tmp_path / "out", str(tmp_path / "wandb.json"))
    lines = [json.loads(line) for line in (tmp_path / "out" / "eval" / "metrics.jsonl").read_text().splitlines()]
    assert begun == {"project": "smart", "mode": "offline"}
    assert [(step, values["train/loss"]) for step, values in told] == [(one["step"], one["loss"]) for one in lines]
