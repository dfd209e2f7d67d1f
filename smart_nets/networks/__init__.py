"""Encoders under one contract (`encoder.Encoder`). A new backbone is a file here and a line in `BACKBONES`."""

from __future__ import annotations

from collections.abc import Callable

from smart_nets.networks.comparators.resnet import ResNetEncoder
from smart_nets.networks.comparators.vit import ViTEncoder
from smart_nets.networks.encoder import Encoder, SmartEncoder

# by the name that a card's "architecture" gives; its other entries are the arguments
BACKBONES: dict[str, Callable[..., Encoder]] = {
    "SmartEncoder": SmartEncoder,
    "ViTEncoder": ViTEncoder,
    "ResNetEncoder": ResNetEncoder,
}
