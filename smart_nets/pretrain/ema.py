"""The momentum teacher: theta_t <- lambda theta_t + (1 - lambda) theta_s, once per optimiser step (SMART section 3.4)."""

from __future__ import annotations

import torch
from torch import nn


@torch.no_grad()
def update_teacher(teacher: nn.Module, student: nn.Module, momentum: float) -> None:
    """Move every parameter of the teacher, mask token and heads included, towards the student's; buffers are copied.

    Args:
        momentum: lambda in [0, 1]; 1 leaves the teacher as it is.
    """
    torch._foreach_lerp_(list(teacher.parameters()), list(student.parameters()), 1.0 - momentum)
    for mine, theirs in zip(teacher.buffers(), student.buffers(), strict=True):
        mine.copy_(theirs)
