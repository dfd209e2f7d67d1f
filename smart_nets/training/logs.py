"""The numbers of every step on disk: lines of JSON and TensorBoard scalars."""

from __future__ import annotations

import json
import math
import weakref
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ignite.engine import Engine, Events
from torch import Tensor

from smart_nets.errors import ConfigError, InputError
from smart_nets.files import open_to_append, write_text
from smart_nets.optional import absent
from smart_nets.training.distributed import rank

if TYPE_CHECKING:
    from torch.utils.tensorboard import SummaryWriter


class JsonLines:
    """Handler: one line of JSON per step, complete on disk before the next step begins.

    A new run starts a new file. One that goes on keeps the lines of the steps that it goes on from: later ones, of which no
    state was kept, and a line that a kill has cut off come again. Numbers that JSON does not know (NaN, infinity) become
    null.

    Args:
        path: of the file; its folder is made at the start of training.

    Raises:
        InputError: the file cannot be written, told before the first step.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)

    def attach(self, engine: Engine) -> None:
        if rank() == 0:
            engine.add_event_handler(Events.STARTED, self._start)
            engine.add_event_handler(Events.ITERATION_COMPLETED, self._write)

    def _start(self, engine: Engine) -> None:
        done = engine.state.iteration
        try:
            before = self.path.read_text(encoding="utf-8", errors="replace").splitlines() if done else []
        except FileNotFoundError:
            before = []
        except OSError as error:
            raise _unwritable(self.path, error) from error
        write_text(self.path, "".join(f"{line}\n" for line in before if _step_of(line) <= done))

    def _write(self, engine: Engine) -> None:
        line = {"step": engine.state.iteration, "epoch": engine.state.epoch, **log_of(engine)}
        try:
            with open_to_append(self.path) as file:
                file.write(json.dumps(as_json(line), allow_nan=False) + "\n")
        except OSError as error:
            raise _unwritable(self.path, error) from error


def _step_of(line: str) -> float:
    """The step of a line; infinity if it has none."""
    try:
        return float(json.loads(line)["step"])
    except (ValueError, LookupError, TypeError):
        return math.inf


class TensorBoard:
    """Handler: the same numbers as TensorBoard scalars; a nested name becomes "teacher_entropy/ampd".

    Left out, with a warning, where tensorboard is not installed. Events reach the disk at every step. The writer closes
    when training completes, and at the latest when this handler or the program ends; it takes no part in ignite's
    EXCEPTION_RAISED, where only one handler can pass the error on. A new run takes the place of an earlier one of its folder.

    Args:
        log_dir: folder of the event files.
        run: folder of the run, whose last name the run has in TensorBoard; by default that of `log_dir`.
        more: adds what is no number of a step, such as pictures: called with the writer and 0 before the first step of a run,
            and with the last step when training completes. Attach this handler after those whose files it reads.
    """

    def __init__(
        self,
        log_dir: str | Path,
        run: str | Path | None = None,
        more: Callable[[SummaryWriter, int], None] | None = None,
    ) -> None:
        self.log_dir = Path(log_dir) if run is None else Path(log_dir) / Path(run).resolve().name
        self.more = more

    def attach(self, engine: Engine) -> None:
        if rank() == 0 and not absent("TensorBoard curves", "tensorboard"):
            engine.add_event_handler(Events.STARTED, self._start)
            engine.add_event_handler(Events.ITERATION_COMPLETED, self._write)
            engine.add_event_handler(Events.COMPLETED, self._end)

    def _start(self, engine: Engine) -> None:
        from torch.utils.tensorboard import SummaryWriter  # takes seconds to import, and only rank 0 needs it

        try:
            done = engine.state.iteration  # what was logged of later steps is not shown
            self.writer = SummaryWriter(str(self.log_dir), purge_step=done + 1 if done else 0)
        except OSError as error:
            raise _unwritable(self.log_dir, error) from error
        self._closing = weakref.finalize(self, self.writer.close)
        if self.more is not None and not done:
            self.more(self.writer, 0)

    def _write(self, engine: Engine) -> None:
        log = dict(flat(log_of(engine)))
        step = int(log.pop("step", engine.state.iteration))
        for name, value in log.items():
            self.writer.add_scalar(name, value, step)
        self.writer.flush()

    def _end(self, engine: Engine) -> None:
        if self.more is not None and engine.state.iteration:
            self.more(self.writer, engine.state.iteration)
        self._closing()


def _unwritable(path: Path, error: OSError) -> InputError:
    remedy = "make room or choose another folder"
    return InputError("cannot be written", where=path, found=error.strerror, remedy=remedy)


def log_of(engine: Engine) -> Mapping[str, Any]:
    """The step's numbers: "log" of the output, or of the first where it is a list, which the handlers of MONAI read.

    Raises:
        ConfigError: the step returns none.
    """
    output: Any = engine.state.output
    output = output[0] if isinstance(output, list) and output else output
    if not isinstance(output, Mapping) or not isinstance(output.get("log"), Mapping):
        where, found = "the trainer's output", type(output).__name__
        raise ConfigError('has no table of numbers under "log"', where=where, expected="a table", found=found)
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
