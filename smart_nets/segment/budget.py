"""How many epochs of a segmenter's training fit into a number of minutes."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any

import torch
from torch import nn

from smart_nets.segment.update import segment_loss
from smart_nets.training.presets import epochs_for


def segment_epochs(
    minutes: float, network: nn.Module, crop: Sequence[int], patches: int, steps_per_epoch: int, autocast: str = "off"
) -> int:
    """Whole epochs, 1 or more, that take about `minutes`; the network is left as it was.

    Args:
        network: on the device that will train it.
        crop: voxels of a patch.
        patches: in a batch.
        autocast: "bf16" or "off".

    Raises:
        ConfigError: no positive number of minutes.
    """
    device = next(network.parameters()).device
    trial: dict[str, Any] = {}

    def step() -> None:
        if not trial:
            image = torch.rand(patches, 1, *crop, device=device)
            trial.update(
                network=copy.deepcopy(network).train(), image=image, label=(image > 0.5).float(), loss=segment_loss()
            )
        with torch.autocast(device.type, torch.bfloat16, enabled=autocast == "bf16"):
            answer = trial["network"](trial["image"])
        answers = [one.float() for one in answer] if isinstance(answer, list) else answer.float()
        trial["loss"](answers, trial["label"]).backward()

    return epochs_for(minutes, step, steps_per_epoch, device)
