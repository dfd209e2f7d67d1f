"""The report of a run as its last handler; what it shows is the task's own affair."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from ignite.engine import Engine, Events

from smart_nets.optional import absent


class Report:
    """Handler: writes report.html when training ends; rank 0 only. It must be the last of the handlers.

    Left out, with a warning, where a package is missing that draws or counts.

    Args:
        run_dir: of the run.
        write: what turns it into a report and gives its path, such as `write_report` or `write_classify_report`.
    """

    def __init__(self, run_dir: str | Path, write: Callable[[str | Path], Path], rank: int = 0) -> None:
        self.run_dir, self.make, self.rank = run_dir, write, rank

    def attach(self, engine: Engine) -> None:
        if self.rank == 0 and not absent("report.html", "matplotlib", "PIL", "sklearn"):
            engine.add_event_handler(Events.COMPLETED, self.write)

    def write(self, engine: Engine) -> None:
        engine.logger.info("report: %s", self.make(self.run_dir))
