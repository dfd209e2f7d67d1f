"""What the hardware decides unless the user says: the preset of a run, and how many epochs fit into a number of minutes."""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable, Mapping
from typing import Any

import torch

from smart_nets.errors import ConfigError
from smart_nets.settings import one_of
from smart_nets.training.distributed import of_first_rank

logger = logging.getLogger(__name__)
# One scan of 128^3 peaks at 4.3 GB in bf16 on a CPU (benchmarks/results/memory.json), some 3 GB of it per scan; the preset
# takes 8. An estimate: no GPU has measured it yet.
BASE_NEEDS_GB = 38
WARM_UP, TIMED = 1, 2  # steps
SPARE = 1.15  # loading, validation and the optimiser come on top of the network's own time


def choose_preset(name: str, presets: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """The settings of the preset `name`: what it states, over what the one it is "like" states, over what "base" states.

    "auto" takes "base" on a large GPU and "tiny" elsewhere, and logs why.

    Raises:
        ConfigError: the name is not among the presets.
    """
    if name == "auto":
        name, why = _by_hardware()
    else:
        why = "as asked"
    one_of("preset", name, ("auto", *presets), "choose one of them with --preset")
    logger.info("preset %s (%s)", name, why)
    own = dict(presets[name])
    return {**presets.get("base", {}), **presets[own.pop("like", name)], **own, "name": name}


def _by_hardware() -> tuple[str, str]:
    if not torch.cuda.is_available():
        return "tiny", "no GPU found; --preset base runs the paper's configuration"
    gpu = torch.cuda.get_device_properties(0)
    memory = gpu.total_memory / 2**30
    if memory < BASE_NEEDS_GB:
        return "tiny", f"{gpu.name} has {memory:.0f} GB, base needs {BASE_NEEDS_GB}"
    return "base", f"{gpu.name}, {memory:.0f} GB"


def epochs_for(minutes: float, step: Callable[[], None], steps_per_epoch: int, device: torch.device) -> int:
    """Whole epochs, 1 or more, that take about `minutes`.

    Args:
        step: one forward and backward pass, of a copy of the network.

    Raises:
        ConfigError: no positive number of minutes, or no step in an epoch.
    """
    if isinstance(minutes, bool) or not isinstance(minutes, (int, float)) or not 0 < minutes < math.inf:
        raise ConfigError("is no time", where="minutes", expected="a number above 0", found=minutes)
    if steps_per_epoch < 1:
        what, remedy = "no step in an epoch", "give more scans or visits_per_epoch, or a smaller batch_size"
        raise ConfigError(what, where="steps_per_epoch", expected="1 or more", found=steps_per_epoch, remedy=remedy)
    seconds = of_first_rank(SPARE * seconds_of_step(step, device))
    epochs = max(1, round(minutes * 60 / (seconds * steps_per_epoch)))
    logger.info(
        "%.2f s a step here: %d epochs of %d steps take about %g minutes", seconds, epochs, steps_per_epoch, minutes
    )
    return epochs


def seconds_of_step(step: Callable[[], None], device: torch.device) -> float:
    """Seconds of a step, after some that are not counted; the random state stays untouched."""
    with torch.random.fork_rng():
        clock = 0.0
        for number in range(WARM_UP + TIMED):
            if number == WARM_UP:
                clock = _now(device)
            step()
        return (_now(device) - clock) / TIMED


def _now(device: torch.device) -> float:
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return time.perf_counter()
