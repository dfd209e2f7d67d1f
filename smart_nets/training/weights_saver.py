"""What a run leaves for others: its network and the card that tells what it is."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

from ignite.engine import Engine, Events
from torch import nn

from smart_nets.settings import one_of
from smart_nets.training.run_record import update_record
from smart_nets.weights.io import save_weights

BRANCHES = ("student", "teacher")


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
