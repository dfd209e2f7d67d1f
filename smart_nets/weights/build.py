"""From a card's words to a network: the encoder that a weights file belongs to."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from smart_nets.errors import CheckpointError
from smart_nets.networks.attention_net import AttentionNet
from smart_nets.networks.encoder import Encoder, SmartEncoder
from smart_nets.networks.vit import ViTEncoder
from smart_nets.weights.io import card_path, load_weights, read_card

ENCODERS: dict[str, Callable[..., Encoder]] = {"SmartEncoder": SmartEncoder, "ViTEncoder": ViTEncoder}


def build_encoder(architecture: Mapping[str, Any]) -> Encoder:
    """{"name": "SmartEncoder", "sa_stage": 3, ...} -> the network with fresh weights.

    Raises:
        CheckpointError: a name or an option this version does not know.
    """
    options = dict(architecture)
    name = options.pop("name", None)
    if name not in ENCODERS:
        raise CheckpointError("is an encoder this version does not know", where="architecture", found=name,
                              expected=" or ".join(ENCODERS), remedy="update smart-nets or check the card")  # fmt: skip
    try:
        return ENCODERS[name](**options)
    except TypeError as error:
        raise CheckpointError("has options this version does not know", where=f"architecture of {name}", found=error,
                              remedy="update smart-nets or check the card") from error  # fmt: skip


def load_encoder(weights: str | Path) -> Encoder:
    """The encoder that a weights file and its card describe, with its weights, in evaluation mode."""
    encoder = build_encoder(read_card(weights)["architecture"])
    load_weights(encoder, weights)
    return encoder.eval()


def card_or(weights: str | Path, default: Mapping[str, Any]) -> dict[str, Any]:
    """The card beside the weights, or `default` while there is none.

    A configuration's network must build on a machine that has no weights yet; running it without them is an error of
    `load_weights`.
    """
    return read_card(weights) if card_path(weights).is_file() else dict(default)


def attention_net(card: Mapping[str, Any]) -> AttentionNet:
    """The network of an inference configuration, without its weights: image in, attention map out."""
    return AttentionNet(build_encoder(card["architecture"]))
