"""An encoder from a folder as on Hugging Face, whole or as a pyramid of maps; timm's names."""

import json

import pytest
import torch
from fixtures.small import UNEVEN
from safetensors.torch import load_file, save_file

from smart_nets.errors import CheckpointError, ConfigError
from smart_nets.networks.comparators.vit import ViTEncoder
from smart_nets.networks.encoder import SmartEncoder
from smart_nets.weights.convert.folder import write_folder

IMAGE = torch.rand(2, 1, 32, 64, 32, generator=torch.Generator().manual_seed(0))
CARD = {
    "architecture": {"name": "SmartEncoder", **UNEVEN},
    "spacing": [2.0] * 3,
    "hu_window": [-175, 250],
    "crop_size": [32] * 3,
}


@pytest.fixture
def saved(tmp_path):
    encoder = SmartEncoder(**UNEVEN).eval()
    write_folder(encoder, CARD, tmp_path / "hub")
    return encoder, tmp_path / "hub"


@torch.no_grad()
def test_the_same_encoder_comes_back(saved):
    own, folder = saved
    back = SmartEncoder.from_pretrained(folder)
    assert not back.training and torch.equal(back(IMAGE).feature, own(IMAGE).feature)
    page = (folder / "README.md").read_text()
    assert "not for diagnostic use" in page and "2 x 2 x 2 mm" in page and "-175 to 250 HU" in page


@torch.no_grad()
def test_names_of_timm(saved):
    own, folder = saved
    assert own.num_features == 192 and own.forward_features(IMAGE).shape == (2, 192, 1, 2, 1)
    pyramid = SmartEncoder.from_pretrained(folder, features_only=True)
    maps = pyramid(IMAGE)
    assert [info["num_chs"] for info in pyramid.feature_info] == [one.shape[1] for one in maps] == [12, 24, 48, 96, 192]
    assert [info["reduction"] for info in pyramid.feature_info] == [2, 4, 8, 16, 32]
    assert torch.equal(maps[-1], own.forward_features(IMAGE))


def config(folder, **changes):
    path = folder / "config.json"
    told = {**json.loads(path.read_text()), **changes}
    path.write_text(json.dumps({name: value for name, value in told.items() if value != "left out"}))


def tensors(folder, change):
    path = folder / "model.safetensors"
    save_file(change(load_file(path)), path)


MASK = "mask_token"


@pytest.mark.parametrize(
    ("spoil", "says"),
    [
        (lambda f: (f / "config.json").unlink(), "config.json: cannot be read"),
        (lambda f: (f / "config.json").write_text("{"), "config.json: cannot be read"),
        (lambda f: (f / "config.json").write_text("[]"), "of another network"),
        (lambda f: (f / "config.json").write_bytes(b" " * 1_000_001), "is too long"),
        (lambda f: (f / "model.safetensors").unlink(), "no weights here"),
        (lambda f: (f / "model.safetensors").write_bytes(b"\x00" * 100), "cannot be read as weights"),
        (lambda f: config(f, architectures=["SwinUNETR"]), "of another network .*SwinUNETR"),
        (lambda f: config(f, colour="red"), "unknown options .*colour"),
        (lambda f: config(f, embed_dim=24), "patch_embed.proj.weight is .12, 1, 2, 2, 2. and not .24"),
        (lambda f: config(f, embed_dim="wide"), "options that make no network"),
        (lambda f: config(f, depths=3), "options that make no network"),
        (lambda f: config(f, depths=["a", 1, 1, 1]), "options that make no network"),
        (lambda f: config(f, depths=[10**9, 1, 1, 1]), "config.json, depths: cannot be of these weights"),
        (lambda f: config(f, sa_blocks=10**9), "sa_blocks: cannot be of these weights"),
        (lambda f: config(f, embed_dim=10**12), "embed_dim: cannot be of these weights"),
        (lambda f: config(f, input_std=float("nan")), "input_std: cannot be of these weights"),
        (lambda f: config(f, embed_dim=2400), "does not fit the network"),
        (lambda f: config(f, sa_stage=None), "semantic_attention.* is unknown"),
        (lambda f: tensors(f, lambda s: {n: v for n, v in s.items() if n != MASK}), "mask_token is missing"),
        (lambda f: tensors(f, lambda s: {**s, MASK: s[MASK].half()}), "mask_token is torch.float16"),
        (lambda f: tensors(f, lambda s: {**s, MASK: s[MASK] / 0}), "numbers that are not finite"),
    ],
)  # fmt: skip
def test_what_is_no_such_folder(spoil, says, saved):
    spoil(saved[1])
    with pytest.raises(CheckpointError, match=says) as told:
        SmartEncoder.from_pretrained(saved[1])
    assert "\n" not in str(told.value)


def test_another_class_and_options_that_do_not_go_together(saved):
    with pytest.raises(CheckpointError, match="expected ViTEncoder"):
        ViTEncoder.from_pretrained(saved[1])
    config(saved[1], sa_stage=9)
    with pytest.raises(ConfigError, match="no such stage"):
        SmartEncoder.from_pretrained(saved[1])
