"""Chance that depends on nothing but the seed and the place in a run: epoch, step, sample, rank.

No state of a random generator is carried along, so none has to be kept: a run that goes on after an interruption draws
what it would have drawn, whatever the number of worker processes and wherever it was stopped.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from ignite.engine import Engine, Events
from torch.utils.data import Dataset, Sampler

from smart_nets.errors import ConfigError
from smart_nets.settings import between

ORDER, SAMPLE, STEP = range(3)  # what is drawn: three streams that have nothing in common


class Draw(NamedTuple):
    """Which item of a dataset is drawn, and the seed of everything that is random in its preparation."""

    item: int
    seed: int


def seed_of(*numbers: int) -> int:
    """One seed of 32 bits for a tuple of whole numbers from 0, as unlike its neighbours as a hash."""
    return int(np.random.SeedSequence(numbers).generate_state(1)[0])


class SeededDataset(Dataset[Any]):
    """Items after a transform whose chance is that of the `Draw`.

    Args:
        data: items.
        transform: a MONAI transform; what is random in it takes its state from the draw.
    """

    def __init__(self, data: Sequence[Mapping[str, Any]], transform: Callable[[Any], Any]) -> None:
        self.data, self.transform = data, transform

    def __len__(self) -> int:
        return len(self.data)

    def __getitem__(self, draw: Draw) -> Any:
        item, seed = draw
        set_random_state = getattr(self.transform, "set_random_state", None)
        if set_random_state is not None:
            set_random_state(seed=seed)
        return self.transform(self.data[item])


class SeededSampler(Sampler[Draw]):
    """The order of an epoch, another one in each, shared out among ranks so that each has as many.

    Args:
        data: what is sampled, for its length.
        seed: of the run.
        rank, ranks: this process among those that share an epoch; what is missing at its end is taken from its start.
        length: samples of an epoch over all ranks, each item as often as the others, but for one; default each item once.
    """

    def __init__(
        self,
        data: Sequence[Any] | Dataset[Any],
        seed: int,
        rank: int = 0,
        ranks: int = 1,
        length: int | None = None,
    ) -> None:
        self.size, self.seed, self.rank, self.ranks = len(data), seed, rank, ranks  # type: ignore[arg-type]
        self.length = self.size if length is None else length
        between("seed", seed, 0)
        if not 0 <= rank < ranks:
            raise ConfigError("is no rank", where="rank", expected=f"0 to {ranks - 1}", found=rank)
        self.epoch, self.skipped = 1, 0

    def __len__(self) -> int:
        return -(-self.length // self.ranks)

    def go_to(self, epoch: int, skipped: int = 0) -> None:
        """Draw the order of this epoch from now on; `skipped` of this rank's samples are done already, once."""
        self.epoch, self.skipped = epoch, skipped

    def __iter__(self) -> Iterator[Draw]:
        order = np.random.default_rng([self.seed, ORDER, self.epoch]).permutation(self.size)
        start, self.skipped = self.skipped, 0
        for place in range(self.rank + start * self.ranks, len(self) * self.ranks, self.ranks):
            yield Draw(int(order[place % self.size]), seed_of(self.seed, SAMPLE, self.epoch, place))


class SeededSteps:
    """Handler: tells the sampler where in which epoch it is, and seeds torch, numpy and Python before each step.

    Args:
        seed: of the run.
        sampler: of the training data.
        batch_size: samples of a step on this rank.
        rank: of this process; its steps draw other numbers than those of others.
    """

    def __init__(self, seed: int, sampler: SeededSampler, batch_size: int, rank: int = 0) -> None:
        self.seed, self.sampler, self.batch_size, self.rank = seed, sampler, batch_size, rank

    def attach(self, engine: Engine) -> None:
        engine.add_event_handler(Events.EPOCH_STARTED, self.start_epoch)
        engine.add_event_handler(Events.ITERATION_STARTED, self.start_step)

    def start_epoch(self, engine: Engine) -> None:
        state = engine.state
        done = state.iteration % state.epoch_length if state.epoch_length else 0  # steps, where a run goes on
        self.sampler.go_to(state.epoch, done * self.batch_size)

    def start_step(self, engine: Engine) -> None:
        seed = seed_of(self.seed, STEP, self.rank, engine.state.iteration)
        random.seed(seed)
        np.random.seed(seed)
        torch.manual_seed(seed)  # of all devices
