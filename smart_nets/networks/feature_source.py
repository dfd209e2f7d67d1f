"""What every frozen encoder is to those who only read its features: ours, and those of others (`weights/foreign`)."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from smart_nets.networks.inputs import check_size


class FeatureSource(nn.Module, ABC):
    """A network whose features can be probed, compared and clustered.

    Attributes:
        stride: what crop sides must be divisible by, in voxels.
        has_attention: whether there is a [CLS] and its attention.
    """

    stride: int
    has_attention: bool

    @property
    def kinds(self) -> tuple[str, ...]:
        """The names of the features that `features` gives, in its order."""
        return (*(("cls",) if self.has_attention else ()), "pooled", "stages")

    @abstractmethod
    def features(self, x: Tensor) -> dict[str, Tensor]:
        """By name, in the order of `kinds`, features (B, C) of crops (B, 1, D, H, W) in [0, 1] whose axes run to R, A, S.

        Raises:
            ConfigError: crops that the network cannot take.
        """

    def check_crop(self, size: Sequence[int]) -> None:
        """ConfigError unless the network takes crops of these sides, in voxels."""
        check_size(size, self.stride)


def device_of(network: nn.Module) -> torch.device:
    """Where a network's weights lie; the CPU for one without weights."""
    return next((weight.device for weight in network.parameters()), torch.device("cpu"))
