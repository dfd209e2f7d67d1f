"""What changes during training, as functions of the epochs done (a float: 2.5 is the middle of the third epoch).

Schedules move with every optimiser step. At the end of step k of an epoch with n steps, `epoch` is whole epochs + k/n;
so the first step already learns, and the last one reaches the end value.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from smart_nets.errors import ConfigError
from smart_nets.settings import ABOVE_0, between


def cosine(start: float, end: float, done: float) -> float:
    """Half a cosine wave from start (done = 0) to end (done = 1)."""
    return end + 0.5 * (start - end) * (1 + math.cos(math.pi * min(max(done, 0.0), 1.0)))


@dataclass(frozen=True)
class Schedules:
    """Learning rate, weight decay, teacher momentum and teacher temperatures (SMART section 4.3; DINO/iBOT where silent).

    Args:
        max_epochs: 800 in the paper.
        peak_lr, min_lr, warmup_epochs: linear warm-up from 0 to 8e-4 over 80 epochs, then cosine to 1e-6.
        weight_decay: start and end of a cosine.
        momentum: start and end of a cosine; (0.996, 1) in the paper, lower starts suit short runs.
        teacher_temperature: start, end, and the epochs of the linear way between them.
        patch_delay: epochs that AMPD's temperature stays at its start before it takes that way (SMIT's code: 30).
    """

    max_epochs: int
    peak_lr: float = 8e-4
    min_lr: float = 1e-6
    warmup_epochs: float = 80
    weight_decay: tuple[float, float] = (0.04, 0.4)
    momentum: tuple[float, float] = (0.996, 1.0)
    teacher_temperature: tuple[float, float, float] = (0.04, 0.07, 30)
    patch_delay: float = 0

    def __post_init__(self) -> None:
        if self.max_epochs < 1 or self.warmup_epochs < 0:
            where, found = "max_epochs, warmup_epochs", f"{self.max_epochs}, {self.warmup_epochs}"
            raise ConfigError("there is nothing to train", where=where, expected="1 or more, 0 or more", found=found)
        for value in self.momentum:
            between("momentum", value, 0, 1, "0.996 to 1 is the paper's choice")
        between("patch_delay", self.patch_delay, 0)
        for value in self.teacher_temperature[:2]:
            ABOVE_0.check("teacher_temperature", value, "0.04 to 0.07 is usual")

    def at(self, epoch: float) -> dict[str, float]:
        """The values after `epoch` epochs."""
        warmup = min(self.warmup_epochs, self.max_epochs)
        if epoch < warmup:
            lr = self.peak_lr * epoch / warmup
        else:
            lr = cosine(self.peak_lr, self.min_lr, (epoch - warmup) / max(self.max_epochs - warmup, 1e-9))
        return {
            "lr": lr,
            "weight_decay": cosine(*self.weight_decay, epoch / self.max_epochs),
            "momentum": cosine(*self.momentum, epoch / self.max_epochs),
            "teacher_temperature": self.temperature(epoch),
            "patch_temperature": self.temperature(epoch - self.patch_delay),
        }

    def temperature(self, epoch: float) -> float:
        """The teacher's temperature `epoch` epochs after it began to rise; before that its start."""
        cool, hot, epochs = self.teacher_temperature
        if epoch < 0:
            return cool
        return cool + (hot - cool) * min(1.0, epoch / epochs if epochs else 1.0)
