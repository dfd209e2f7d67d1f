"""How many epochs of pretraining fit into a number of minutes."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any

import torch
from torch import nn

from smart_nets.training.presets import epochs_for, seconds_of_step


def epochs_within(
    minutes: float, network: nn.Module, crop: Sequence[int], crops: int, steps_per_epoch: int, autocast: str = "off"
) -> int:
    """Whole epochs, 1 or more, that take about `minutes`; the network is left as it was.

    Args:
        network: a CoDistillation, on the device that will train it.
        crop: voxels of a crop.
        crops: places in a batch; each gives two views.
        autocast: "bf16" or "off".

    Raises:
        ConfigError: no positive number of minutes, or no step.
    """
    trial = _Trial(network, crop, crops, autocast)
    return epochs_for(minutes, trial, steps_per_epoch, trial.device)


def seconds_per_step(network: nn.Module, crop: Sequence[int], crops: int, autocast: str = "off") -> float:
    """Seconds of a forward and backward pass over random views, the random state untouched."""
    trial = _Trial(network, crop, crops, autocast)
    return seconds_of_step(trial, trial.device)


class _Trial:
    """A copy of the network that takes steps over random views; made when the first is taken."""

    def __init__(self, network: nn.Module, crop: Sequence[int], crops: int, autocast: str) -> None:
        self.network, self.shape, self.autocast = network, (2 * crops, 1, *crop), autocast
        self.device = next(network.parameters()).device
        self.copy: Any = None

    def __call__(self) -> None:
        if self.copy is None:
            self.copy, self.views = copy.deepcopy(self.network).train(), torch.rand(self.shape, device=self.device)
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.autocast == "bf16"):
            loss = self.copy(self.views)["loss"]
        loss.backward()
        self.copy.skip_step()
