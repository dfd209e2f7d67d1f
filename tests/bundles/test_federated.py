"""The trainable bundles as clients of a federation: MONAI's own client trains, sends, receives and judges weights."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import pytest
import torch
from monai.fl.client import MonaiAlgo
from monai.fl.utils.constants import FlStatistics, WeightType
from monai.fl.utils.exchange_object import ExchangeObject
from torch import Tensor

from smart_nets.errors import CheckpointError, cause
from smart_nets.phantom import make_dataset

BUNDLES = Path(__file__).parents[2] / "bundles"
EVALUATE = {
    "smart_pretrain": ["configs/train.json", "configs/federated.json"],
    "smart_lidc_classify": "configs/train.json",
}
Weights = dict[str, Tensor]


@pytest.fixture(scope="module")
def settings(quick: dict[str, Any], tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Any]]:
    """Bundle -> settings of a local epoch of a few seconds."""
    scans = tmp_path_factory.mktemp("scans")
    make_dataset(scans, 2, spacing=(4.0, 4.0, 4.0))
    pretrain = {
        "dataset_dir": str(scans), "preset": "tiny", "max_epochs": 2, "visits_per_epoch": 1, "crop_size": [32, 32, 32],
        "batch_size": 2, "organ_patients": 2, "out_dim": 64, "architecture#depths": [1, 1, 1, 1],
    }  # fmt: skip
    return {"smart_pretrain": pretrain, "smart_lidc_classify": {**quick, "max_epochs": 2}}


def contents(folder: Path) -> dict[Path, str]:
    return {path: hashlib.sha256(path.read_bytes()).hexdigest() for path in folder.rglob("*") if path.is_file()}


def copy(weights: Weights) -> Weights:
    return {name: value.clone() for name, value in weights.items()}  # on a CPU the client hands out its own tensors


def client(bundle: str, options: dict[str, Any], output: Path, **changed: Any) -> MonaiAlgo:
    options = {**options, "output_dir": str(output)}
    algo = MonaiAlgo(
        str(BUNDLES / bundle),
        **{"train_kwargs": options, "eval_kwargs": options, "config_evaluate_filename": EVALUATE[bundle], **changed},
    )
    algo.initialize()
    return algo


@pytest.mark.parametrize(
    ("bundle", "differences", "metric", "inside"),
    [
        (
            "smart_pretrain",
            False,
            "amip",
            (0.05, 2.0),
        ),  # differences cannot be: MONAI does not subtract its bool buffers
        ("smart_lidc_classify", True, "auc", (0.0, 1.0)),
    ],
)
def test_two_rounds_train_send_take_and_judge_weights(bundle, differences, metric, inside, settings, tmp_path):
    before = contents(BUNDLES / bundle)
    algo = client(bundle, settings[bundle], tmp_path / "out", send_weight_diff=differences)
    given = copy(algo.trainer.network.state_dict())
    for number in (1, 2):
        algo.train(ExchangeObject(weights=given))
        sent = algo.get_weights()
        assert sent.weight_type == (WeightType.WEIGHT_DIFF if differences else WeightType.WEIGHTS)
        assert sent.statistics[FlStatistics.NUM_EXECUTED_ITERATIONS] >= 1
        assert algo.trainer.state.epoch == number  # the second round goes on; schedules do not start anew
        result = {name: given[name] + value for name, value in sent.weights.items()} if differences else sent.weights
        assert result.keys() == given.keys()
        assert any(not torch.equal(result[name], given[name]) for name in given)
        given = copy(result)
        found = algo.evaluate(ExchangeObject(weights=given)).metrics
        assert inside[0] <= found[metric] <= inside[1]
    algo.finalize()
    assert (tmp_path / "out" / "models" / "model.pt").is_file()
    assert contents(BUNDLES / bundle) == before


def test_global_weights_replace_all_local_ones(settings, tmp_path):
    algo = client("smart_lidc_classify", settings["smart_lidc_classify"], tmp_path, config_train_filename=None)
    given = {name: torch.full_like(value, 2) for name, value in algo.evaluator.network.state_dict().items()}
    algo.evaluate(ExchangeObject(weights=given))
    assert all((value == 2).all() for value in algo.evaluator.network.state_dict().values())


def test_amip_tells_good_weights_from_bad_ones(settings, tmp_path):
    algo = client("smart_pretrain", settings["smart_pretrain"], tmp_path, config_train_filename=None)
    good = copy(algo.evaluator.network.state_dict())
    bad = {**good, "image_head.proj.weight": good["image_head.proj.weight"] * 50}
    values = [algo.evaluate(ExchangeObject(weights=one)).metrics["amip"] for one in (good, bad)]
    assert values[0] < 1 < values[1]
    assert algo.evaluator.state.best_metric == values[0]  # lower is better


def test_weights_of_another_network_are_refused(settings, tmp_path):
    algo = client("smart_pretrain", settings["smart_pretrain"], tmp_path, config_evaluate_filename=None)
    with pytest.raises(RuntimeError, match="No global weights converted"):
        algo.train(ExchangeObject(weights={"another.weight": torch.zeros(1)}))


def test_monais_default_needs_a_trained_classifier(settings, tmp_path):
    with pytest.raises(RuntimeError) as caught:  # it lays evaluate.json over train.json, which reads weights from disk
        client("smart_lidc_classify", settings["smart_lidc_classify"], tmp_path, config_evaluate_filename="default",
               config_train_filename=None)  # fmt: skip
    assert isinstance(cause(caught.value), CheckpointError)
    assert "there are no weights here" in str(cause(caught.value))
