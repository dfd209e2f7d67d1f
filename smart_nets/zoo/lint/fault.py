"""What lint finds: a fault is listed, not raised, so that all of them are told at once."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from smart_nets.errors import ConfigError

LONGEST = 100  # characters of what was found


@dataclass(frozen=True)
class Fault:
    """One fault of a bundle; `str(fault)` is one line, worded as the errors of this project.

    Args:
        file: that has it, or that is missing.
        key: where in the file, joined by "#"; empty for the file as a whole.
        what: the fault, in plain words.
        expected: what a good value looks like.
        found: what was there instead.
        remedy: what to do about it.
    """

    file: Path
    key: str
    what: str
    expected: str = ""
    found: str = ""
    remedy: str = ""

    def __str__(self) -> str:
        file = "".join(
            one if one.isprintable() else repr(one)[1:-1] for one in self.file.as_posix()
        )  # line breaks, too
        where = f"{file}: {self.key}" if self.key else file
        found = self.found if len(self.found) <= LONGEST else f"{self.found[:LONGEST]}..."
        line = str(ConfigError(self.what, where=where, expected=self.expected, found=found, remedy=self.remedy))
        # the file may come from a stranger: no line breaks, no control codes for the terminal
        return "".join(letter if letter.isprintable() else " " for letter in line)
