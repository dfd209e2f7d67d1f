"""How many epochs fit into a number of minutes: measured on this machine before training, so that schedules can end on time."""

from __future__ import annotations

import copy
import logging
import math
import time
from collections.abc import Sequence
from typing import Any

import torch
from torch import nn

from smart_nets.errors import ConfigError
from smart_nets.training.distributed import of_first_rank

logger = logging.getLogger(__name__)
WARM_UP, TIMED = 1, 2  # steps
SPARE = 1.15  # loading, validation and the optimiser come on top of the network's own time


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
    if isinstance(minutes, bool) or not isinstance(minutes, (int, float)) or not 0 < minutes < math.inf:
        raise ConfigError("is no time", where="minutes", expected="a number above 0", found=minutes)
    if steps_per_epoch < 1:
        what, remedy = "no step in an epoch", "give more scans or visits_per_epoch, or a smaller batch_size"
        raise ConfigError(what, where="steps_per_epoch", expected="1 or more", found=steps_per_epoch, remedy=remedy)
    seconds = of_first_rank(SPARE * seconds_per_step(network, crop, crops, autocast))
    epochs = max(1, round(minutes * 60 / (seconds * steps_per_epoch)))
    logger.info(
        "%.2f s a step here: %d epochs of %d steps take about %g minutes", seconds, epochs, steps_per_epoch, minutes
    )
    return epochs


def seconds_per_step(network: nn.Module, crop: Sequence[int], crops: int, autocast: str = "off") -> float:
    """Seconds of a forward and backward pass over random views, the random state untouched."""
    trial: Any = copy.deepcopy(network).train()
    device = next(trial.parameters()).device
    with torch.random.fork_rng():
        views = torch.rand(2 * crops, 1, *crop, device=device)
        clock = 0.0
        for step in range(WARM_UP + TIMED):
            if step == WARM_UP:
                clock = _now(device)
            with torch.autocast(device.type, torch.bfloat16, enabled=autocast == "bf16"):
                loss = trial(views)["loss"]
            loss.backward()
            trial.skip_step()
        return (_now(device) - clock) / TIMED


def _now(device: torch.device) -> float:
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return time.perf_counter()
