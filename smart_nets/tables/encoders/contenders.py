"""What is compared: encoders of ours and of others, the architecture of ours with fresh weights, and raw voxels."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from smart_nets.errors import ConfigError
from smart_nets.networks.encoder import Encoder
from smart_nets.networks.feature_source import FeatureSource
from smart_nets.organs.judge import fresh_encoder
from smart_nets.organs.probe import raw_voxels
from smart_nets.settings import one_of
from smart_nets.statistics.features import IN_WORDS
from smart_nets.weights.foreign.door import is_foreign, open_encoder

NAME = re.compile(r"[\w+()-][\w .+()-]{0,39}")
RAW, RANDOM = "raw", re.compile(r"random(?::(\d{1,9}))?")


@dataclass(frozen=True, eq=False)
class Contender:
    """One row of the table.

    Attributes:
        name: in the table.
        kind: "ours", "theirs", "random" or "raw".
        model: what was given for it, without folders.
        encoder: gives the features; card: how it is fed.
        feature: which of the features is judged.
    """

    name: str
    kind: str
    model: str
    encoder: FeatureSource
    card: Mapping[str, Any]
    feature: str

    def facts(self) -> dict[str, Any]:
        """For the table: what it is and what it sees."""
        told = {name: self.card[name] for name in ("spacing", "crop_size", "hu_window", "read") if name in self.card}
        own = self.card.get("sha256") if self.kind in ("ours", "theirs") else None
        count = sum(weight.numel() for weight in self.encoder.parameters())
        return {
            "kind": self.kind,
            "model": self.model,
            "feature": self.feature,
            "parameters": count,
            "sha256": own,
            **told,
        }


class RawVoxels(FeatureSource):
    """The floor that needs no network: crops averaged on a grid of 12^3 cells, (B, 1, D, H, W) -> (B, 1728)."""

    stride, has_attention = 1, False

    @property
    def kinds(self) -> tuple[str, ...]:
        return ("pooled",)

    def features(self, x: Tensor) -> dict[str, Tensor]:
        """See `FeatureSource.features`: "pooled" alone."""
        return {"pooled": torch.from_numpy(raw_voxels(x.cpu()))}


def named_models(text: str, where: str = "models") -> dict[str, str]:
    """ "ours=model.pt,theirs=hf:FOLDER,random,raw" as name -> what it names; `random` and `raw` are names of their own.

    Raises:
        ConfigError: a name that cannot be, or is given twice.
    """
    found: dict[str, str] = {}
    for part in (part.strip() for part in text.split(",") if part.strip()):
        name, _, model = part.partition("=")
        model = model or (name if name == RAW or RANDOM.fullmatch(name) else "")
        name = name.replace(":", " ") if name == model else name
        if not (NAME.fullmatch(name) and model):
            expected = "name=MODEL, with up to 40 letters, digits, spaces and . _ + ( ) - in a name"
            raise ConfigError("is no named model", where=where, expected=expected, found=part)
        if name.lower() in {other.lower() for other in found}:
            raise ConfigError("names two models", where=where, found=name, remedy="give each a name of its own")
        found[name] = model
    return found


def open_contenders(
    models: Mapping[str, str],
    cards: Mapping[str, str],
    feature: str | None = None,
    trust_remote_code: bool = False,
) -> list[Contender]:
    """All of them, opened and tried, before anything is computed.

    Args:
        models: of `named_models`. cards: name -> card, of encoders of others.
        feature: "cls", "pooled" or "stages" of those who have it; the first of these if None.

    Raises:
        ConfigError: fewer than two models, a card of none of them, or fresh weights and voxels without one of ours, whose
            architecture, spacing and crop they take. Others as `open_encoder`.
    """
    if len(models) < 2:
        raise ConfigError("compares nothing", where="models", expected="two or more", found=", ".join(models) or "none")
    for name in cards:
        one_of("cards", name, models, "name a model that is compared")
    if feature is not None:
        one_of("feature", feature, IN_WORDS)
    opened: dict[str, Contender] = {}
    for name, model in models.items():
        if model != RAW and not RANDOM.fullmatch(model):
            encoder, card = open_encoder(model, cards.get(name), trust_remote_code)
            kind = "theirs" if is_foreign(model) else "ours"
            opened[name] = Contender(name, kind, _plain(model), encoder, card, _feature(encoder, feature))
    ours = next((one for one in opened.values() if one.kind == "ours"), None)
    for name, model in models.items():
        if name not in opened:
            opened[name] = _floor(name, model, ours, feature)
    return [opened[name] for name in models]


def _floor(name: str, model: str, ours: Contender | None, feature: str | None) -> Contender:
    if ours is None:
        remedy = "name one of ours, too: ours=model.pt"
        raise ConfigError("takes architecture, spacing and crop of an encoder of ours", where=name, remedy=remedy)
    if model == RAW:
        return Contender(name, "raw", model, RawVoxels().eval(), _fed(ours.card), "pooled")
    seed = RANDOM.fullmatch(model)
    assert seed is not None  # `open_contenders` has looked
    encoder: Encoder = fresh_encoder(ours.card["architecture"], int(seed[1] or 0))
    return Contender(name, "random", model, encoder, ours.card, _feature(encoder, feature))


def _fed(card: Mapping[str, Any]) -> dict[str, Any]:
    return {name: card[name] for name in ("spacing", "crop_size", "hu_window")}


def _feature(encoder: FeatureSource, asked: str | None) -> str:
    return asked if asked in encoder.kinds else encoder.kinds[0]


def _plain(model: str) -> str:
    """What was given, without the folders of a path, which are the user's own."""
    head, sign, path = model.partition(":")
    return f"{head}:{Path(path).name}" if sign and head in ("hf", "swinunetr") else Path(model).name


def pairs_of(names: Sequence[str]) -> list[tuple[str, str]]:
    """Every two, the earlier first."""
    return [(a, b) for number, a in enumerate(names) for b in names[number + 1 :]]
