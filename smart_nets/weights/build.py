"""From a card's words to a network: the encoder that a weights file belongs to."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, cast

from smart_nets.errors import CheckpointError
from smart_nets.networks.attention_net import AttentionNet
from smart_nets.networks.classifier import Classifier
from smart_nets.networks.encoder import Encoder, SmartEncoder
from smart_nets.networks.vit import ViTEncoder
from smart_nets.weights.io import card_path, load_weights, read_card

logger = logging.getLogger(__name__)
ATTENTION = "semantic_attention."
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
    """The encoder that a weights file and its card describe, pretrained or of a classifier, in evaluation mode."""
    card = read_card(weights)
    if "classes" in card:
        classifier = build_classifier(card)
        load_weights(classifier, weights)
        return cast(Encoder, classifier.encoder.eval())
    encoder = build_encoder(card["architecture"])
    load_weights(encoder, weights)
    return encoder.eval()


def find_encoder(pretrained: str | None, own: str | Path) -> str | None:
    """The path of the encoder to start from: as told; for "auto", `own` where there is one; else None, from scratch.

    Args:
        pretrained: a path, "auto", or "none".
        own: where this project's pretraining leaves its encoder.

    Raises:
        CheckpointError: the path that was given does not exist.
    """
    if pretrained in (None, "none"):
        logger.info("the encoder starts from scratch, as asked")
        return None
    if pretrained == "auto":
        if Path(own).is_file():
            logger.info("the encoder starts from %s", own)
            return str(own)
        logger.warning("no pretrained encoder at %s: the encoder starts from scratch; pretrain first (make pretrain), "
                       "or give one with --pretrained", own)  # fmt: skip
        return None
    read_card(str(pretrained))  # raises when there is none
    return str(pretrained)


def start_encoder(encoder: Encoder, weights: str | Path | None, restart_attention: bool = False) -> str:
    """Put pretrained weights into an encoder; tells in words what was loaded.

    A file without semantic attention starts an encoder that has it, and the other way round; only that part stays new.

    Args:
        weights: None leaves the encoder as it is.
        restart_attention: keep the semantic attention's fresh weights (the paper's "random SA" on a pretrained Swin).

    Raises:
        CheckpointError: the weights do not fit.
    """
    if weights is None:
        return "from scratch"
    fresh = {name: value.clone() for name, value in encoder.state_dict().items() if name.startswith(ATTENTION)}
    report = load_weights(encoder, weights, left_out=(ATTENTION, "token_norm"))
    if restart_attention:
        if not fresh:
            raise CheckpointError("there is no semantic attention to restart", where="restart_attention",
                                  remedy="leave it out, or take an encoder with semantic attention")  # fmt: skip
        encoder.load_state_dict({**encoder.state_dict(), **fresh})
    kept = sum(name.startswith(ATTENTION) for name in report.matched) and not restart_attention
    told = f"{len(report.matched)} tensors of {Path(weights).name}" + (
        "" if kept or not fresh else ", semantic attention new"
    )
    logger.info("encoder: %s", told)
    return told


def card_or(weights: str | Path | None, default: Mapping[str, Any]) -> dict[str, Any]:
    """The card beside the weights, or `default` while there is none.

    A configuration's network must build on a machine that has no weights yet; running it without them is an error of
    `load_weights`.
    """
    return read_card(weights) if weights and card_path(weights).is_file() else dict(default)


def attention_net(card: Mapping[str, Any]) -> AttentionNet:
    """The network of an inference configuration, without its weights: image in, attention map out."""
    return AttentionNet(build_encoder(card["architecture"]))


def build_classifier(card: Mapping[str, Any]) -> Classifier:
    """The classifier that a card describes, with fresh weights: its "architecture", "feature" and "classes".

    Raises:
        CheckpointError: the card is of another kind of network.
    """
    if not {"architecture", "feature", "classes"} <= card.keys():
        raise CheckpointError("is no classifier", where="card", expected="architecture, feature and classes",
                              found=", ".join(card) or "nothing", remedy="train one with smart_lidc_classify")  # fmt: skip
    return Classifier(build_encoder(card["architecture"]), card["feature"], len(card["classes"]))
