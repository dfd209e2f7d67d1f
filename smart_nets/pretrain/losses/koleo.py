"""KoLeo: features spread over the sphere instead of collapsing into a few directions (DINOv2, 3DINO)."""

from __future__ import annotations

from collections.abc import Iterable

import torch
import torch.nn.functional as F
from torch import Tensor

from smart_nets.errors import ConfigError


@torch.autocast("cuda", enabled=False)
@torch.autocast("cpu", enabled=False)
def koleo(features: Tensor) -> Tensor:
    """-mean log of the distance from each feature, at unit length, to its nearest neighbour in the batch.

    The Kozachenko-Leonenko estimate of entropy. Each view apart: the other view of the same scan should be near. Channels
    are standardised over the batch first: else the common part of all features and a few loud channels, mostly
    brightness, are all that is spread (docs/experiments.md).

    Args:
        features: (B, C), B of 2 or more; with one there is no neighbour and the loss is 0.

    Raises:
        ConfigError: other shapes.
    """
    if features.dim() != 2:
        raise ConfigError("needs one feature per crop", where="koleo", expected="(B, C)", found=tuple(features.shape))
    if len(features) < 2:
        return features.float().sum() * 0
    centred = features.float() - features.float().mean(0)
    unit = F.normalize(centred / (features.float().std(0) + 1e-4), dim=-1, eps=1e-8)
    with torch.no_grad():
        nearest = (unit @ unit.T).fill_diagonal_(-2).argmax(1)  # (B,)
    distance = (unit - unit[nearest] + 1e-8).norm(dim=1)
    return -(distance + 1e-8).log().mean()


def koleo_of_views(features: Iterable[Tensor], views: int) -> Tensor:
    """The mean of `koleo` over features (B, C) and over the `views` equal parts of the batch, each apart."""
    return torch.stack([koleo(part) for each in features for part in each.chunk(views)]).mean()
