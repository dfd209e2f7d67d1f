"""Scans one after the other, of which one that cannot be used does not take the others along."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from ignite.engine import Engine, Events
from torch.utils.data import IterableDataset, get_worker_info

from smart_nets.errors import InputError, cause

logger = logging.getLogger(__name__)


class UsableScans(IterableDataset[Any]):
    """The items of a datalist after a transform; what is refused is left out, and the log says which scan and why.

    Whether anything was left out is told at the end by `check_all_done`.

    Args:
        data: items as `datalist` makes them.
        transform: reads and prepares one.

    Raises:
        SmartError: while iterating, where none can be used.
    """

    def __init__(self, data: Sequence[Mapping[str, Any]], transform: Callable[[Any], Any]) -> None:
        self.data, self.transform = data, transform

    def __iter__(self) -> Iterator[Any]:
        worker = get_worker_info()
        share = self.data if worker is None else self.data[worker.id :: worker.num_workers]
        refused = 0
        for item in share:
            try:
                prepared = self.transform(dict(item))
            except Exception as error:
                fault = cause(error)  # MONAI wraps what a transform raises
                if fault is None or (worker is None and len(share) == 1):
                    raise
                refused += 1
                if worker is None and refused == len(share):
                    what, remedy = f"none of {refused} scans can be used", "see the log for each one's reason"
                    raise InputError(what, found=fault, remedy=remedy) from error
                logger.warning("left out: %s: %s", type(fault).__name__, fault)
            else:
                yield prepared


class DoneScans:
    """Handler that counts the scans that are done; `check_all_done` tells after the run whether these were all."""

    def __init__(self, data: Sequence[Any]) -> None:
        self.given, self.done = len(data), 0

    def attach(self, engine: Engine) -> None:
        engine.add_event_handler(Events.ITERATION_COMPLETED, self.count)

    def count(self, engine: Engine) -> None:
        batch: Any = engine.state.batch
        self.done += len(batch)
        logger.info("%d of %d scans done", self.done, self.given)


def check_all_done(scans: DoneScans) -> None:
    """InputError after a run that left scans out, so that a script sees it, too."""
    left_out = scans.given - scans.done
    if left_out:
        what = f"{left_out} of {scans.given} scans were left out, the others are done"
        raise InputError(what, remedy="see the log for each one's reason, or let check-data examine all")
