"""The errors of the project: each is one sentence that says what is wrong, where, and what to do."""

from __future__ import annotations

import sys
from functools import partial
from types import TracebackType

LONGEST = 600  # characters of a sentence; what is longer is not read
CUT = " ... "


class SmartError(Exception):
    """Base of all errors a user can cause and mend.

    Args:
        what: the fault, in plain words ("ends early").
        where: file, folder, case or setting that has it.
        expected: what a good value looks like.
        found: what was there instead.
        remedy: what the user can do about it.
    """

    def __init__(
        self, what: str, *, where: object = "", expected: object = "", found: object = "", remedy: str = ""
    ) -> None:
        parts = _fitting([_plain(part) for part in (where, what, expected, found, remedy)])
        self.where, self.what, self.expected, self.found, self.remedy = parts
        super().__init__(_sentence(*parts))

    def __reduce__(self) -> tuple[partial[SmartError], tuple[()]]:
        """Whole on the way from one process to another: by default only the sentence would arrive, as `what`."""
        facts = {"where": self.where, "expected": self.expected, "found": self.found, "remedy": self.remedy}
        return partial(type(self), self.what, **facts), ()


def _sentence(where: str, what: str, expected: str, found: str, remedy: str) -> str:
    facts = [f"{name} {value}" for name, value in (("expected", expected), ("found", found)) if value]
    head = f"{where}: {what}" if where else what
    body = f"{head} ({', '.join(facts)})" if facts else head
    return f"{body}; {remedy}." if remedy else f"{body}."


def _plain(part: object) -> str:
    """One line that any terminal and file can hold: a damaged header or an odd name may bring anything."""
    line = " ".join(str(part).split())
    return "".join(letter if letter.isprintable() else repr(letter)[1:-1] for letter in line)


def _fitting(parts: list[str]) -> list[str]:
    """The parts of a sentence, the longest of them cut in their middle until the sentence can be read."""
    while (excess := len(_sentence(*parts)) - LONGEST) > 0:
        longest = max(range(len(parts)), key=lambda index: len(parts[index]))
        others = max(len(part) for index, part in enumerate(parts) if index != longest)
        keep = max(len(parts[longest]) - excess - len(CUT), min(others, len(parts[longest]) // 2), 2)
        parts[longest] = parts[longest][: keep - keep // 2] + CUT + parts[longest][-(keep // 2) :]
    return parts


class InputError(SmartError):
    """A file or its content cannot be used."""


class GeometryError(SmartError):
    """A scan's position, spacing or orientation cannot be trusted."""


class ConfigError(SmartError):
    """A setting, or a combination of settings, makes no sense."""


class CheckpointError(SmartError):
    """Weights do not belong to the network, or their file is damaged."""


class TrainingHealthError(SmartError):
    """Training has gone wrong and would only waste time."""


def cause(error: BaseException | None) -> SmartError | None:
    """The first of this project's errors in a chain of causes, or None."""
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        if isinstance(error, SmartError):
            return error
        seen.add(id(error))
        error = error.__cause__ or error.__context__
    return None


def small_memory(error: BaseException | None) -> ConfigError | None:
    """A sentence about a worker that died for want of shared memory, of which torch speaks in many words; None otherwise."""
    while error is not None:
        told = str(error)
        if "Bus error" in told or "shared memory" in told or "/dev/shm" in told or "/torch_" in told:
            return ConfigError("a worker process needs more shared memory than /dev/shm has", where="num_workers",
                               remedy="give --num_workers 0, or start the container with --shm-size=8g")  # fmt: skip
        error = error.__cause__ or error.__context__
    return None


def lost_worker(error: BaseException | None) -> TrainingHealthError | None:
    """A sentence about a process of the data loader that died; None otherwise."""
    while error is not None:
        if "DataLoader worker" in str(error):
            return TrainingHealthError("a process that loads data has died, as when memory runs out", where="num_workers",
                                       found=str(error), remedy="give fewer workers; the same command goes on")  # fmt: skip
        error = error.__cause__ or error.__context__
    return None


def lost_rank(error: BaseException | None) -> TrainingHealthError | None:
    """A sentence about processes that wait for another in vain, of which torch speaks in many words; None otherwise."""
    while error is not None:
        told = str(error)
        if any(each in told for each in ("gloo", "NCCL", "closed by peer", "pair closure", "Timed out waiting")):
            return TrainingHealthError("another process of this training hangs or has died", where="torchrun",
                                       remedy="see which rank torchrun names; the same command goes on")  # fmt: skip
        error = error.__cause__ or error.__context__
    return None


def show_one_sentence() -> None:
    """Print our own errors as one sentence at the end of a program, instead of a stack of library frames.

    MONAI wraps what a config's component raises in two layers of its own; a user would have to search for the
    cause. Ctrl-C is told in one line as well. Other exceptions keep their full traceback. Exit codes stay as they are.
    """
    previous = sys.excepthook

    def hook(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        ours = cause(error) or small_memory(error) or lost_worker(error) or lost_rank(error)
        if issubclass(kind, KeyboardInterrupt):
            print(f"Interrupted{f': {error}' if str(error) else ''}.", file=sys.stderr)
        elif ours is None:
            previous(kind, error, trace)
        else:
            print(f"{type(ours).__name__}: {ours}", file=sys.stderr)

    sys.excepthook = hook
