"""What is not packed: damaged weights, faults of lint, folders that are somebody else's. Nothing is changed then."""

from __future__ import annotations

import hashlib
import json
import os
import re
from pathlib import Path
from typing import Any

import pytest
import torch

from smart_nets.errors import CheckpointError, InputError
from smart_nets.networks.encoder import SmartEncoder
from smart_nets.weights.io import card_path, save_weights
from smart_nets.zoo.package import package

PLAIN = "smart_pretrain"


def pack(output: Path, bundles: Path, **options: Any) -> list[Path]:
    return package(output, bundles, [PLAIN], **options)


class Canary:
    """Unpickling it makes a file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (self.path,)


def flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def other_card(path: Path) -> None:
    """Weights of another architecture than their card tells of."""
    card = json.loads(card_path(path).read_text())
    card["architecture"]["embed_dim"] = 24
    card_path(path).write_text(json.dumps(card))


def other_weights(path: Path) -> None:
    """The same, the other way round, with a hash that matches."""
    card = json.loads(card_path(path).read_text())
    small = {key: value for key, value in card["architecture"].items() if key != "name"}
    save_weights(SmartEncoder(**{**small, "embed_dim": 24}), path, card)


def canary(path: Path) -> None:
    torch.save({"swin": Canary(path.parents[3] / "canary")}, path)
    card = json.loads(card_path(path).read_text())
    card_path(path).write_text(json.dumps(card | {"sha256": hashlib.sha256(path.read_bytes()).hexdigest()}))


@pytest.mark.parametrize(
    ("damage", "says"),
    [
        (other_card, r"does not fit this network .*swin\S+ is \(12, .*network has \(24, "),
        (other_weights, r"does not fit this network .*swin\S+ is \(24, .*network has \(12, "),
        (lambda path: path.write_text("<!DOCTYPE html><html>404"), "found an HTML page"),
        (lambda path: path.write_text("version https://git-lfs.github.com/spec/v1\noid x"), "found a Git-LFS pointer"),
        (lambda path: path.write_bytes(b""), "cannot be read as weights"),
        (canary, "cannot be read as weights .*tensors only"),
        (flip, "differs from its card .*expected sha256|cannot be read as weights|is damaged"),
        (lambda path: card_path(path).unlink(), "there is no card here"),
        (lambda path: card_path(path).write_text("{"), "is no JSON"),
        (lambda path: card_path(path).write_text("[]"), "is no card"),
        (lambda path: card_path(path).write_text("{}"), "tells of no architecture"),
    ],
)
def test_bad_weights(damage, says, own, earlier, tree, tmp_path):
    """They are refused before an earlier release is touched, and nothing in them runs."""
    before = tree(earlier)
    damage(own / PLAIN / "models" / "model.pt")
    with pytest.raises(CheckpointError, match=rf"bundles/{PLAIN}/models/model.*{says}"):
        pack(earlier, own)
    assert tree(earlier) == before and not (tmp_path / "canary").exists()


def test_the_canary_would_be_seen(own, tmp_path):
    """What the test above looks for is there when somebody does unpickle."""
    canary(own / PLAIN / "models" / "model.pt")
    torch.load(own / PLAIN / "models" / "model.pt", weights_only=False)
    assert (tmp_path / "canary").exists()


def test_faults_of_lint(own, edit, tmp_path):
    """How many there are, and the first of them."""
    edit(own / PLAIN / "configs" / "train.json", "seed", "$__import__('os').system('touch canary')")
    with pytest.raises(InputError, match=r"bundle has \d+ faults .*train\.json: seed.*see them all with `zoo lint`"):
        pack(tmp_path / "out", own)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    "name",
    [
        "notes.txt",
        "smart_notes.json",
        f"{PLAIN}_v0.1.0.txt",
        "other_v0.1.0.zip",
        "photos/a",
        "SHA256SUMS/a",
        ".x.1.01234abc.part",
    ],
)
def test_a_folder_with_other_files_is_left_alone(name, own, earlier, tree):
    path = earlier / name
    if path.parent.is_file():
        path.parent.unlink()
    path.parent.mkdir(exist_ok=True)
    path.write_text("mine")
    before = tree(earlier)
    with pytest.raises(InputError, match=rf"holds other files .*{re.escape(name.split('/')[0])}.*nothing was deleted"):
        pack(earlier, own, without_weights=True)
    assert tree(earlier) == before


def test_places_that_cannot_be_written(own, tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    for place in (tmp_path / "file", tmp_path / "file" / "out"):
        with pytest.raises(InputError, match=r"cannot hold results .*file is a file"):
            pack(place, own)
    monkeypatch.setattr(os, "access", lambda *_: False)
    with pytest.raises(InputError, match=r"cannot hold results .*expected permission to write"):
        pack(tmp_path / "out", own)
    assert not (tmp_path / "out").exists()


def test_bundles_that_are_not_there(own, tmp_path):
    with pytest.raises(InputError, match=r"smart_pretrian: is no bundle \(expected smart_pretrain, "):
        package(tmp_path / "out", own, ["smart_pretrian", PLAIN])
    with pytest.raises(InputError, match="smart_zeroshot_seg: holds no bundle"):
        package(tmp_path / "out", own, ["smart_zeroshot_seg"])
    assert not (tmp_path / "out").exists()


def test_a_bad_key_leaves_the_earlier_release(own, earlier, keys, tree):
    before = tree(earlier)
    with pytest.raises(InputError, match="is no private key"):
        pack(earlier, own, key=keys[1])
    assert tree(earlier) == before
