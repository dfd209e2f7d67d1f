"""What a user sees while training runs: a bar or a line per epoch, a JSON line per step, TensorBoard curves.

All three read the "log" of `engine.state.output`, a dict of numbers (or of dicts of numbers), and work on rank 0 only.
"""

from __future__ import annotations

import logging
import math
import sys
import time
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from ignite.engine import Engine, Events
from torch import Tensor

from smart_nets.optional import absent, needed
from smart_nets.settings import between
from smart_nets.training.distributed import rank, ranks
from smart_nets.training.logs import flat, log_of

logger = logging.getLogger(__name__)


class Means:
    """The mean of every number over an epoch; `shown` are those a line of the log names."""

    shown: tuple[str, ...] = ("loss",)

    def start_epoch(self) -> None:
        self.sums: dict[str, tuple[float, int]] = {}

    def add(self, log: Mapping[str, float]) -> None:
        """The numbers of a step by their flat names; what is not finite is left out."""
        for name, value in log.items():
            if math.isfinite(value):
                total, count = self.sums.get(name, (0.0, 0))
                self.sums[name] = (total + value, count + 1)

    def means(self) -> dict[str, float]:
        """Of the epoch so far, over finite values."""
        return {name: total / count for name, (total, count) in self.sums.items()}

    def finish_epoch(self, epoch: int) -> str:
        """A word on the epoch for its line, or ""."""
        return ""


class Progress:
    """Handler: one bar over all iterations on a terminal; elsewhere one log line per epoch.

    Both show the loss, scans per second over all ranks, and the remaining time; the line shows what `watch` names,
    averaged over the epoch's finite values, and what it judges.

    Args:
        total_epochs: epochs of the whole run, those before a resume included.
        watch: averages the numbers of the steps, and judges them at the end of an epoch.
    """

    def __init__(self, total_epochs: int, watch: Means | None = None) -> None:
        between("total_epochs", total_epochs, 1)
        self.total_epochs, self.watch = total_epochs, watch or Means()
        self.bar: Any = None  # of tqdm

    def attach(self, engine: Engine) -> None:
        engine.logger.addFilter(_tells)
        if rank() == 0:
            engine.add_event_handler(Events.STARTED, self._start)
            engine.add_event_handler(Events.EPOCH_STARTED, self._start_epoch)
            engine.add_event_handler(Events.ITERATION_COMPLETED, self._step)
            engine.add_event_handler(Events.EPOCH_COMPLETED, self._finish_epoch)
            engine.add_event_handler(Events.COMPLETED, self._finish)

    def _start(self, engine: Engine) -> None:
        self.first, self.clock = engine.state.iteration, time.perf_counter()
        if sys.stderr.isatty() and not absent("progress bars", "tqdm"):
            length = engine.state.epoch_length
            steps = self.total_epochs * length if length else None
            form = {"dynamic_ncols": True, "bar_format": "{desc} {percentage:3.0f}%|{bar}| remaining {remaining}"}
            self.bar = needed("tqdm", "progress bars").tqdm(total=steps, initial=self.first, file=sys.stderr, **form)

    def _start_epoch(self) -> None:
        self.epoch_clock, self.scans, self.steps, self.not_finite = time.perf_counter(), 0, 0, 0
        self.watch.start_epoch()

    def _step(self, engine: Engine) -> None:
        log = dict(flat(log_of(engine)))
        self.scans += batch_size(engine.state.batch) * ranks()
        self.steps += 1
        self.not_finite += not math.isfinite(log.get("loss", 0.0))
        self.watch.add(log)
        if self.bar is not None:
            where, loss = f"epoch {engine.state.epoch}/{self.total_epochs}", log.get("loss", math.nan)
            self.bar.set_description_str(f"{where}  loss {loss:.3f}  {self._rate():.1f} scans/s", refresh=False)
            self.bar.update()

    def _finish_epoch(self, engine: Engine) -> None:
        state, bad = engine.state, self.watch.finish_epoch(engine.state.epoch)
        if self.bar is not None:
            return
        found = self.watch.means()
        means = "  ".join(f"{name} {found[name]:.4g}" for name in self.watch.shown if name in found)
        each = (time.perf_counter() - self.clock) / max(1, state.iteration - self.first)
        left = timedelta(seconds=round(each * self.steps * max(0, self.total_epochs - state.epoch)))
        odd = f"  loss not finite in {self.not_finite} of {self.steps} steps" if self.not_finite else ""
        where, rate = f"epoch {state.epoch}/{self.total_epochs}", self._rate()
        logger.info("%s  %s  %.1f scans/s  remaining %s%s%s", where, means, rate, left, odd, bad and f"  {bad}")

    def _finish(self) -> None:
        if self.bar is not None:
            self.bar.close()

    def _rate(self) -> float:
        return self.scans / max(1e-9, time.perf_counter() - self.epoch_clock)


class Measures:
    """Tells in one line what an evaluation measured; MONAI's `StatsHandler` and ignite tell it three times."""

    def attach(self, engine: Engine) -> None:
        engine.logger.addFilter(_tells)
        engine.logger.addFilter(_is_no_end)
        engine.add_event_handler(Events.COMPLETED, self._tell)

    def _tell(self, engine: Engine) -> None:
        found = {name: value for name, value in engine.state.metrics.items() if isinstance(value, float)}
        if found and rank() == 0:
            logger.info("held-out cases: %s", "  ".join(f"{name} {value:.4g}" for name, value in found.items()))


NOISE = (
    "Engine run resuming from", "Current run is terminating", "Engine run is terminating", "Epoch[", "Got new best metric"
)  # fmt: skip


def _tells(record: logging.LogRecord) -> bool:
    """Whether a line of ignite's says what nobody else does.

    It says of every run of MONAI's that it resumes, from iteration 0 as a rule; `TrainingState` tells when it does. It
    repeats every error, with the addresses of objects, before the sentence that ends the program. The end of an epoch is
    told by `Progress`, or seen on its bar.
    """
    return not record.getMessage().startswith(NOISE)


def _is_no_end(record: logging.LogRecord) -> bool:
    return not record.getMessage().startswith("Engine run finished")


def batch_size(batch: Any) -> int:
    """Scans in a batch: the length of the first tensor found in a tensor, mapping or sequence of them; else 0."""
    if isinstance(batch, Tensor):
        return batch.shape[0] if batch.ndim else 1
    parts = batch.values() if isinstance(batch, Mapping) else batch if isinstance(batch, (list, tuple)) else ()
    return next((size for size in map(batch_size, parts) if size), 0)
