"""What is wrong with what a user types to attend and heads is told in one sentence, and leaves nothing behind."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from fixtures.small import SAVED

from smart_nets import cli
from smart_nets.errors import SmartError
from smart_nets.networks.encoder import SmartEncoder
from smart_nets.phantom import ORGANS, Phantom, make_phantom
from smart_nets.phantom.write import write_image
from smart_nets.weights.io import save_weights

FED = {"crop_size": [32] * 3, "spacing": [8.0] * 3, "hu_window": [-1000, 400]}
CARD = {"architecture": {"name": "SmartEncoder", **SAVED}, **FED}


@pytest.fixture(scope="module")
def phantom() -> Phantom:
    """A chest of coarse voxels with one tumour."""
    return make_phantom(0, (7.0, 8.0, 9.0), region="chest", task="response")


@pytest.fixture
def data(tmp_path, phantom, monkeypatch) -> Path:
    """A scan, its tumour and a model; it becomes the working folder."""
    write_image(phantom.image, phantom.affine, tmp_path / "scan.nii.gz")
    write_image((phantom.labels == ORGANS["nodule"]).astype("uint8"), phantom.affine, tmp_path / "tumour.nii.gz")
    save_weights(SmartEncoder(**SAVED), tmp_path / "model.pt", CARD)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def air(data: Path, phantom: Phantom) -> None:
    """A scan of nothing but noise."""
    noise = np.random.default_rng(0).integers(-1020, -1000, phantom.image.shape).astype("int16")
    write_image(noise, phantom.affine, data / "air.nii.gz")


def little(data: Path, phantom: Phantom) -> None:
    write_image(phantom.image[20:36, 10:26, 5:19], phantom.affine, data / "little.nii.gz")  # 112 x 128 x 126 mm


def another_grid(data: Path, phantom: Phantom) -> None:
    write_image((phantom.labels == ORGANS["nodule"]).astype("uint8")[1:], phantom.affine, data / "cut.nii.gz")


def other_weights(data: Path, phantom: Phantom) -> None:
    """The weights of a wider encoder with the card of a narrow one, and a model with the card of another."""
    save_weights(SmartEncoder(**{**SAVED, "embed_dim": 24}), data / "wide.pt", CARD)
    save_weights(SmartEncoder(**SAVED), data / "mixed.pt", CARD)
    (data / "mixed.json").write_bytes((data / "model.json").read_bytes())


def bare_card(data: Path, phantom: Phantom) -> None:
    save_weights(SmartEncoder(**SAVED), data / "bare.pt", {"architecture": CARD["architecture"]})


def no_attention(data: Path, phantom: Phantom) -> None:
    plain = {name: value for name, value in SAVED.items() if not name.startswith("sa_")} | {"sa_stage": None}
    save_weights(SmartEncoder(**plain), data / "plain.pt", {**CARD, "architecture": {"name": "SmartEncoder", **plain}})


def a_file(data: Path, phantom: Phantom) -> None:
    (data / "file").write_text("")


def nothing(data: Path, phantom: Phantom) -> None:
    pass


ATTEND = {"": "attend", "scan": "scan.nii.gz", "model": "model.pt", "output_dir": "out"}
HEADS = {"": "heads", "data": "scan.nii.gz", "model": "model.pt", "output_dir": "out"}


@pytest.mark.parametrize(
    ("prepare", "arguments", "says"),
    [
        (nothing, {"percentile": 0}, "percentile: must lie between 0 and 100"),
        (nothing, {"percentile": 100}, "percentile: must lie between 0 and 100"),
        (nothing, {"percentile": "x"}, "--percentile: cannot be (expected a number, found x)"),
        (nothing, {"region": "liver"}, "region: is not known (expected image or body or lungs, found liver)"),
        (nothing, {"components": -1}, "components: is no count"),
        (nothing, {"smallest_ml": "x"}, "--smallest_ml: cannot be (expected a number"),
        (nothing, {"head": 99}, "head: no such head (expected 0 to 3, or none for the mean, found 99)"),
        (nothing, {"head": "x"}, "--head: cannot be (expected a whole number"),
        (nothing, {"block": 9}, "block: no such attention block (expected -2 to 1, found 9)"),
        (nothing, {"overlap": 1}, "overlap: is no share (expected 0 to below 1, found 1)"),
        (nothing, {"overlap": "x"}, "--overlap: cannot be (expected a number"),
        (nothing, {"spacing": 0}, "spacing: not a voxel size (expected 3 lengths in mm above 0, found [0, 0, 0])"),
        (nothing, {"spacing": -2}, "spacing: not a voxel size"),
        (nothing, {"spacing": "x"}, "--spacing: cannot be (expected a number"),
        (nothing, {"spacing": "3,3,3"}, "--spacing: cannot be (expected a number"),
        (nothing, {"crop": 40}, "crop sides do not fit the encoder (expected multiples of 32, such as 32 or 64"),
        (
            nothing,
            {"crop": 0},
            "crop sides do not fit the encoder (expected multiples of 32, such as 32, found 0 x 0 x 0)",
        ),
        (nothing, {"crop": 32.5}, "--crop: cannot be (expected a whole number"),
        (nothing, {"tumor": "tumour.nii.gz"}, "attend --tumor: is no argument"),
        (nothing, {"scan": "none.nii.gz"}, "none.nii.gz: does not exist"),
        (nothing, {"scan": "."}, "holds no DICOM files"),
        (nothing, {"tumour": "none.nii.gz"}, "none.nii.gz: does not exist"),
        (nothing, {"tumour": "scan.nii.gz"}, "scan.nii.gz: label map holds values below 0"),
        (
            another_grid,
            {"tumour": "cut.nii.gz"},
            "cut.nii.gz: label lies on another grid than its scan (expected (51, 35, 28)",
        ),
        (another_grid, {"tumour": "tumour.nii.gz,cut.nii.gz"}, "cut.nii.gz: label lies on another grid"),  # row 45
        (air, {"scan": "air.nii.gz"}, "air.nii.gz: shows no body"),
        (
            little,
            {"scan": "little.nii.gz"},
            "little.nii.gz: is too small for this network (expected at least half",
        ),  # row 18
        (nothing, {"model": "none.pt"}, "none.pt: there are no weights here"),
        (nothing, {"model": "model.pt,second=none.pt"}, "none.pt: there are no weights here"),
        (other_weights, {"model": "wide.pt"}, "wide.pt: does not fit this network (found"),  # row 57
        (other_weights, {"model": "mixed.pt"}, "mixed.pt: differs from its card (expected sha256"),
        (bare_card, {"model": "bare.pt"}, "bare.pt: card does not tell how to feed the network"),
        (no_attention, {"model": "plain.pt"}, "encoder: has no attention to show"),
        (nothing, {"model": "random"}, "model: needs a trained model (found random)"),
        (nothing, {"model": "first=random,random"}, "model: needs a trained model (found first, random)"),
        (
            nothing,
            {"model": "model.pt,./model.pt"},
            "model: models have the same name (expected one of each name, found 2 x",
        ),
        (nothing, {"model": "a=model.pt,a=random"}, "found 2 x a); name them: first=PATH,second=PATH"),
        (nothing, {"model": "a="}, "model: is neither a path nor name=path (found a=)"),
        (nothing, {"model": "A=model.pt,a=random"}, "found 2 x a)"),  # one file on some disks
        (nothing, {"model": f"{'x' * 41}=model.pt"}, "model: cannot be the name of a model (expected up to 40 letters"),
        (nothing, {"model": "a/b=model.pt"}, "a/b=model.pt: there are no weights here"),
        (a_file, {"output_dir": "file"}, "file: cannot hold results (expected a folder"),
        (nothing, {**HEADS, "data": "none"}, "none: does not exist"),
        (nothing, {**HEADS, "model": "random"}, "random: there are no weights here"),
        (other_weights, {**HEADS, "model": "mine=model.pt,wide=wide.pt"}, "wide.pt: does not fit this network"),
        (bare_card, {**HEADS, "model": "bare.pt"}, "bare.pt: card does not tell how to feed the network"),
        (nothing, {**HEADS, "scans": 0}, "scans: is no count (expected 1 or more, found 0)"),
        (nothing, {**HEADS, "scans": "x"}, "--scans: cannot be (expected a whole number"),
        (a_file, {**HEADS, "output_dir": "file"}, "file: cannot hold results (expected a folder"),
    ],
)
def test_faults_are_one_sentence_and_leave_nothing(
    data, phantom, monkeypatch, prepare: Callable[[Path, Phantom], None], arguments, says
):
    prepare(data, phantom)
    before = set(data.rglob("*"))
    (_, verb), *rest = {**(HEADS if "data" in arguments else ATTEND), **arguments}.items()
    flags = [part for key, value in rest for part in (f"--{key}", str(value))]
    monkeypatch.setattr(sys, "argv", ["smart_nets", verb, *flags])
    monkeypatch.setattr(sys, "excepthook", sys.excepthook)  # `main` sets its own
    with pytest.raises(SmartError) as caught:
        cli.main()
    assert says in str(caught.value) and "\n" not in str(caught.value)
    assert set(data.rglob("*")) == before
