"""Batches that a step could not learn from are kept, with the weights they met, so that somebody can look into it."""

from __future__ import annotations

import io
import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import nn

from smart_nets.errors import CheckpointError
from smart_nets.files import write_bytes
from smart_nets.settings import FROM_0, FROM_1
from smart_nets.weights.io import read_tensors

logger = logging.getLogger(__name__)
KEPT = ("batch", "network", "step", "epoch_length", "rank")


class BadBatches:
    """A folder of batches: step_000123.pt, with "_rank1" where several ranks have their own.

    Args:
        folder: made with the first.
        rank: of this process.
        most: files of this run that are kept; what is bad after these is counted only.
    """

    def __init__(self, folder: str | Path, rank: int = 0, most: int = 5) -> None:
        FROM_0.check("most", most)
        self.folder, self.rank, self.most, self.files = Path(folder), rank, most, []  # type: ignore[var-annotated]

    def keep(self, batch: Mapping[str, Any], network: nn.Module, step: int, epoch_length: int) -> None:
        """Write one, unless there are enough. InputError if it cannot be written."""
        scans = ", ".join(dict.fromkeys(Path(str(name)).name for name in batch.get("image", [])))
        path = self.folder / f"step_{step:06d}{f'_rank{self.rank}' if self.rank else ''}.pt"
        told = f"step {step} is skipped: its gradients are not finite; scans {scans or 'unknown'}"
        if len(self.files) >= self.most:
            logger.warning("%s", told)
            return
        tensors = {name: value for name, value in batch.items() if isinstance(value, torch.Tensor | list | int | str)}
        content = io.BytesIO()
        numbers = {"step": step, "epoch_length": epoch_length, "rank": self.rank}
        torch.save({"batch": tensors, "network": network.state_dict(), **numbers}, content)
        write_bytes(path, content.getvalue())
        self.files.append(path)
        logger.warning("%s; --replay %s runs it again", told, path)


def read_bad_batch(path: str | Path) -> dict[str, Any]:
    """What `BadBatches` kept: the batch, the weights it met, the step, the steps of an epoch, and the rank.

    Raises:
        CheckpointError: there is no such file, or it is damaged or another one.
    """
    path = Path(path).expanduser()
    if not path.is_file():
        raise CheckpointError("there is no batch here", where=path, remedy="give a file that a training run kept")
    kept = read_tensors(path)
    tables = isinstance(kept, dict) and {*KEPT} <= kept.keys() and isinstance(kept["batch"], dict)
    if not tables or not isinstance(kept["batch"].get("views"), torch.Tensor):
        found = ", ".join(map(str, [*kept][:6])) if isinstance(kept, dict) else type(kept).__name__
        remedy = "give a file that a training run kept"
        raise CheckpointError("is no kept batch", where=path, expected=", ".join(KEPT), found=found, remedy=remedy)
    for name, rule in (("step", FROM_1), ("epoch_length", FROM_1), ("rank", FROM_0)):
        rule.check(name, kept[name])
    return kept
