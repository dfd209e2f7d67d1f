"""What a run needs to go on exactly where it was, and whether it may.

There is no state of random generators in it: what is drawn depends on seed and step alone (`seeds`).
"""

from __future__ import annotations

import io
import json
import logging
import os
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import torch
from ignite.engine import Engine, Events
from torch import nn

from smart_nets.errors import CheckpointError, ConfigError
from smart_nets.files import whole
from smart_nets.settings import FROM_0, FROM_1, NOT_BELOW_0, RESUME, as_told, one_of
from smart_nets.training.distributed import of_first_rank
from smart_nets.training.run_folder import RunFolder
from smart_nets.training.signals import StopSignals
from smart_nets.weights.io import check_numbers, read_tensors

logger = logging.getLogger(__name__)
STATE = ("network", "optimizer", "iteration", "epoch_length", "finished", "settings")
SHARE = 0.01  # of the time of a run that its states may take
Resume = Literal["auto", "changed", "never"] | bool
ANEW = "start anew in another output_dir, or here with --resume false"


class TrainingState:
    """Handler: keeps what is needed to go on, in turn in two files, and goes on from it; must be the first of the handlers.

    A state is written after the first step, then as often as that takes a hundredth of the time, but `minutes` after the
    last one at the latest; at the end; and when a signal asks the run to stop. Each rank reads, rank 0 writes.

    Args:
        path: of the state; the one before lies beside it as NAME.previous.pt.
        network, optimizer: whose state is kept.
        resume: "auto" goes on with a run that is not finished, and starts anew where none is or it is finished; True asks
            for a run to go on with; False starts anew; "changed" goes on although settings or data are others, which is told;
            "never" neither keeps nor reads a state, for programs that do so themselves.
        settings: what results depend on, the data included; compared, because going on under other settings would be
            neither the one run nor the other.
        rank: of this process.
        minutes: between two states, at most; what an interruption can cost.
        steps: iterations of an optimiser step; between two of them there is no state.

    Raises:
        ConfigError: a setting out of range. InputError: another run is at work in the folder, or it cannot be written.
        CheckpointError: there is no state to go on from, it is damaged, or belongs to another run.
    """

    def __init__(
        self,
        path: str | Path,
        network: nn.Module,
        optimizer: torch.optim.Optimizer,
        resume: Resume = "auto",
        settings: Mapping[str, Any] | None = None,
        rank: int = 0,
        minutes: float = 5.0,
        steps: int = 1,
    ) -> None:
        resume = as_told(resume)
        one_of("resume", resume, RESUME)
        NOT_BELOW_0.check("save_minutes", minutes)
        self.path, self.network, self.optimizer, self.resume = Path(path), network, optimizer, resume
        self.settings, self.rank = json.loads(json.dumps(settings or {}, default=str)), rank
        self.minutes, self.steps = minutes, steps
        self.previous = previous_of(self.path)
        self.folder, self.signals = RunFolder(self.path.parent), StopSignals()

    def attach(self, engine: Engine) -> None:
        if self.resume != "never":
            engine.add_event_handler(Events.STARTED, self.start)

    def start(self, engine: Engine) -> None:
        """Go on, or make room for a new run. Saving is attached here: after all that works and logs in a step."""
        if engine.state.iteration:  # a further round of a run in this process
            return
        if self.rank == 0:
            self.folder.claim()
        self._go_on(engine)
        self.saved, self.wait = time.monotonic(), 0.0
        self.signals.listen()
        engine.add_event_handler(Events.ITERATION_COMPLETED, self.step)
        engine.add_event_handler(Events.COMPLETED, self.finish)

    def step(self, engine: Engine) -> None:
        state, length = engine.state, engine.state.epoch_length or 1
        place = (state.iteration - 1) % length + 1
        if place % self.steps and place != length:
            return
        stop, last = self.signals.wanted(), state.iteration == length * (state.max_epochs or 0)
        if stop or last or time.monotonic() - self.saved >= min(self.minutes * 60, self.wait):
            self.save(engine)
        if stop:
            self.folder.leave()
            self.signals.stop(f"stopped after step {state.iteration}, the same command goes on from there")

    def finish(self, engine: Engine) -> None:
        self.signals.ignore()
        self.save(engine, finished=True)
        self.folder.leave()

    def save(self, engine: Engine, finished: bool = False) -> None:
        """Write the state on rank 0: whole or not at all, the one before kept. InputError if it cannot be written."""
        if self.rank != 0:
            return
        begun, network = time.monotonic(), getattr(self.network, "module", self.network)
        state = {
            "network": network.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "iteration": engine.state.iteration,
            "epoch_length": engine.state.epoch_length,
            "finished": finished,
            "settings": self.settings,
        }
        # not into the file: on a full disk torch ends in a stack of C++ and leaves half of it
        content = io.BytesIO()
        torch.save(state, content)
        size = content.getbuffer().nbytes / 1e6
        with whole(self.path, f"make room for {size:,.0f} MB or choose another place") as draft:
            draft.write_bytes(content.getbuffer())
            if self.path.exists():
                os.replace(self.path, self.previous)
        self.saved = time.monotonic()
        self.wait = (self.saved - begun) / SHARE

    def _go_on(self, engine: Engine) -> None:
        state = self._chosen()
        if state is None and self.resume is True:
            remedy = "check the path, or leave --resume out to start anew"
            raise CheckpointError("there is no training state to go on from", where=self.path, remedy=remedy)
        if state is None:
            self._forget()
            return
        self._compare(state["settings"])
        self._take(state)
        length = engine.state.epoch_length or 1
        done, part = divmod(state["iteration"], state["epoch_length"])
        part = part if state["epoch_length"] == length else 0  # other data make other steps: the epoch begins again
        engine.state.iteration, engine.state.epoch = done * length + part, done
        logger.info("going on after step %d from %s", engine.state.iteration, self.path.name)

    def _chosen(self) -> dict[str, Any] | None:
        """The state to go on from, the same on all ranks; None where a new run starts."""
        state = newest_state(self.path) if self.resume and self.rank == 0 else None
        if state is not None and state["finished"] and self.resume == "auto":
            logger.warning("the run in %s is finished; a new one takes its place", self.path.parent)
            state = None
        file = of_first_rank(None if state is None else state["file"])
        return state if file is None or self.rank == 0 else state_in(Path(file))

    def _forget(self) -> None:
        """Nobody may go on with a run whose place another one takes."""
        if self.rank == 0:
            for path in (self.path, self.previous):
                path.unlink(missing_ok=True)

    def _compare(self, before: Mapping[str, Any]) -> None:
        names = sorted(n for n in {*before, *self.settings} if before.get(n) != self.settings.get(n))
        told = "; ".join(f"{name} was {before.get(name)}, is {self.settings.get(name)}" for name in names)
        if names and self.resume != "changed":
            remedy = "go on with the same ones, or allow it with --resume changed, or start anew with --resume false"
            raise CheckpointError("was made with other settings or data", where=self.path, found=told, remedy=remedy)
        if names:
            logger.warning("going on with other settings or data: %s", told)

    def _take(self, state: Mapping[str, Any]) -> None:
        network = getattr(self.network, "module", self.network)
        try:
            network.load_state_dict(state["network"])
            check_numbers(state["network"], network.state_dict(), self.path)
            self.optimizer.load_state_dict(state["optimizer"])
        except (CheckpointError, MemoryError):
            raise
        except Exception as error:  # torch tells of each kind of misfit in another way
            found = (str(error).splitlines() or [""])[0][:200]
            raise CheckpointError("does not fit this training", where=self.path, found=found, remedy=ANEW) from error


def previous_of(path: Path) -> Path:
    """The state before the last: training_state.previous.pt."""
    return path.with_name(f"{path.stem}.previous{path.suffix}")


def begun_epochs(state_file: str | Path, resume: Resume) -> int | None:
    """Epochs of the unfinished run that `TrainingState` would go on with; None if there is none.

    For lengths that are measured: measured again, they would be others, and no run could ever go on.
    """
    state = None if as_told(resume) in (False, "never") else newest_state(Path(state_file))
    epochs = None if state is None or state["finished"] else state["settings"].get("max_epochs")
    return epochs if isinstance(epochs, int) else None


def newest_state(path: Path) -> dict[str, Any] | None:
    """The newest state that is whole; None if there is none. CheckpointError if none of those that are there is."""
    faults: list[CheckpointError] = []
    for one in (path, previous_of(path)):
        if not one.is_file():
            continue
        try:
            state = state_in(one)
        except CheckpointError as error:
            faults.append(error)
            continue
        if one != path:
            why = faults[0] if faults else f"{path.name} is missing, as when a run is killed while it saves"
            logger.warning("the state before the last is taken: %s", why)
        return state
    if faults:
        raise faults[0]
    return None


def state_in(path: Path) -> dict[str, Any]:
    """The content of a state file, and its path as "file". CheckpointError if it is something else."""
    state = read_tensors(path)
    if not (isinstance(state, dict) and {*STATE} <= state.keys() and isinstance(state["settings"], dict)):
        found = ", ".join(map(str, [*state][:6])) if isinstance(state, dict) else type(state).__name__
        raise CheckpointError("is no training state", where=path, expected=", ".join(STATE), found=found, remedy=ANEW)
    try:
        FROM_0.check("iteration", state["iteration"])
        FROM_1.check("epoch_length", state["epoch_length"])
    except ConfigError as error:
        raise CheckpointError("is no training state", where=path, found=str(error), remedy=ANEW) from error
    return {**state, "file": str(path)}
