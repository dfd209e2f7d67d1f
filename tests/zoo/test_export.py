"""Networks leave Python as three formats that give the same numbers, and a wrong one is refused."""

import json

import pytest
import torch
from fixtures.small import SAVED

from smart_nets.errors import CheckpointError, ConfigError
from smart_nets.networks.classifier import Classifier
from smart_nets.networks.encoder import SmartEncoder
from smart_nets.weights.io import card_path, save_weights
from smart_nets.zoo import export as exports
from smart_nets.zoo.export import export

FED = {"crop_size": [32] * 3, "spacing": [4.0] * 3, "hu_window": [-175, 250]}
CARD = {"architecture": {"name": "SmartEncoder", **SAVED}, **FED}


@pytest.fixture(scope="module", params=["encoder", "classifier"])
def model(request, tmp_path_factory):
    """Weights and card, not to be changed."""
    torch.manual_seed(0)
    path = tmp_path_factory.mktemp(request.param) / "model.pt"
    network, card = SmartEncoder(**SAVED), CARD
    if request.param == "classifier":
        network, card = Classifier(network), {**CARD, "feature": "cls", "classes": ["benign", "malignant"]}
    for parameter in network.parameters():
        torch.nn.init.normal_(parameter, std=0.1)  # nothing may be equal by chance
    save_weights(network, path, card)
    return path


@pytest.fixture(scope="module")
def made(model):
    """What `export` wrote of it, beside it."""
    return export(model, model.parent / "out")


def test_every_format_equals_the_network(made):
    assert [(one.format, one.path.name) for one in made] == [
        ("torchscript", "model.ts"),
        ("export", "model.pt2"),
        ("onnx", "model.onnx"),
    ]
    for one in made:
        assert one.path.stat().st_size > 100_000 and one.difference < 1e-4


def test_torchscript_takes_any_batch(made):
    x = torch.rand(3, 1, 32, 32, 32)
    traced = torch.jit.load(made[0].path)
    torch.testing.assert_close(traced(x)[1:2], traced(x[1:2]))


def test_an_export_that_differs_is_refused(model, tmp_path, monkeypatch):
    monkeypatch.setitem(exports.WRITERS, "export", lambda network, example, path: lambda x: network(x) + 1)
    with pytest.raises(CheckpointError, match="exported network differs from its own"):
        export(model, tmp_path, ("export",))


def test_what_cannot_be_exported_is_told(tmp_path):
    save_weights(SmartEncoder(**SAVED), tmp_path / "model.pt", CARD)
    with pytest.raises(ConfigError, match=r"formats: is no format .*found tflite"):
        export(tmp_path / "model.pt", tmp_path, ("tflite",))
    with pytest.raises(CheckpointError, match="there are no weights here"):
        export(tmp_path / "none.pt", tmp_path)
    card = {**json.loads(card_path(tmp_path / "model.pt").read_text()), "sha256": "0" * 64}
    card_path(tmp_path / "model.pt").write_text(json.dumps(card))
    with pytest.raises(CheckpointError, match="differs from its card"):
        export(tmp_path / "model.pt", tmp_path)
