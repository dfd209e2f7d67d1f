"""Sinkhorn-Knopp centring: targets of a batch that use every output equally often (SwAV, DINOv2)."""

from __future__ import annotations

import torch
import torch.distributed as dist
from torch import Tensor

from smart_nets.errors import ConfigError

TINY = torch.finfo(torch.float32).tiny  # collapsed logits of +-1 at a temperature of 0.04 leave columns of e^-50


@torch.no_grad()
def sinkhorn(logits: Tensor, temperature: float, iterations: int = 3) -> Tensor:
    """Probabilities whose rows sum to 1 and, as far as the iterations get, whose columns have equal sums over all ranks.

    Where the mean centring of DINO only follows the outputs' average, this makes collapse to one output impossible
    within each batch.

    Args:
        logits: (M, K) of the teacher.
        temperature: tau_t.
        iterations: how often columns and rows are brought to their sums.

    Returns:
        (M, K) float32.

    Raises:
        ConfigError: other shapes, or a temperature or number of iterations that is not positive.
    """
    if logits.dim() != 2 or temperature <= 0 or iterations < 1:
        expected = "(M, K) logits, temperature above 0, an iteration"
        found = (tuple(logits.shape), temperature, iterations)
        raise ConfigError("cannot centre", where="sinkhorn", expected=expected, found=found)
    scaled = logits.float() / temperature
    # A token's answer lies in the differences of its logits: a constant off each row keeps exp in range.
    q = (scaled - scaled.amax(1, keepdim=True)).exp()
    for _ in range(iterations):
        q = q / _over_ranks(q.sum(0)).clamp(min=TINY)  # columns: every output is used as often as any other
        q = q / q.sum(1, keepdim=True).clamp(min=TINY)  # rows: every token has one answer
    return q


def _over_ranks(total: Tensor) -> Tensor:
    if dist.is_available() and dist.is_initialized():
        dist.all_reduce(total)
    return total
