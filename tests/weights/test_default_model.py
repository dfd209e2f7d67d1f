"""The encoder that the project ships, for those who have trained none."""

from pathlib import Path

import pytest
import torch

from smart_nets.errors import CheckpointError
from smart_nets.weights.build import load_encoder
from smart_nets.weights.default_model import own_or_shipped, shipped_model
from smart_nets.weights.io import read_card

MOST_BYTES = 10_000_000


@pytest.fixture
def bundles(tmp_path) -> Path:
    for name in ("smart_pretrain", "smart_zeroshot_seg"):
        (tmp_path / name / "models").mkdir(parents=True)
    (tmp_path / "smart_pretrain" / "models" / "small.pt").touch()
    return tmp_path


def test_it_answers_at_once():
    path = shipped_model()
    encoder, card = load_encoder(path), read_card(path)
    with torch.no_grad():
        found = encoder(torch.rand(1, 1, *card["crop_size"]))
    assert torch.isfinite(found.pooled).all() and torch.isfinite(found.cls).all()


def test_it_is_small_and_says_what_it_is():
    path = shipped_model()
    assert path.stat().st_size < MOST_BYTES
    card = read_card(path)
    for name in ("architecture", "spacing", "hu_window", "crop_size", "sha256", "data", "intended_use", "figures"):
        assert name in card, name
    assert "not for diagnostic use" in card["intended_use"]


def test_own_weights_come_first(bundles):
    root = bundles / "smart_zeroshot_seg"
    assert own_or_shipped(root) == str(bundles / "smart_pretrain" / "models" / "small.pt")
    (root / "models" / "model.pt").touch()
    assert own_or_shipped(root) == str(root / "models" / "model.pt")


def test_where_a_bundle_lies_alone_the_package_has_one(tmp_path):
    assert own_or_shipped(tmp_path / "smart_zeroshot_seg") == str(shipped_model())


def test_without_any_the_own_path_is_told(tmp_path, monkeypatch):
    monkeypatch.setattr("smart_nets.weights.default_model.bundles_folder", lambda: tmp_path)
    assert own_or_shipped(tmp_path / "smart_zeroshot_seg").endswith("smart_zeroshot_seg/models/model.pt")
    with pytest.raises(CheckpointError, match="the shipped encoder is not there"):
        shipped_model(tmp_path)
