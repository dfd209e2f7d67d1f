"""From a model to the files that others read, and back: what `smart-nets convert` does."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, get_args

import torch
from torch import Tensor

from smart_nets.errors import CheckpointError, ConfigError
from smart_nets.files import check_output, whole, write_json
from smart_nets.networks.encoder import Encoder
from smart_nets.networks.inputs import check_size
from smart_nets.networks.segmenter import Segmenter
from smart_nets.settings import one_of
from smart_nets.weights.build import COARSE, build_segmenter, load_encoder
from smart_nets.weights.card import check_card
from smart_nets.weights.convert.folder import write_folder
from smart_nets.weights.convert.layouts import import_swin
from smart_nets.weights.convert.merging import Merging
from smart_nets.weights.convert.monai_swin import Converted, to_monai_swin, to_swin_unetr
from smart_nets.weights.convert.proof import prove
from smart_nets.weights.io import FED, kind_of, load_weights, read_card, read_state, save_weights, sha256_of

Target = Literal["swinunetr", "swintransformer", "nnunet", "safetensors", "huggingface"]
Source = Literal["swinunetr", "swintransformer", "smit"]


def convert_model(
    model: str | Path, target: Target, output_dir: str | Path, downsample: Merging = "mergingv2", classes: int = 2
) -> dict[str, Any]:
    """Write a model for others; returns what conversion.json, beside it, tells.

    Args:
        model: weights of an encoder, or of a segmenter, with their card.
        target: "swinunetr" and "swintransformer", state dicts for MONAI's networks; "nnunet", SwinUNETR's as nnU-Net's
            `-pretrained_weights` reads it; "safetensors"; "huggingface", a folder for `SmartEncoder.from_pretrained`.
        output_dir: a folder; it is made.
        downsample: how MONAI's network is built.
        classes: channels of a fresh decoder's answer.

    Raises:
        ConfigError: an unknown target, or a width MONAI's network does not take. CheckpointError: a model that cannot be
            loaded, or that has no such form; or outputs that differ.
    """
    one_of("to", target, get_args(Target))
    check_output(output_dir)
    card, folder = read_card(model, FED), Path(output_dir)
    network = _network(model, card)
    size = [int(side) for side in card["crop_size"]]
    encoder = network.encoder if isinstance(network, Segmenter) else network
    _check_crop(size, encoder, model)
    if target in ("safetensors", "huggingface"):
        told = _safe(encoder, _encoder_card(card), folder, size, target == "huggingface")
    else:
        if target == "swintransformer":
            made = to_monai_swin(encoder, size, downsample)
        else:
            made = to_swin_unetr(network, size, classes, downsample)
        told = _written(made, folder / ("model.pth" if target == "nnunet" else "model.pt"), target)
    told = {"source": Path(model).name, "source_sha256": card.get("sha256"), "to": target, **told}
    write_json(folder / "conversion.json", told)
    return told


def import_model(
    weights: str | Path,
    source: Source,
    output_dir: str | Path,
    card: Mapping[str, Any],
    downsample: Merging | None = None,
    leave_out: Sequence[str] = (),
    prefix: str | None = None,
) -> dict[str, Any]:
    """Write somebody's Swin as an encoder of ours, model.pt and its card; returns what conversion.json tells.

    Args:
        weights: a state dict, alone or under "state_dict" or "model"; .pt, .pth or .safetensors.
        source: whose network it is.
        card: how to feed it: "spacing", "hu_window" and "crop_size".
        downsample: the order of MONAI's merging; SMIT has its own.
        leave_out, prefix: see `import_swin`.

    Raises:
        ConfigError: the order of merging is not told. CheckpointError: see `import_swin`; or outputs that differ.
    """
    one_of("from", source, get_args(Source))
    if source != "smit" and downsample is None:
        what, remedy = "no tensor tells in which order neighbours are merged", "see how that network was built"
        expected = "--downsample merging (MONAI's default) or mergingv2"
        raise ConfigError(what, where=weights, expected=expected, remedy=remedy)
    check_output(output_dir)
    told_card = {"kind": "encoder", "orientation": "RAS", **card}
    check_card(told_card)
    order: Merging = "smit" if source == "smit" else downsample or "mergingv2"
    state = read_state(Path(weights))
    encoder, architecture, left = import_swin(state, order, leave_out, prefix)
    size = [int(side) for side in card["crop_size"]]
    proof = to_monai_swin(encoder, size, "mergingv2" if source == "smit" else order)  # the network that they come from
    folder = Path(output_dir)
    save_weights(encoder, folder / "model.pt", {**told_card, "architecture": architecture})
    told = {
        "source": Path(weights).name, "source_sha256": sha256_of(weights), "from": source, "downsample": order,
        "file": "model.pt", "tensors": len(state) - len(left), "left_out": left,
        "difference": proof.difference,
    }  # fmt: skip
    write_json(folder / "conversion.json", told)
    return told


def _check_crop(size: Sequence[int], encoder: Encoder, model: str | Path) -> None:
    """CheckpointError, before anything is written, of a card with a crop that its own network does not take."""
    try:
        check_size(size, int(getattr(encoder, "stride", 1)))
    except ConfigError as error:
        what, remedy = "card tells a crop that the network does not take", "correct crop_size in the card beside it"
        raise CheckpointError(what, where=model, expected=error.expected, found=error.found, remedy=remedy) from error


def _network(model: str | Path, card: Mapping[str, Any]) -> Encoder | Segmenter:
    if kind_of(card) != "segmenter":
        return load_encoder(model)
    segmenter = build_segmenter(card)
    load_weights(segmenter, model, left_out=COARSE)
    return segmenter.eval()


def _safe(
    encoder: Encoder, card: Mapping[str, Any], folder: Path, size: Sequence[int], for_hub: bool
) -> dict[str, Any]:
    """Write the encoder, read it back, and compare the outputs of both."""
    file = folder / "model.safetensors"
    if for_hub:
        write_folder(encoder, card, folder)
        back = type(encoder).from_pretrained(folder)
    else:
        save_weights(encoder, file, card)
        back = load_encoder(file)
    channels = int(getattr(encoder, "in_chans", 1))
    difference = prove(_all_outputs(encoder), _all_outputs(back), channels, size, file)
    return {
        "file": file.name, "tensors": len(encoder.state_dict()), "left_behind": [], "difference": difference,
    }  # fmt: skip


def _all_outputs(encoder: Encoder) -> Callable[[Tensor], list[Tensor]]:
    """Maps and features, those of semantic attention among them."""

    def outputs(x: Tensor) -> list[Tensor]:
        found = encoder(x)
        return [*found.maps, *found.features.values()]

    return outputs


def _encoder_card(card: Mapping[str, Any]) -> dict[str, Any]:
    """Of any model, the card of its encoder alone."""
    own = ("kind", "feature", "classes", "labels", "margin", "split", "tensors", "parameters", "sha256")
    return {"kind": "encoder", **{key: value for key, value in card.items() if key not in own}}


def _written(made: Converted, path: Path, target: Target) -> dict[str, Any]:
    content: dict[str, Any] = made.state
    if target == "nnunet":
        content = {"network_weights": made.state, "init_args": made.arguments, "trainer_name": "nnUNetTrainer"}
    with whole(path) as draft:
        torch.save(content, draft)
    return {
        "file": path.name, "sha256": sha256_of(path), "arguments": made.arguments, "tensors": len(made.state),
        "left_behind": made.left_behind, "difference": made.difference,
    }  # fmt: skip
