"""Signals that ask a run to stop: it finishes its step, keeps its state and ends; a second one ends it at once."""

from __future__ import annotations

import signal
import threading
from types import FrameType
from typing import Any, NoReturn

import torch
import torch.distributed as dist

# as shells and clusters read them: 128 + number; SIGUSR1 is a cluster's polite warning before it takes the machine back
EXIT = {signal.SIGTERM: 143, signal.SIGINT: 130, **({signal.SIGUSR1: 0} if hasattr(signal, "SIGUSR1") else {})}


class Stopped(SystemExit):
    """Ends the program with an exit code; as a text, the reason."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(code)
        self.reason = reason

    def __str__(self) -> str:
        return self.reason


class StopSignals:
    """Notes SIGTERM, SIGINT and SIGUSR1 instead of dying of them, while it listens."""

    def __init__(self) -> None:
        self._got = 0
        self._before: dict[int, Any] = {}

    def listen(self) -> None:
        """From now on. In a thread other than the main one, signals are none of its business."""
        if not self._before and threading.current_thread() is threading.main_thread():
            self._before = {number: signal.signal(number, self._note) for number in EXIT}

    def ignore(self) -> None:
        """Signals do again what they did before."""
        for number, handler in self._before.items():
            signal.signal(number, handler if handler is not None else signal.SIG_DFL)
        self._before = {}

    def wanted(self) -> bool:
        """Whether to stop: on all ranks in the same step, whichever of them got the signal."""
        got = self._got
        if dist.is_available() and dist.is_initialized():
            device = "cuda" if dist.get_backend() == "nccl" else "cpu"
            flag = torch.tensor(got, device=device)
            dist.all_reduce(flag, op=dist.ReduceOp.MAX)
            got = int(flag)
            self._got = self._got or got  # one that came in the meantime is for the next step
        return bool(got)

    def stop(self, reason: str) -> NoReturn:
        """End the program with the exit code of the signal."""
        got = signal.Signals(self._got or signal.SIGTERM)
        self.ignore()
        raise Stopped(EXIT[got], f"{got.name}: {reason}")

    def _note(self, number: int, frame: FrameType | None) -> None:
        self._got = number
        self.ignore()  # a second one does what it always did: whoever asks twice has waited enough


def deaf_worker(number: int) -> None:
    """`worker_init_fn` of a data loader: a signal to all processes of a run is the business of the main one alone."""
    for each in EXIT:
        signal.signal(each, signal.SIG_IGN)
