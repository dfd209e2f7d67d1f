"""What a user sees while training runs: a bar or a line per epoch, a JSON line per step, TensorBoard curves.

All three read `engine.state.output["log"]`, a dict of numbers (or of dicts of numbers), and work on rank 0 only.
"""

from __future__ import annotations

import json
import logging
import math
import os
import sys
import time
import weakref
from collections.abc import Iterator, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

import torch.distributed as dist
from ignite.engine import Engine, Events
from torch import Tensor

from smart_nets.errors import ConfigError, InputError
from smart_nets.optional import absent, needed
from smart_nets.training.co_distillation import LOSSES
from smart_nets.training.health import Watch

logger = logging.getLogger(__name__)


class Progress:
    """Handler: one bar over all iterations on a terminal; elsewhere one log line per epoch.

    Both show the loss, scans per second over all ranks, and the remaining time; the line shows every loss, averaged
    over the epoch's finite values, and what is bad by the rules of `health`; each kind is warned of once, in a sentence.

    Args:
        total_epochs: epochs of the whole run, those before a resume included.
    """

    def __init__(self, total_epochs: int) -> None:
        if total_epochs < 1:
            raise ConfigError("must be at least 1", where="total_epochs", found=total_epochs)
        self.total_epochs, self.health = total_epochs, Watch(total_epochs)
        self.bar: Any = None  # of tqdm

    def attach(self, engine: Engine) -> None:
        if _rank() == 0:
            engine.add_event_handler(Events.STARTED, self._start)
            engine.add_event_handler(Events.EPOCH_STARTED, self._start_epoch)
            engine.add_event_handler(Events.ITERATION_COMPLETED, self._step)
            engine.add_event_handler(Events.EPOCH_COMPLETED, self._finish_epoch)
            engine.add_event_handler(Events.COMPLETED, self._finish)

    def _start(self, engine: Engine) -> None:
        self.first, self.clock = engine.state.iteration, time.perf_counter()
        if sys.stderr.isatty() and not absent("progress bars", "tqdm"):
            length = engine.state.epoch_length
            self.bar = needed("tqdm", "progress bars").tqdm(
                total=self.total_epochs * length if length else None, initial=self.first, dynamic_ncols=True,
                file=sys.stderr, bar_format="{desc} {percentage:3.0f}%|{bar}| remaining {remaining}",
            )  # fmt: skip

    def _start_epoch(self) -> None:
        self.epoch_clock, self.scans, self.steps, self.not_finite = time.perf_counter(), 0, 0, 0
        self.health.start_epoch()

    def _step(self, engine: Engine) -> None:
        log = dict(flat(log_of(engine)))
        self.scans += batch_size(engine.state.batch) * _ranks()
        self.steps += 1
        self.not_finite += not math.isfinite(log.get("loss", 0.0))
        self.health.add(log)
        if self.bar is not None:
            where, loss = f"epoch {engine.state.epoch}/{self.total_epochs}", log.get("loss", math.nan)
            self.bar.set_description_str(f"{where}  loss {loss:.3f}  {self._rate():.1f} scans/s", refresh=False)
            self.bar.update()

    def _finish_epoch(self, engine: Engine) -> None:
        state, bad = engine.state, self.health.finish_epoch(engine.state.epoch)
        if self.bar is not None:
            return
        found = self.health.means()
        means = "  ".join(f"{name} {found[name]:.4g}" for name in ("loss", *LOSSES) if name in found)
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


class JsonLines:
    """Handler: one line of JSON per step, complete on disk before the next step begins.

    A new run starts a new file; a resumed one appends, and a line that a kill has cut off is closed first, so that it
    spoils no other. Numbers that JSON does not know (NaN, infinity) become null.

    Args:
        path: of the file; its folder is made at the start of training.
        resume: append to what an earlier part of the same run wrote.

    Raises:
        InputError: the file cannot be written, told before the first step.
    """

    def __init__(self, path: str | Path, resume: bool = False) -> None:
        self.path, self.resume = Path(path), resume

    def attach(self, engine: Engine) -> None:
        if _rank() == 0:
            engine.add_event_handler(Events.STARTED, self._start)
            engine.add_event_handler(Events.ITERATION_COMPLETED, self._write)

    def _start(self) -> None:
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with self.path.open("ab+") as file:
                if not self.resume and file.tell():
                    file.truncate(0)
                elif file.tell():
                    file.seek(-1, os.SEEK_END)
                    file.write(b"" if file.read(1) == b"\n" else b"\n")
        except OSError as error:
            raise self._unwritable(error) from error

    def _write(self, engine: Engine) -> None:
        line = {"step": engine.state.iteration, "epoch": engine.state.epoch, **log_of(engine)}
        try:
            with self.path.open("a", encoding="utf-8") as file:
                file.write(json.dumps(as_json(line), allow_nan=False) + "\n")
        except OSError as error:
            raise self._unwritable(error) from error

    def _unwritable(self, error: OSError) -> InputError:
        return InputError("cannot be written", where=self.path, found=error.strerror,
                          remedy="make room or choose another folder")  # fmt: skip


class TensorBoard:
    """Handler: the same numbers as TensorBoard scalars; a nested name becomes "teacher_entropy/ampd".

    Left out, with a warning, where tensorboard is not installed. Events reach the disk at every step. The writer closes
    when training completes, and at the latest when this handler or the program ends; it takes no part in ignite's
    EXCEPTION_RAISED, where only one handler can pass the error on.

    Args:
        log_dir: folder of the event files.
    """

    def __init__(self, log_dir: str | Path) -> None:
        self.log_dir = Path(log_dir)

    def attach(self, engine: Engine) -> None:
        if _rank() == 0 and not absent("TensorBoard curves", "tensorboard"):
            engine.add_event_handler(Events.STARTED, self._start)
            engine.add_event_handler(Events.ITERATION_COMPLETED, self._write)
            engine.add_event_handler(Events.COMPLETED, self._close)

    def _start(self) -> None:
        from torch.utils.tensorboard import SummaryWriter  # takes seconds to import, and only rank 0 needs it

        try:
            self.writer = SummaryWriter(str(self.log_dir))
        except OSError as error:
            raise InputError("cannot be written", where=self.log_dir, found=error.strerror,
                             remedy="choose another folder") from error  # fmt: skip
        self._closing = weakref.finalize(self, self.writer.close)

    def _write(self, engine: Engine) -> None:
        log = dict(flat(log_of(engine)))
        step = int(log.pop("step", engine.state.iteration))
        for name, value in log.items():
            self.writer.add_scalar(name, value, step)
        self.writer.flush()

    def _close(self) -> None:
        self._closing()


def log_of(engine: Engine) -> Mapping[str, Any]:
    """The step's numbers, engine.state.output["log"].

    Raises:
        ConfigError: the step returns none.
    """
    output = engine.state.output
    if not isinstance(output, Mapping) or not isinstance(output.get("log"), Mapping):
        raise ConfigError('has no table of numbers under "log"', where="the trainer's output",
                          found=type(output).__name__, remedy="return it from iteration_update")  # fmt: skip
    return output["log"]


def flat(log: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, float]]:
    """(name, number) of every entry, nested names joined by "/".

    Raises:
        ConfigError: an entry is not a single number.
    """
    for name, value in log.items():
        if isinstance(value, Mapping):
            yield from flat(value, f"{prefix}{name}/")
        elif isinstance(value, (int, float)) or (isinstance(value, Tensor) and value.numel() == 1):
            yield prefix + name, float(value)
        else:
            raise ConfigError("is not a number", where=f"log {prefix}{name}", found=type(value).__name__)


def as_json(log: Mapping[str, Any]) -> dict[str, Any]:
    """The log with Python numbers only: tensors read, what is not finite None, nesting kept."""
    dict(flat(log))  # refuses what is not a number
    out: dict[str, Any] = {}
    for name, value in log.items():
        number = value.item() if isinstance(value, Tensor) else value
        out[name] = as_json(value) if isinstance(value, Mapping) else number if math.isfinite(number) else None
    return out


def batch_size(batch: Any) -> int:
    """Scans in a batch: the length of the first tensor found in a tensor, mapping or sequence of them; else 0."""
    if isinstance(batch, Tensor):
        return batch.shape[0] if batch.ndim else 1
    parts = batch.values() if isinstance(batch, Mapping) else batch if isinstance(batch, (list, tuple)) else ()
    return next((size for size in map(batch_size, parts) if size), 0)


def _rank() -> int:
    return dist.get_rank() if dist.is_available() and dist.is_initialized() else 0


def _ranks() -> int:
    return dist.get_world_size() if dist.is_available() and dist.is_initialized() else 1
