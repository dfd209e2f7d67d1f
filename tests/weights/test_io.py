"""Weights and their card: what is loaded is told tensor by tensor, and nothing that does not fit gets in."""

import json

import pytest
import torch
from fixtures.small import SMALL

from smart_nets.errors import CheckpointError
from smart_nets.networks.attention_net import AttentionNet
from smart_nets.networks.encoder import SmartEncoder
from smart_nets.weights.build import attention_net, build_encoder, card_or, load_encoder
from smart_nets.weights.io import card_path, load_weights, match_tensors, read_card, save_weights, sha256_of

CARD = {"architecture": {"name": "SmartEncoder", **SMALL}, "spacing": [2, 2, 2]}


@pytest.fixture
def saved(tmp_path):
    encoder = SmartEncoder(**SMALL)
    path = tmp_path / "models" / "model.pt"
    save_weights(encoder, path, CARD)
    return encoder, path


def test_a_round_trip_gives_the_same_encoder(saved):
    encoder, path = saved
    again = load_encoder(path)
    x = torch.rand(1, 1, 32, 32, 32)
    assert torch.equal(again(x).cls, encoder.eval()(x).cls)


def test_the_file_is_a_plain_state_dict_with_its_card(saved):
    encoder, path = saved
    state = torch.load(path, weights_only=True)
    assert set(state) == set(encoder.state_dict())
    card = read_card(path)
    assert card["sha256"] == sha256_of(path)
    assert card["tensors"] == len(state)
    assert [file.name for file in sorted(path.parent.iterdir())] == ["model.json", "model.pt"]  # nothing half-written


def test_monai_loads_the_swin_part(saved):
    pytest.importorskip("einops", reason="MONAI's own Swin needs einops, a development dependency")
    from monai.networks.nets.swin_unetr import SwinTransformer

    sizes = {"window_size": (4, 4, 4), "patch_size": (2, 2, 2), "depths": (1, 1, 1, 1), "num_heads": (1, 1, 2, 2)}
    options = {"qkv_bias": True, "patch_norm": True, "spatial_dims": 3, "downsample": "mergingv2"}
    monai = SwinTransformer(in_chans=1, embed_dim=12, **sizes, **options)
    state = torch.load(saved[1], weights_only=True)
    monai.load_state_dict(
        {name.removeprefix("swin."): value for name, value in state.items() if name.startswith("swin.")}
    )


def test_the_attention_net_has_the_encoders_own_names(saved):
    encoder, path = saved
    net = attention_net(read_card(path))
    assert set(net.state_dict()) == set(encoder.state_dict())
    report = load_weights(net, path)
    assert (len(report.matched), report.missing, report.unexpected) == (len(encoder.state_dict()), [], [])
    x = torch.rand(1, 1, 64, 64, 64)
    assert torch.allclose(net.eval()(x), AttentionNet(encoder).eval()(x))


def test_a_part_left_out_on_purpose(saved, tmp_path):
    _, path = saved
    plain = build_encoder({**CARD["architecture"], "sa_stage": None})
    with pytest.raises(CheckpointError, match="unexpected: semantic_attention"):
        load_weights(plain, path)
    report = load_weights(plain, path, left_out=("semantic_attention",))
    assert all(name.startswith("semantic_attention") for name in report.unexpected)
    save_weights(plain, tmp_path / "plain.pt", CARD)
    with pytest.raises(CheckpointError, match="missing: semantic_attention"):
        load_weights(SmartEncoder(**SMALL), tmp_path / "plain.pt")
    load_weights(SmartEncoder(**SMALL), tmp_path / "plain.pt", left_out=("semantic_attention",))


def test_a_failed_load_changes_nothing(saved):
    _, path = saved
    other = SmartEncoder(**{**SMALL, "embed_dim": 24})
    before = other.state_dict()["swin.patch_embed.proj.weight"].clone()
    with pytest.raises(CheckpointError, match=r"is \(12, 1, 2, 2, 2\), network has \(24, 1, 2, 2, 2\)"):
        load_weights(other, path)
    assert torch.equal(other.state_dict()["swin.patch_embed.proj.weight"], before)


def test_compare_names_every_tensor():
    own = {"a": torch.zeros(1), "b": torch.zeros(2), "c": torch.zeros(3)}
    report = match_tensors(own, {"a": torch.zeros(1), "b": torch.zeros(9), "d": torch.zeros(4)})
    assert (report.matched, report.missing, report.unexpected) == (["a"], ["c"], ["d"])
    assert report.wrong_shape == {"b": ((9,), (2,))}


def flip(path):
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(bytes(content))


def truncate(path):
    path.write_bytes(path.read_bytes()[:1000])


def pickle_bomb(path):
    class Bomb:
        def __reduce__(self):
            return (print, ("executed",))

    torch.save({"model": Bomb()}, path)


@pytest.mark.parametrize(
    ("damage", "says"),
    [
        (lambda path: path.unlink(), "there are no weights here"),
        (lambda path: path.write_text("<!DOCTYPE html><html>not found"), "an HTML page"),
        (lambda path: path.write_text("version https://git-lfs.github.com/spec/v1\noid sha256:0"), "a Git-LFS pointer"),
        (flip, "differs from its card|cannot be read|is damaged"),
        (truncate, "cannot be read as weights"),
        (pickle_bomb, "cannot be read as weights"),
        (lambda path: torch.save([1, 2], path), "holds no state dict"),
        (lambda path: torch.save({}, path), "holds no state dict"),
    ],
)
def test_files_that_are_no_weights(saved, damage, says, capsys):
    _, path = saved
    damage(path)
    with pytest.raises(CheckpointError, match=says):
        load_weights(SmartEncoder(**SMALL), path)
    assert "executed" not in capsys.readouterr().out


@pytest.mark.parametrize(("text", "says"), [("{", "is no JSON"), ("[]", "is no card"), (None, "there is no card here")])
def test_cards_that_are_none(saved, text, says):
    _, path = saved
    if text is None:
        card_path(path).unlink()
    else:
        card_path(path).write_text(text)
    with pytest.raises(CheckpointError, match=says):
        read_card(path)


@pytest.mark.parametrize(
    ("architecture", "says"),
    [
        ({}, "an encoder this version does not know"),
        ({"name": "ResNet"}, "ResNet"),
        ({"name": "SmartEncoder", "depht": 2}, "depht"),
    ],
)
def test_architectures_of_another_world(architecture, says):
    with pytest.raises(CheckpointError, match=says):
        build_encoder(architecture)


def test_the_default_stands_in_until_there_is_a_card(tmp_path, saved):
    assert card_or(tmp_path / "none.pt", {"default": 1}) == {"default": 1}
    assert card_or(saved[1], {})["architecture"] == json.loads(json.dumps(CARD["architecture"]))
