"""Runs a batch again that training could not learn from: what its losses are, and where gradients are not finite."""

from __future__ import annotations

import json
import logging
import math
from pathlib import Path
from typing import Any, cast

import torch
from monai.engines import SupervisedTrainer

from smart_nets.errors import CheckpointError
from smart_nets.pretrain.update import CoDistillationUpdate
from smart_nets.training.bad_batches import read_bad_batch
from smart_nets.training.seeds import STEP, seed_of

logger = logging.getLogger(__name__)


def replay(
    trainer: SupervisedTrainer, update: CoDistillationUpdate, batch_file: str | Path, seed: int
) -> dict[str, Any]:
    """One kept batch against the weights it met, with the chance it had; logged, and returned as a table.

    Args:
        trainer: of the same configuration as the run that kept the batch.
        update: its step; the networks are not changed by it.
        batch_file: what the run kept.
        seed: of the run.

    Raises:
        CheckpointError: the file is no kept batch, or of another network.
    """
    kept = read_bad_batch(batch_file)
    network: Any = getattr(trainer.network, "module", trainer.network)
    try:
        network.load_state_dict(kept["network"])
    except RuntimeError as error:
        found, remedy = str(error).splitlines()[0][:200], "replay with the settings of the run that kept it"
        raise CheckpointError("is of another network", where=batch_file, found=found, remedy=remedy) from error
    epoch = kept["step"] / kept["epoch_length"]
    torch.manual_seed(seed_of(seed, STEP, kept["rank"], kept["step"]))
    trainer.network.train()
    out = update.losses(trainer, kept["batch"], update.schedules.at(epoch), epoch)
    cast(torch.Tensor, out["loss"]).backward()
    gradients = {name: each.grad for name, each in network.named_parameters() if each.grad is not None}
    bad = [name for name, grad in gradients.items() if not torch.isfinite(grad).all()]
    losses = {name: float(value) for name, value in out.items() if isinstance(value, torch.Tensor) and value.ndim == 0}
    told = {
        "step": kept["step"],
        "scans": list(dict.fromkeys(Path(str(name)).name for name in kept["batch"].get("image", []))),
        "losses": {name: value if math.isfinite(value) else None for name, value in losses.items()},
        "gradients": len(gradients),
        "not_finite": bad,
    }
    logger.info("replay of step %d:\n%s", kept["step"], json.dumps(told, indent=2))
    return told
