"""What a run leaves behind: its network for others, and its own state to go on from.

Both are attached in the configuration's `run`, since a handler inside the trainer's list cannot refer to the trainer.
"""

from __future__ import annotations

import json
import logging
import random
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from ignite.engine import Engine, Events
from torch import nn

from smart_nets.errors import CheckpointError
from smart_nets.files import whole
from smart_nets.settings import FROM_0, one_of
from smart_nets.training.run_record import update_record
from smart_nets.weights.io import check_numbers, read_tensors, save_weights

logger = logging.getLogger(__name__)
BRANCHES = ("student", "teacher")
STATE = ("network", "optimizer", "epoch", "iteration", "settings", "torch_random")


def encoder_of(network: nn.Module, branch: str) -> nn.Module:
    """The encoder of a branch of a CoDistillation, for an expression of a configuration.

    Raises:
        ConfigError: there is no such branch.
    """
    one_of("saved_branch", branch, BRANCHES)
    return cast(nn.Module, getattr(network, branch).encoder)


class WeightsSaver:
    """Handler: after every `every` epochs and at the end, a network and its card; rank 0 only.

    Args:
        network: whose weights are kept: the student's encoder, a classifier.
        path: of the weights, e.g. models/model.pt; the card lies beside it.
        card: what is known before training; the epoch is added.
        record: run.json, which learns the weights' name and hash.
    """

    def __init__(
        self,
        network: nn.Module,
        path: str | Path,
        card: Mapping[str, Any],
        record: str | Path,
        every: int = 10,
        rank: int = 0,
    ) -> None:
        self.network, self.path, self.card, self.record = network, Path(path), dict(card), Path(record)
        self.every, self.rank = every, rank

    def attach(self, engine: Engine) -> None:
        if self.rank == 0:
            engine.add_event_handler(Events.EPOCH_COMPLETED(every=self.every), self.save)
            engine.add_event_handler(Events.COMPLETED, self.save)

    def save(self, engine: Engine) -> None:
        digest = save_weights(self.network, self.path, {**self.card, "epochs": engine.state.epoch})
        update_record(self.record, weights={"file": self.path.name, "sha256": digest})


class TrainingState:
    """Handler: all that is needed to go on after an interruption, written at the end of every epoch.

    Args:
        path: of the state file; written whole or not at all.
        network, optimizer: whose state is kept.
        resume: start from the file when it is there.
        settings: compared on resume, because going on under other settings would be neither the one run nor the other.
    """

    def __init__(
        self,
        path: str | Path,
        network: nn.Module,
        optimizer: torch.optim.Optimizer,
        resume: bool = False,
        settings: Mapping[str, Any] | None = None,
        rank: int = 0,
    ) -> None:
        self.path, self.network, self.optimizer, self.resume = Path(path), network, optimizer, resume
        self.settings, self.rank = json.loads(json.dumps(settings or {}, default=str)), rank

    def attach(self, engine: Engine) -> None:
        engine.add_event_handler(Events.STARTED, self.load)
        if self.rank == 0:
            engine.add_event_handler(Events.EPOCH_COMPLETED, self.save)

    def save(self, engine: Engine) -> None:
        network = getattr(self.network, "module", self.network)
        state = {
            "network": network.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "epoch": engine.state.epoch,
            "iteration": engine.state.iteration,
            "settings": self.settings,
            "torch_random": torch.get_rng_state(),
        }
        with whole(self.path) as draft, draft.open("wb") as file:
            torch.save(state, file)

    def load(self, engine: Engine) -> None:
        if not (self.resume and self.path.is_file()):
            return
        state = read_tensors(self.path)
        if not (isinstance(state, dict) and {*STATE} <= state.keys() and isinstance(state["settings"], dict)):
            found = ", ".join(map(str, [*state][:6])) if isinstance(state, dict) else type(state).__name__
            remedy = "start anew in another output_dir"
            raise CheckpointError(
                "is no training state", where=self.path, expected=", ".join(STATE), found=found, remedy=remedy
            )
        changed = {n for n in {*state["settings"], *self.settings} if state["settings"].get(n) != self.settings.get(n)}
        if changed:
            names, remedy = ", ".join(sorted(changed)), "resume with the same ones, or start anew in another output_dir"
            raise CheckpointError("was made with other settings", where=self.path, found=names, remedy=remedy)
        self._take(state)
        engine.state.epoch, engine.state.iteration = state["epoch"], state["iteration"]
        random.seed(state["epoch"])
        np.random.seed(state["epoch"])
        logger.info("going on after epoch %d from %s", state["epoch"], self.path.name)

    def _take(self, state: Mapping[str, Any]) -> None:
        network = getattr(self.network, "module", self.network)
        try:
            FROM_0.check("epoch", state["epoch"])
            FROM_0.check("iteration", state["iteration"])
            network.load_state_dict(state["network"])
            check_numbers(state["network"], network.state_dict(), self.path)
            self.optimizer.load_state_dict(state["optimizer"])
            torch.set_rng_state(state["torch_random"])
        except (CheckpointError, MemoryError):
            raise
        except Exception as error:  # torch tells of each kind of misfit in another way
            found, remedy = (str(error).splitlines() or [""])[0][:200], "start anew in another output_dir"
            raise CheckpointError("does not fit this training", where=self.path, found=found, remedy=remedy) from error
