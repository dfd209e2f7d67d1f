"""Presets by name: which settings of a configuration a run takes, chosen by the hardware unless the user says."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

import torch

from smart_nets.settings import one_of

logger = logging.getLogger(__name__)
# One scan of 128^3 peaks at 5.3 GB in bf16 on a CPU (benchmarks/results/memory.json), some 4 GB of it per scan; the preset
# takes 8. An estimate: no GPU has measured it yet.
BASE_NEEDS_GB = 38


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
