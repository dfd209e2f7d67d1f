"""Parameter groups, clipping and the frozen last layer: small rules that DINO and iBOT found to keep training stable."""

from __future__ import annotations

from collections.abc import Iterable
from typing import cast

import torch
from torch import Tensor, nn

NO_DECAY = ("bias", "mask_token", "cls_token", "relative_position_bias_table", "pos_embed", "position.table")


def parameter_groups(module: nn.Module) -> list[dict[str, object]]:
    """Two groups for an optimiser: weights, and what must not decay (biases, norms, tokens, position tables)."""
    decay: list[nn.Parameter] = []
    rest: list[nn.Parameter] = []
    for name, parameter in module.named_parameters():
        if parameter.requires_grad:
            alone = parameter.ndim <= 1 or any(part in name for part in NO_DECAY)
            (rest if alone else decay).append(parameter)
    return [{"params": decay, "decays": True}, {"params": rest, "decays": False, "weight_decay": 0.0}]


def set_rates(optimizer: torch.optim.Optimizer, lr: float, weight_decay: float) -> None:
    """Put the scheduled values into every parameter group."""
    for group in optimizer.param_groups:
        group["lr"] = lr
        if group.get("decays", True):
            group["weight_decay"] = weight_decay


@torch.no_grad()
def clip_each(parameters: Iterable[nn.Parameter], limit: float) -> Tensor:
    """Scale every tensor's gradient to at most `limit` (iBOT clips per tensor); returns the global norm before."""
    grads = [p.grad for p in parameters if p.grad is not None]
    norms = torch._foreach_norm(grads)
    if limit > 0:
        torch._foreach_mul_(grads, [(limit / (norm + 1e-6)).clamp(max=1.0) for norm in norms])
    return torch.stack(list(norms)).norm()


def freeze_last_layers(heads: Iterable[nn.Module]) -> None:
    """Forget the gradients of the heads' last layers (first epoch), so that the prototypes settle later."""
    for head in heads:
        for parameter in cast(nn.Module, head.last).parameters():
            parameter.grad = None
