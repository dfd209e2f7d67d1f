"""The errors of the project: each is one sentence that says what is wrong, where, and what to do."""

from __future__ import annotations

import sys
from types import TracebackType


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
        self.what, self.where, self.remedy = what, str(where), remedy
        self.expected, self.found = str(expected), str(found)
        facts = [f"{name} {value}" for name, value in (("expected", expected), ("found", found)) if str(value)]
        head = f"{where}: {what}" if str(where) else what
        body = f"{head} ({', '.join(facts)})" if facts else head
        super().__init__(f"{body}; {remedy}." if remedy else f"{body}.")


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


def show_one_sentence() -> None:
    """Print our own errors as one sentence at the end of a program, instead of a stack of library frames.

    MONAI wraps what a config's component raises in two layers of its own; a user would have to search for the
    cause. Other exceptions keep their full traceback. Exit code stays 1.
    """
    previous = sys.excepthook

    def hook(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        ours = cause(error)
        if ours is None:
            previous(kind, error, trace)
        else:
            print(f"{type(ours).__name__}: {ours}", file=sys.stderr)

    sys.excepthook = hook
