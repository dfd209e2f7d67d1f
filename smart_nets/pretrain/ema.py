"""The two branches, and the momentum teacher: theta_t <- lambda theta_t + (1 - lambda) theta_s (SMART section 3.4)."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from smart_nets.networks.encoder import Encoder, Encoding
from smart_nets.networks.heads import ProjectionHead


class Branch(nn.Module):
    """An encoder with its projection heads; the teacher is an average of the student's Branch."""

    encoder: Encoder

    def __init__(self, encoder: Encoder, heads: Mapping[str, ProjectionHead]) -> None:
        super().__init__()
        self.encoder, self.heads = encoder, nn.ModuleDict(heads)

    def forward(self, views: Tensor, hidden: Tensor | None, fill: str = "mask_token") -> Encoding:
        return self.encoder(views, hidden, fill)


@torch.no_grad()
def update_teacher(teacher: nn.Module, student: nn.Module, momentum: float) -> None:
    """Once per optimiser step: every parameter of the teacher, mask token and heads included, moves towards the student's.

    Buffers are copied.

    Args:
        momentum: lambda in [0, 1]; 1 leaves the teacher as it is.
    """
    torch._foreach_lerp_(list(teacher.parameters()), list(student.parameters()), 1.0 - momentum)
    for mine, theirs in zip(teacher.buffers(), student.buffers(), strict=True):
        mine.copy_(theirs)
