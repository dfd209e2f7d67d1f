"""Health while training runs: a colour for each epoch, a sentence for each new trouble, an alarm when the teacher collapses."""

from __future__ import annotations

import logging
import math
from collections import deque
from collections.abc import Mapping

from smart_nets.pretrain.health.verdicts import Finding, judge
from smart_nets.pretrain.losses.distillation import DISTILLED
from smart_nets.pretrain.step_checks import LOSSES
from smart_nets.training.progress import Means

logger = logging.getLogger(__name__)
HELP = "docs/troubleshooting.md"
# Share of the epochs after which an epoch is judged: a network that has just begun is bad at everything.
SETTLED = 0.1
# A teacher that answers the same whatever it sees tells 0 nats; healthy runs tell more than 1.5 from their first steps on.
COLLAPSED, WINDOW = 0.1, 50  # nats, steps


class Watch(Means):
    """Judges epoch after epoch from the logs of their steps; each kind of trouble is warned of once.

    Args:
        epochs: of the whole run.
    """

    shown = ("loss", *LOSSES)

    def __init__(self, epochs: int) -> None:
        self.epochs = epochs
        self.told: set[str] = set()
        self.measured: dict[str, float] = {}  # once an epoch or more rarely: the last counts
        self.last: dict[str, deque[float]] = {name: deque(maxlen=WINDOW) for name in DISTILLED}
        self.start_epoch()

    def add(self, log: Mapping[str, float]) -> None:
        """The numbers of a step by their flat names; warns when the teacher has told nothing for `WINDOW` steps."""
        measured = {name: value for name, value in log.items() if name.startswith("instruments/")}
        self.measured |= measured
        super().add({name: value for name, value in log.items() if name not in measured})
        for name, last in self.last.items():
            if math.isfinite(value := log.get(f"teacher_information/{name}", math.nan)):
                last.append(value)
            if len(last) == WINDOW and sum(last) / WINDOW < COLLAPSED and f"collapse of {name}" not in self.told:
                self.told.add(f"collapse of {name}")
                logger.error("collapsed: for %d steps the teacher of %s has given one answer whatever it sees; stop the run, "
                             "see %s#collapse", WINDOW, name.upper(), HELP)  # fmt: skip

    def finish_epoch(self, epoch: int) -> str:
        """The colour of the epoch for its line, such as "health red: mask, gain"; "" while it is too early to judge."""
        if epoch < SETTLED * self.epochs:
            return ""
        findings = judge(self.means() | self.measured)
        bad, amber = ([each for each in findings if each.kind == kind] for kind in ("bad", "watch"))
        for each in bad:
            if each.name not in self.told:
                logger.warning("epoch %d: %s See %s#%s", epoch, each.sentence, HELP, anchor(each))
        self.told |= {each.name for each in bad}
        if bad:
            return f"health red: {', '.join(each.name for each in bad)}"
        if amber:
            return f"health amber: {', '.join(each.name for each in amber)}"
        return "health green" if findings else ""


def anchor(finding: Finding) -> str:
    """Where the page of troubles speaks of it."""
    return finding.name.lower().replace(" ", "-")
