"""From a card's words to a network: the encoder that a weights file belongs to."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, cast

from smart_nets.errors import CheckpointError
from smart_nets.networks import BACKBONES
from smart_nets.networks.attention_net import AttentionNet
from smart_nets.networks.classifier import Classifier
from smart_nets.networks.encoder import Encoder
from smart_nets.networks.segmenter import Segmenter
from smart_nets.weights.card import check_architecture, check_card
from smart_nets.weights.io import card_path, kind_of, load_weights, match_tensors, read_card

logger = logging.getLogger(__name__)
ATTENTION = "semantic_attention."
COARSE = ("coarse.",)  # of a segmenter: answers of deep supervision, which training alone needs


def build_encoder(architecture: Mapping[str, Any]) -> Encoder:
    """{"name": "SmartEncoder", "sa_stage": 3, ...} -> the network with fresh weights.

    Raises:
        CheckpointError: a name or an option this version does not know, of another type or range, or a network too large
            for this machine. ConfigError: options that do not go together.
    """
    check_architecture(architecture)
    options = dict(architecture)
    return BACKBONES[options.pop("name")](**options)


def load_encoder(weights: str | Path) -> Encoder:
    """The encoder that a weights file and its card describe, of a classifier or segmenter, too, in evaluation mode."""
    card = read_card(weights)
    if kind_of(card) in TASKS:
        network = TASKS[kind_of(card)](card)
        load_weights(network, weights, left_out=COARSE)
        return cast(Encoder, network.encoder.eval())
    if "architecture" not in card:
        found, remedy = ", ".join(card) or "nothing", "copy the card of these weights"
        what, expected = "tells of no architecture", "a card of smart_pretrain"
        raise CheckpointError(what, where=card_path(weights), expected=expected, found=found, remedy=remedy)
    encoder = build_encoder(card["architecture"])
    load_weights(encoder, weights)
    return encoder.eval()


def find_encoder(pretrained: str | None, own: str | Path) -> str | None:
    """The path of the encoder to start from: as told; for "auto", `own` where there is one; else None, from scratch.

    Args:
        pretrained: a path, "auto", or "none".
        own: where this project's pretraining leaves its encoder.

    Raises:
        CheckpointError: the path that was given does not exist, or its card is not one of an encoder.
    """
    if pretrained in (None, "none"):
        logger.info("the encoder starts from scratch, as asked")
        return None
    if pretrained == "auto":
        if Path(own).is_file():
            _check_encoder_card(own)
            logger.info("the encoder starts from %s", own)
            return str(own)
        hint = "pretrain first (make pretrain), or give one with --pretrained"
        logger.warning("no pretrained encoder at %s: the encoder starts from scratch; %s", own, hint)
        return None
    _check_encoder_card(str(pretrained))
    return str(pretrained)


def _check_encoder_card(weights: str | Path) -> None:
    """Refuse weights without a card, and a card of something else than an encoder."""
    card = read_card(weights)
    if "architecture" not in card or kind_of(card) != "encoder":
        found = f"a {kind_of(card)}" if "architecture" in card else ", ".join(card) or "nothing"
        what, expected, place = "is no encoder's card", "an architecture, no classes", card_path(weights)
        remedy = "give the weights of smart_pretrain"
        raise CheckpointError(what, where=place, expected=expected, found=found, remedy=remedy)


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
            what, remedy = "there is no semantic attention to restart", "take an encoder with semantic attention"
            raise CheckpointError(what, where="restart_attention", remedy=remedy)
        encoder.load_state_dict({**encoder.state_dict(), **fresh})
    kept = sum(name.startswith(ATTENTION) for name in report.matched) and not restart_attention
    new = "" if kept or not fresh else ", semantic attention new"
    told = f"{len(report.matched)} tensors of {Path(weights).name}{new}"
    logger.info("encoder: %s", told)
    return told


def warm_start(encoder: Encoder, weights: str | Path | None) -> Encoder:
    """The encoder itself, with weights in it where some are given; for an expression of a configuration.

    Raises:
        CheckpointError: the weights do not fit.
    """
    if weights is not None:
        start_encoder(encoder, weights)
    return encoder


def card_or(weights: str | Path | None, default: Mapping[str, Any]) -> dict[str, Any]:
    """The card beside the weights, or `default` while there are no weights.

    A configuration's network must build on a machine that has no weights yet; running it without them is an error of
    `load_weights`.

    Raises:
        CheckpointError: there are weights but no card, so that nobody knows their spacing and window; or the card lacks a
            field that the default has.
    """
    there = weights is not None and Path(weights).is_file()
    fields = [] if "classes" in default else [*default]  # of a classifier's `build_classifier` tells what is missing
    return read_card(str(weights), fields=fields) if there else dict(default)


def attention_net(card: Mapping[str, Any], head: int | None = None, block: int = -1) -> AttentionNet:
    """The network of an inference configuration, without its weights: image in, attention map out.

    A classifier's card gives its encoder; `load_attention` puts the weights in. ConfigError: no such head or block.
    """
    return AttentionNet(build_encoder(card["architecture"]), head, block)


def load_attention(network: AttentionNet, weights: str | Path) -> None:
    """Put the weights of a pretrained encoder, or of a classifier's, into the network of an inference configuration.

    Raises:
        CheckpointError: the network is of another architecture than the weights.
    """
    state = load_encoder(weights).state_dict()
    report = match_tensors(network.state_dict(), state)
    if report.missing or report.unexpected or report.wrong_shape:
        raise CheckpointError(
            "does not fit this network", where=weights, found=report, remedy="build the network of the weights' card"
        )
    network.load_state_dict(state)


def build_classifier(card: Mapping[str, Any]) -> Classifier:
    """The classifier that a card describes, with fresh weights: its "architecture", "feature" and "classes".

    Raises:
        CheckpointError: the card is of another kind of network, or does not tell how to feed it.
    """
    needed = ("architecture", "feature", "classes", "crop_size", "spacing", "hu_window")
    if not set(needed) <= card.keys():
        expected, found = ", ".join(needed), ", ".join(card) or "nothing"
        remedy = "train one with smart_lidc_classify"
        raise CheckpointError("is no classifier", where="card", expected=expected, found=found, remedy=remedy)
    check_card(card)
    return Classifier(build_encoder(card["architecture"]), card["feature"], len(card["classes"]))


def build_segmenter(card: Mapping[str, Any]) -> Segmenter:
    """The segmenter that a card describes, with fresh weights: its "architecture" and "labels".

    Raises:
        CheckpointError: the card is of another kind of network, or does not tell how to feed it.
    """
    needed = ("architecture", "labels", "crop_size", "spacing", "hu_window")
    if not set(needed) <= card.keys():
        expected, found = ", ".join(needed), ", ".join(card) or "nothing"
        remedy = "train one with smart_segment"
        raise CheckpointError("is no segmenter", where="card", expected=expected, found=found, remedy=remedy)
    check_card(card)
    return Segmenter(build_encoder(card["architecture"]), 1 + len(card["labels"]))


TASKS: Mapping[str, Callable[[Mapping[str, Any]], Classifier | Segmenter]] = {
    "classifier": build_classifier,
    "segmenter": build_segmenter,
}
