"""`smart-nets convert`, there and back, and files that it refuses."""

import json
from pathlib import Path

import pytest
import torch
from fixtures.small import SAVED, SMALL
from monai.networks.nets.swin_unetr import SwinTransformer, SwinUNETR

from smart_nets.cli.weights import convert
from smart_nets.errors import CheckpointError, ConfigError, InputError
from smart_nets.networks.encoder import SmartEncoder
from smart_nets.networks.segmenter import Segmenter
from smart_nets.weights.build import load_encoder
from smart_nets.weights.io import read_card, save_weights

FED = {"crop_size": [32, 32, 32], "spacing": [2.0, 2.0, 2.0], "hu_window": [-175, 250], "orientation": "RAS"}
HOW = {"spacing": "2", "hu_window": "-175,250", "crop_size": "32"}
IMAGE = torch.rand(1, 1, 32, 32, 32, generator=torch.Generator().manual_seed(0))


@pytest.fixture
def model(tmp_path):
    path = tmp_path / "in" / "model.pt"
    save_weights(SmartEncoder(**SAVED), path, {"architecture": {"name": "SmartEncoder", **SAVED}, **FED})
    return str(path)


@pytest.fixture
def segmenter(tmp_path):
    path = tmp_path / "seg" / "model.pt"
    told = {"kind": "segmenter", "labels": {"tumour": [1]}, "crop_size": [64, 32, 32]}
    card = {**FED, **told, "architecture": {"name": "SmartEncoder", **SAVED}}
    save_weights(Segmenter(SmartEncoder(**SAVED), 2), path, card)
    return str(path)


@torch.no_grad()
def test_there_and_back_through_swin_unetr(model, tmp_path, capsys):
    convert(model, str(tmp_path / "out"), to="swinunetr", classes=5)
    told = json.loads((tmp_path / "out" / "conversion.json").read_text())
    state = torch.load(tmp_path / "out" / "model.pt", weights_only=True)
    SwinUNETR(**told["arguments"]).load_state_dict(state)  # strictly
    said = capsys.readouterr().out
    assert "largest difference" in said and "without a place there: mask_token, token_norm, semantic_attention" in said
    parts = ",".join(dict.fromkeys(name.split(".")[0] for name in state if not name.startswith("swinViT")))
    file = str(tmp_path / "out" / "model.pt")
    convert(file, str(tmp_path / "back"), from_="swinunetr", downsample="mergingv2", leave_out=parts, **HOW)
    back, own = load_encoder(tmp_path / "back" / "model.pt"), load_encoder(model)
    torch.testing.assert_close(back(IMAGE).deep, own(IMAGE).deep, atol=1e-5, rtol=1e-5)
    assert read_card(tmp_path / "back" / "model.pt")["spacing"] == [2.0, 2.0, 2.0]


@pytest.mark.parametrize("target", ["safetensors", "huggingface"])
@torch.no_grad()
def test_safe_files_hold_the_whole_encoder(target, model, tmp_path):
    convert(model, str(tmp_path / "out"), to=target)
    back, own = load_encoder(tmp_path / "out" / "model.safetensors"), load_encoder(model)
    for one, other in zip(back(IMAGE).features.values(), own(IMAGE).features.values(), strict=True):
        assert torch.equal(one, other)


@torch.no_grad()
def test_a_segmenters_encoder_and_its_whole_network(segmenter, tmp_path):
    convert(segmenter, str(tmp_path / "hub"), to="huggingface")
    assert read_card(tmp_path / "hub" / "model.safetensors")["kind"] == "encoder"
    convert(segmenter, str(tmp_path / "nnunet"), to="nnunet")
    told = torch.load(tmp_path / "nnunet" / "model.pth", weights_only=True)
    assert {"network_weights", "init_args"} <= told.keys()
    assert SwinUNETR(**told["init_args"]).load_state_dict(told["network_weights"])


@torch.no_grad()
def test_published_weights_below_state_dict(tmp_path):
    theirs = SwinTransformer(1, 12, (3, 3, 3), (2, 2, 2), (1, 1, 1, 1), (1, 1, 2, 2), patch_norm=True)
    state = {f"module.{name.replace('linear', 'fc')}": value for name, value in theirs.state_dict().items()}
    torch.save({"epoch": 3, "state_dict": state}, tmp_path / "ssl.pt")
    how = {"from_": "swintransformer", "downsample": "merging", **HOW}
    with pytest.raises(ConfigError, match="multiples of 32"):
        convert(str(tmp_path / "ssl.pt"), str(tmp_path / "out"), **{**how, "crop_size": "33"})
    convert(str(tmp_path / "ssl.pt"), str(tmp_path / "out"), **how)
    own = load_encoder(tmp_path / "out" / "model.pt")
    deep = theirs.eval()(IMAGE, normalize=False)[-1]
    torch.testing.assert_close(own(IMAGE).deep, deep, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize(
    ("options", "error", "says"),
    [
        ({}, ConfigError, "needs one direction"),
        ({"to": "safetensors", "from_": "smit"}, ConfigError, "needs one direction"),
        ({"to": "onnx"}, ConfigError, "swinunetr or swintransformer or nnunet"),
        ({"to": "swinunetr", "downsample": "v2"}, ConfigError, "mergingv2 or merging"),
        ({"to": "swinunetr", "classes": 1}, ConfigError, "one class or more"),
        ({"from_": "swinunetr", **HOW}, ConfigError, "in which order neighbours are merged .*--downsample"),
        ({"from_": "timm", "downsample": "merging", **HOW}, ConfigError, "swinunetr or swintransformer or smit"),
        ({"from_": "smit"}, ConfigError, "--spacing: is not given"),
        ({"from_": "smit", **HOW, "spacing": "2,2"}, ConfigError, "--spacing: cannot be"),
        ({"from_": "smit", **HOW, "hu_window": "low"}, ConfigError, "--hu_window: cannot be"),
        ({"from_": "smit", **HOW, "crop_size": "32.5"}, ConfigError, "--crop_size: cannot be"),
        ({"from_": "smit", **HOW, "hu_window": "250,-175"}, ConfigError, "hu_window: is no window .*low below high"),
        ({"from_": "smit", **HOW, "spacing": "0"}, ConfigError, "spacing: is no voxel size"),
    ],
)  # fmt: skip
def test_directions_and_settings(options, error, says, model, tmp_path):
    with pytest.raises(error, match=says):
        convert(model, str(tmp_path / "out"), **options)
    assert not (tmp_path / "out" / "model.pt").exists()


def test_a_card_whose_crop_does_not_fit_writes_nothing(model, tmp_path):
    card = Path(model).with_suffix(".json")
    card.write_text(json.dumps(json.loads(card.read_text()) | {"crop_size": [33, 33, 33]}))
    with pytest.raises(
        CheckpointError, match=r"model.pt: card tells a crop .*multiples of 32, such as 32 or 64, found 33 x 33 x 33"
    ):
        convert(model, str(tmp_path / "out"), to="safetensors")
    assert not (tmp_path / "out").exists()


def damaged(folder, name, content):
    folder.mkdir(exist_ok=True)
    path = folder / name
    path.write_bytes(content) if isinstance(content, bytes) else torch.save(content, path)
    return str(path)


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("a.pt", b"", "cannot be read as weights"),
        ("a.pt", b"<html>", "an HTML page"),
        ("a.pt", b"version https://git-lfs.github.com/spec/v1", "Git-LFS"),
        ("a.pt", b"PK\x03\x04 half a zip", "cannot be read as weights"),
        ("a.safetensors", b"\xff" * 40, "cannot be read as weights"),
        ("a.safetensors", b"", "cannot be read as weights"),
        ("a.pt", [torch.zeros(2)], "holds no state dict"),
        ("a.pt", {"state_dict": {}}, "holds no state dict"),
        ("a.pt", {"epoch": 3}, "holds no state dict"),
        ("a.pt", {1: torch.zeros(2)}, "names that are no texts"),
        ("a.pt", {"conv.weight": torch.zeros(2)}, "holds no Swin"),
    ],
)  # fmt: skip
def test_foreign_and_damaged_files_are_told_in_one_sentence(name, content, says, tmp_path):
    path = damaged(tmp_path / "theirs", name, content)
    with pytest.raises(CheckpointError, match=says) as told:
        convert(path, str(tmp_path / "out"), from_="swinunetr", downsample="merging", **HOW)
    assert "\n" not in str(told.value) and not (tmp_path / "out" / "model.pt").exists()


def test_no_file_no_card_and_no_place_to_write(model, tmp_path):
    with pytest.raises(CheckpointError, match="no weights here"):
        convert(str(tmp_path / "none.pt"), str(tmp_path / "out"), to="safetensors")
    torch.save(SmartEncoder(**SMALL).state_dict(), tmp_path / "bare.pt")
    with pytest.raises(CheckpointError, match="no card here"):
        convert(str(tmp_path / "bare.pt"), str(tmp_path / "out"), to="safetensors")
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError):
        convert(model, str(tmp_path / "file" / "out"), to="safetensors")
