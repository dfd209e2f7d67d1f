"""A frozen encoder as one plain module, images in and a feature out: for frameworks that build a backbone by its path."""

from __future__ import annotations

from torch import Tensor, nn

from smart_nets.networks.feature_source import FeatureSource
from smart_nets.settings import one_of
from smart_nets.weights.default_model import shipped_model
from smart_nets.weights.foreign.door import open_encoder


class FrozenFeature(nn.Module):
    """(B, 1, D, H, W) in [0, 1] -> one feature (B, C) of a frozen encoder; it stays in evaluation mode.

    Args:
        source: the encoder.
        feature: one of its `kinds`.
    """

    def __init__(self, source: FeatureSource, feature: str) -> None:
        super().__init__()
        self.source, self.feature = source.eval().requires_grad_(False), feature
        self.training = False

    def train(self, mode: bool = True) -> FrozenFeature:
        """Nothing changes."""
        return self

    def forward(self, image: Tensor) -> Tensor:
        return self.source.features(image.float())[self.feature]


def frozen_encoder(
    model: str | None = None, feature: str | None = None, card: str | None = None, trust_remote_code: bool = False
) -> nn.Module:
    """An encoder of ours or of others as a backbone.

    Args:
        model, card, trust_remote_code: see `open_encoder`; the encoder that the project ships if None.
        feature: "cls", "pooled" or "stages"; the first that there is if None.

    Raises:
        ConfigError: the encoder has no such feature. Others as `open_encoder`.
    """
    source, _ = open_encoder(model or shipped_model(), card, trust_remote_code)
    name = feature or source.kinds[0]
    one_of("feature", name, source.kinds)
    return FrozenFeature(source, name)
