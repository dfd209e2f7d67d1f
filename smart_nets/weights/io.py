"""Weights on disk: a plain state dict that MONAI and torch read, and beside it a JSON card that says what it is.

Whoever loads weights gets a report of matched, missing and unexpected tensors, and an error unless all match or a part
was left out by name.
"""

from __future__ import annotations

import hashlib
import json
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from smart_nets.errors import CheckpointError
from smart_nets.files import whole
from smart_nets.optional import needed
from smart_nets.weights.card import parse_card

SAFE = ".safetensors"
NESTED = (
    "model",
    "state_dict",
    "network_weights",
)  # under what checkpoints keep their state dict: ours, Lightning's, nnU-Net's
FED = (
    "architecture",
    "crop_size",
    "spacing",
    "hu_window",
)  # what a card must say of a network that is to look at scans


@dataclass(frozen=True)
class LoadReport:
    """What became of every tensor when weights were loaded."""

    matched: list[str]
    missing: list[str]
    unexpected: list[str]
    wrong_shape: dict[str, tuple[tuple[int, ...], tuple[int, ...]]] = field(default_factory=dict)

    def __str__(self) -> str:
        parts = [f"{len(self.matched)} tensors matched"]
        for kind, names in (("missing", self.missing), ("unexpected", self.unexpected)):
            shown = [name[:60] for name in names[:3]]  # a damaged file has names of any length
            parts += [f"{kind}: {', '.join(shown)}{' ...' * (len(names) > 3)}"] * bool(names)
        parts += [
            f"{name} is {str(found)[:40]}, network has {own}"
            for name, (found, own) in list(self.wrong_shape.items())[:4]
        ]
        return "; ".join(parts)


def card_path(weights: str | Path) -> Path:
    """models/model.pt -> models/model.json"""
    return Path(weights).with_suffix(".json")


def sha256_of(path: str | Path) -> str:
    """Hex digest of a file."""
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def save_weights(module: nn.Module, path: str | Path, card: Mapping[str, Any]) -> str:
    """Write a state dict and its card, each whole or not at all; returns the weights' sha256.

    Args:
        path: of the weights; one that ends in .safetensors is written in that format.
        card: what a later user must know: architecture, orientation, spacing in mm, HU window, crop, versions ...
    """
    path = Path(path)
    state = {name: tensor.detach().cpu().clone().contiguous() for name, tensor in module.state_dict().items()}
    tensors = {"tensors": len(state), "parameters": sum(p.numel() for p in module.parameters())}
    with whole(card_path(path)) as card_draft, whole(path) as draft:  # both are there before either takes its place
        if path.suffix == SAFE:
            needed("safetensors.torch", str(path)).save_file(state, draft, {"format": "pt"})
        else:
            with draft.open("wb") as file:
                torch.save(state, file)
        digest = sha256_of(draft)
        card_draft.write_text(json.dumps({**card, **tensors, "sha256": digest}, indent=2, default=str) + "\n", "utf-8")
    return digest


def kind_of(card: Mapping[str, Any]) -> str:
    """What the weights of a card are: its "kind", "encoder" or "classifier"; in older cards, by their classes."""
    return str(card.get("kind") or ("classifier" if "classes" in card else "encoder"))


def read_card(weights: str | Path, fields: Sequence[str] = ()) -> dict[str, Any]:
    """The card beside a weights file, with at least these fields.

    Raises:
        CheckpointError: weights or card are missing, or the card is none, lacks a field or says what cannot be.
    """
    for path, what in ((Path(weights), "are no weights"), (card_path(weights), "is no card")):
        if not path.is_file():
            remedy = "pretrain first (make pretrain), or give the path of trained weights"
            raise CheckpointError(f"there {what} here", where=path, remedy=remedy)
    card = parse_card(card_path(weights))
    if not set(fields) <= card.keys():
        what, remedy = "card does not tell how to feed the network", "copy the card that was made with it"
        wanted, found, where = ", ".join(fields), ", ".join(card) or "nothing", str(weights)
        if "classes" in fields and "classes" not in card:
            what, remedy, where = "is no classifier", "give the weights of a trained classifier", f"{weights}, card"
        elif "labels" in fields and "labels" not in card:
            what, remedy, where = "is no segmenter", "give weights that smart_segment trained", f"{weights}, card"
        raise CheckpointError(what, where=where, expected=wanted, found=found, remedy=remedy)
    return card


def load_weights(
    module: nn.Module, path: str | Path, left_out: Sequence[str] = (), check_card: bool = True
) -> LoadReport:
    """Load a state dict strictly.

    Args:
        left_out: prefixes of the module's parts that may be missing in the file or that the file may have in excess,
            e.g. ("semantic_attention",) for a Swin without semantic attention.
        check_card: compare the file's sha256 with its card when there is one.

    Raises:
        CheckpointError: no file, a damaged or foreign file, or tensors that do not fit; the message has the report.
    """
    path = Path(path)
    state = read_state(path)
    if check_card and card_path(path).is_file():
        stated, found = read_card(path).get("sha256"), sha256_of(path)
        if stated != found:
            expected, remedy = f"sha256 {stated}", "copy weights and card again, together"
            raise CheckpointError("differs from its card", where=path, expected=expected, found=found, remedy=remedy)
    report = match_tensors(module.state_dict(), state)
    missing = [name for name in report.missing if not name.startswith(tuple(left_out))] if left_out else report.missing
    extra = [n for n in report.unexpected if not n.startswith(tuple(left_out))] if left_out else report.unexpected
    if missing or extra or report.wrong_shape or not report.matched:
        remedy = "build the network of the weights' card, or name the parts to leave out"
        raise CheckpointError("does not fit this network", where=path, found=report, remedy=remedy)
    check_numbers({name: state[name] for name in report.matched}, module.state_dict(), path)
    module.load_state_dict({name: state[name] for name in report.matched}, strict=False)  # compared above, one by one
    return report


def match_tensors(own: Mapping[str, Tensor], theirs: Mapping[str, Tensor]) -> LoadReport:
    """Match two state dicts by name and shape."""
    shapes = {
        n: (tuple(theirs[n].shape), tuple(own[n].shape)) for n in own if n in theirs and own[n].shape != theirs[n].shape
    }
    matched = [name for name in own if name in theirs and name not in shapes]
    return LoadReport(matched, [n for n in own if n not in theirs], [n for n in theirs if n not in own], shapes)


def check_numbers(theirs: Mapping[str, Tensor], own: Mapping[str, Tensor], where: object) -> None:
    """Compare tensors, of the shapes of a network's own ones, with what a network can compute with.

    Raises:
        CheckpointError: another type of number than the network's (half precision, complex), or NaN or infinity.
    """
    for name, tensor in theirs.items():
        if tensor.dtype != own[name].dtype or tensor.layout != torch.strided or tensor.device.type == "meta":
            remedy = "save the state dict of the network in full precision: network.float().state_dict()"
            found = f"{tensor.dtype}, {tensor.layout} on {tensor.device}"
            raise CheckpointError("has weights of another type", where=f"{where}, {name}",
                                  expected=own[name].dtype, found=found, remedy=remedy)  # fmt: skip
        if not torch.isfinite(tensor).all():
            count = int((~torch.isfinite(tensor)).sum())
            raise CheckpointError("has weights that are no numbers", where=f"{where}, {name}", expected="finite ones",
                                  found=f"{count} NaN or infinite", remedy="take an earlier checkpoint")  # fmt: skip


def read_tensors(path: Path) -> Any:
    """What torch or safetensors saved in a file, tensors and plain Python only; nothing in it is run.

    Raises:
        CheckpointError: it cannot be read, whatever the reason. ConfigError: safetensors is not installed.
    """
    safe = needed("safetensors.torch", str(path)) if path.suffix == SAFE else None
    try:
        with path.open("rb") as file:
            head = file.read(64).lstrip().lower()
        if head.startswith((b"<!doctype", b"<html", b"version https://git-lfs")):
            found = "a Git-LFS pointer" if head.startswith(b"version") else "an HTML page"
            expected, remedy = "a torch state dict", "download the file itself"
            raise CheckpointError("is no weights file", where=path, expected=expected, found=found, remedy=remedy)
        if zipfile.is_zipfile(path):
            with zipfile.ZipFile(
                path
            ) as records:  # torch itself compares no checksums: a flipped bit would be a weight
                if (damaged := records.testzip()) is not None:
                    raise CheckpointError("is damaged", where=path, found=f"another checksum of {damaged}",
                                          remedy="copy the file again")  # fmt: skip
        if safe is not None:
            return safe.load_file(path)
        return torch.load(path, map_location="cpu", weights_only=True)
    except (CheckpointError, MemoryError):
        raise
    except Exception as error:  # a damaged pickle can raise anything
        said = (str(error) or type(error).__name__).splitlines()[0][:90]  # an empty file says nothing
        raise CheckpointError("cannot be read as weights", where=path, expected="a torch state dict of tensors only",
                              found=said, remedy="copy the file again") from error  # fmt: skip


def read_state(path: Path) -> dict[str, Tensor]:
    """The names and tensors of a weights file, and nothing else; CheckpointError where it holds anything else."""
    if not path.is_file():
        raise CheckpointError("there are no weights here", where=path, remedy="give the path of a weights file")
    state = read_tensors(path)
    if isinstance(state, dict):
        state = next((state[key] for key in NESTED if isinstance(state.get(key), dict)), state)
    if not (isinstance(state, dict) and state and all(isinstance(value, Tensor) for value in state.values())):
        expected, found, remedy = "names and tensors", type(state).__name__, "save module.state_dict()"
        raise CheckpointError("holds no state dict", where=path, expected=expected, found=found, remedy=remedy)
    if strange := [name for name in state if not isinstance(name, str)]:
        found = f"{type(strange[0]).__name__} {str(strange[0])[:40]}"
        raise CheckpointError("has names that are no texts", where=path, expected="texts", found=found)
    return state
