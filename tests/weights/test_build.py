"""Where an encoder comes from, what of it is loaded, and classifiers from their cards."""

import logging

import pytest
import torch
from fixtures.small import SMALL

from smart_nets.errors import CheckpointError, ConfigError
from smart_nets.networks.attention_net import AttentionNet
from smart_nets.networks.classifier import Classifier
from smart_nets.networks.encoder import SmartEncoder
from smart_nets.weights.build import (
    attention_net,
    build_classifier,
    build_encoder,
    find_encoder,
    load_attention,
    load_encoder,
    start_encoder,
)
from smart_nets.weights.io import save_weights

ARCHITECTURE = {"name": "SmartEncoder", **SMALL, "sa_stage": 3}
PLAIN = {**ARCHITECTURE, "sa_stage": None}
FED = {"crop_size": [32, 32, 32], "spacing": [1.0, 1.0, 1.0], "hu_window": [-1000, 400]}
CLASSIFIER = {"architecture": ARCHITECTURE, "feature": "pooled", "classes": ["benign", "malignant"], **FED}
IMAGE = torch.rand(1, 1, 32, 32, 32, generator=torch.Generator().manual_seed(0))


@pytest.fixture
def saved(tmp_path):
    """A pretrained encoder, and the path of its weights."""
    encoder = SmartEncoder(**SMALL)
    save_weights(encoder, tmp_path / "model.pt", {"architecture": ARCHITECTURE})
    return encoder, str(tmp_path / "model.pt")


@pytest.fixture
def plain(tmp_path):
    """The same without semantic attention."""
    encoder = build_encoder(PLAIN)
    save_weights(encoder, tmp_path / "plain.pt", {"architecture": PLAIN})
    return encoder, str(tmp_path / "plain.pt")


def changed(before: dict[str, torch.Tensor], after: dict[str, torch.Tensor]) -> set[str]:
    return {name for name in before.keys() & after.keys() if not torch.equal(before[name], after[name])}


def test_where_the_encoder_is_found(saved, tmp_path, caplog):
    own, none = saved[1], tmp_path / "none.pt"
    assert find_encoder("auto", own) == own
    assert find_encoder(own, none) == own
    assert find_encoder("none", own) is None and find_encoder(None, own) is None
    with caplog.at_level(logging.WARNING):
        assert find_encoder("auto", none) is None
    assert "no pretrained encoder" in caplog.text and "pretrain first (make pretrain)" in caplog.text


@pytest.mark.parametrize("remove", [("none.pt", "none.json"), ("none.json",)])
def test_a_path_that_was_given_must_exist_with_its_card(saved, tmp_path, remove):
    for name in ("none.pt", "none.json"):
        (tmp_path / name).write_bytes((tmp_path / name.replace("none", "model")).read_bytes())
    for name in remove:
        (tmp_path / name).unlink()
    with pytest.raises(CheckpointError, match=r"none.*there (are no weights|is no card) here"):
        find_encoder(str(tmp_path / "none.pt"), saved[1])


def test_starting_loads_every_tensor(saved, caplog):
    encoder, path = saved
    fresh = SmartEncoder(**SMALL)
    with caplog.at_level(logging.INFO):
        told = start_encoder(fresh, path)
    assert not changed(encoder.state_dict(), fresh.state_dict())
    assert told == f"{len(encoder.state_dict())} tensors of model.pt" and told in caplog.text


def test_without_weights_the_encoder_stays_as_it_is():
    fresh = SmartEncoder(**SMALL)
    before = {name: value.clone() for name, value in fresh.state_dict().items()}
    assert start_encoder(fresh, None) == "from scratch"
    assert not changed(before, fresh.state_dict())


def test_restarted_attention_is_the_fresh_one_and_the_rest_is_the_files(saved):
    encoder, path = saved
    fresh = SmartEncoder(**SMALL)
    own = {name: value.clone() for name, value in fresh.state_dict().items() if name.startswith("semantic_attention.")}
    told = start_encoder(fresh, path, restart_attention=True)
    assert told.endswith("semantic attention new")
    renewed = changed(encoder.state_dict(), fresh.state_dict())
    assert renewed and all(name.startswith("semantic_attention.") for name in renewed)
    assert not changed(own, fresh.state_dict())


def test_a_swin_without_attention_starts_one_with_it_and_the_other_way_round(saved, plain):
    for (source, path), target in ((plain, build_encoder(ARCHITECTURE)), (saved, build_encoder(PLAIN))):
        told = start_encoder(target, path)
        assert not any(name.startswith("swin.") for name in changed(source.state_dict(), target.state_dict()))
        assert told.endswith("semantic attention new") is target.has_attention


def test_there_must_be_an_attention_to_restart(plain):
    with pytest.raises(CheckpointError, match="restart_attention: there is no semantic attention to restart"):
        start_encoder(build_encoder(PLAIN), plain[1], restart_attention=True)


def test_another_encoders_weights_do_not_start_one(saved):
    with pytest.raises(CheckpointError, match="does not fit this network"):
        start_encoder(SmartEncoder(**{**SMALL, "embed_dim": 24}), saved[1])


def test_the_encoder_of_a_classifier(tmp_path):
    classifier = Classifier(SmartEncoder(**SMALL), "pooled")
    save_weights(classifier, tmp_path / "classifier.pt", CLASSIFIER)
    encoder = load_encoder(tmp_path / "classifier.pt")
    assert isinstance(encoder, SmartEncoder) and not encoder.training
    torch.testing.assert_close(encoder(IMAGE).pooled, classifier.eval().encoder(IMAGE).pooled)


def test_the_attention_of_a_pretrained_encoder_and_of_a_classifiers(saved, tmp_path):
    encoder, path = saved
    classifier = Classifier(encoder, "pooled")
    save_weights(classifier, tmp_path / "classifier.pt", CLASSIFIER)
    expected = AttentionNet(encoder.eval())(IMAGE)
    for card, weights in (({"architecture": ARCHITECTURE}, path), (CLASSIFIER, tmp_path / "classifier.pt")):
        network = attention_net(card).eval()
        assert not torch.allclose(network(IMAGE), expected)
        load_attention(network, weights)
        torch.testing.assert_close(network(IMAGE), expected)


def test_the_attention_of_one_head_and_block(saved):
    encoder, path = saved
    network = attention_net({"architecture": ARCHITECTURE}, head=2, block=0).eval()
    load_attention(network, path)
    torch.testing.assert_close(network(IMAGE), AttentionNet(encoder.eval(), 2, 0)(IMAGE))
    assert (attention_net(CLASSIFIER).head, attention_net(CLASSIFIER).block) == (None, -1)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (
            {"embed_dim": 24},
            r"model.pt: does not fit this network .*swin.patch_embed.proj.weight is .12, .*network has .24",
        ),
        ({"sa_stage": 4}, "does not fit this network .*semantic_attention"),
        ({"depths": [1, 1, 2, 1]}, r"does not fit this network .*missing: swin.layers3"),
        ({"depths": [1, 1, 1, 1], "in_chans": 2}, "does not fit this network"),
    ],
)
def test_row_57_weights_of_another_architecture_are_refused(saved, change, says):
    network = attention_net({"architecture": {**ARCHITECTURE, **change}})
    before = {name: value.clone() for name, value in network.state_dict().items()}
    with pytest.raises(CheckpointError, match=says):
        load_attention(network, saved[1])
    assert not changed(before, network.state_dict())


def test_weights_without_attention_show_none(plain):
    with pytest.raises(ConfigError, match="encoder: has no attention to show"):
        attention_net({"architecture": PLAIN})
    with pytest.raises(CheckpointError, match=r"does not fit this network .*missing: semantic_attention"):
        load_attention(attention_net({"architecture": ARCHITECTURE}), plain[1])


@pytest.mark.parametrize("setting", [{"head": 4}, {"head": -1}, {"block": 2}, {"block": -3}], ids=str)
def test_a_head_or_block_that_the_card_does_not_have(setting):
    with pytest.raises(ConfigError, match=r"(head|block): no such"):
        attention_net({"architecture": ARCHITECTURE}, **setting)


def test_a_classifier_is_as_its_card_says():
    three = {**CLASSIFIER, "feature": "cls", "classes": ["a", "b", "c"]}
    classifier = build_classifier(three)
    assert (classifier.feature, classifier.frozen, classifier(IMAGE).shape) == ("cls", False, (1, 3))


@pytest.mark.parametrize("missing", list(CLASSIFIER))
def test_the_card_of_another_network_is_refused(missing):
    card = {name: value for name, value in CLASSIFIER.items() if name != missing}
    with pytest.raises(CheckpointError, match="card: is no classifier"):
        build_classifier(card)


@pytest.mark.parametrize(
    ("change", "error", "says"),
    [
        ({"architecture": {"name": "ResNet"}}, CheckpointError, "an encoder this version does not know"),
        ({"feature": "mean"}, CheckpointError, "card, feature: cannot be"),
        ({"architecture": PLAIN, "feature": "cls"}, ConfigError, r"no \[CLS\] token"),
        ({"classes": ["all"]}, CheckpointError, "card, classes: cannot be .expected two different texts or more"),
    ],
)
def test_cards_that_no_classifier_can_have(change, error, says):
    with pytest.raises(error, match=says):
        build_classifier({**CLASSIFIER, **change})
