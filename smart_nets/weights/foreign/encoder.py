"""Somebody else's network behind our contract of features: fed as its card says, read as its card says, never trained."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from smart_nets.errors import ConfigError, SmartError
from smart_nets.networks.feature_source import FeatureSource, device_of
from smart_nets.weights.foreign.card import AXIS, BACKWARDS, Handling
from smart_nets.weights.foreign.read_out import read_feature


class ForeignEncoder(FeatureSource):
    """A frozen network of others.

    Args:
        network: in evaluation mode.
        handling: how it is fed and read.
        name: for messages.
        stride: what crop sides must be divisible by.
    """

    has_attention = False

    def __init__(self, network: nn.Module, handling: Handling, name: str, stride: int = 1) -> None:
        super().__init__()
        self.network, self.handling, self.name, self.stride = network, handling, name, stride
        self.training = False
        for weight in network.parameters():
            weight.requires_grad_(False)

    @property
    def kinds(self) -> tuple[str, ...]:
        return ("pooled",)

    def train(self, mode: bool = True) -> ForeignEncoder:
        """Nothing changes: it is frozen, and exported programs refuse to be asked."""
        return self

    def forward(self, x: Tensor) -> Tensor:
        """The feature (B, C) of crops (B, 1, D, H, W) in [0, 1] whose axes run to R, A, S.

        Raises:
            ConfigError: the network cannot take the crops, or its output is not what the card says.
        """
        parts = [x] if not self.handling.batch_size else list(x.split(self.handling.batch_size))
        return torch.cat([self._run(part) for part in parts])

    def features(self, x: Tensor) -> dict[str, Tensor]:
        """See `FeatureSource.features`: "pooled" alone."""
        return {"pooled": self(x)}

    def check_crop(self, size: Sequence[int]) -> None:
        """ConfigError unless the network takes crops of these sides: one of zeros is tried."""
        super().check_crop(list(size))
        self(torch.zeros(1, 1, *size, device=device_of(self)))

    def fed(self, x: Tensor) -> Tensor:
        """What the network sees of crops (B, 1, D, H, W) in [0, 1] whose axes run to R, A, S."""
        own = self.handling
        low, high = own.input_range
        places = [2 + AXIS[letter] for letter in own.orientation]
        x = x.permute(0, 1, *places).flip([2 + n for n, letter in enumerate(own.orientation) if letter in BACKWARDS])
        x = (low + (high - low) * x).repeat(1, own.repeat_channels, 1, 1, 1)  # (B, 1, D, H, W) -> (B, n, D, H, W)
        return x.permute(*("BCDHW".index(letter) for letter in own.axes.split())).contiguous()

    @torch.no_grad()
    def _run(self, x: Tensor) -> Tensor:
        fed, own = self.fed(x), self.handling
        try:
            output = self.network(**{own.input: fed}) if own.input else self.network(fed)
        except (SmartError, MemoryError):
            raise
        except Exception as error:  # what others wrote may raise anything
            told = f"{type(error).__name__} {error}"
            raise ConfigError("cannot take these crops", where=self.name,
                              expected=f"an input of shape {tuple(fed.shape)}, as its card says", found=told[:160],
                              remedy="correct crop_size, axes, repeat_channels, input or batch_size") from error  # fmt: skip
        return read_feature(output, own.feature, len(x), self.name)
