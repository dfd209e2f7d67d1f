"""One cross-entropy for AITD, GITD and AMPD: student log-probabilities against a sharpened, centred teacher.

SMART equations (2)-(5); the three losses differ only in which tokens and which view they compare, which is the
business of `pretrain/co_distillation.py`. The form is DINO's.
"""

from __future__ import annotations

from typing import Literal, NamedTuple, get_args

import torch
import torch.distributed as dist
from torch import Tensor, nn

from smart_nets.errors import ConfigError
from smart_nets.pretrain.losses.sinkhorn import sinkhorn

DISTILLED = ("ampd", "aitd", "gitd")
Centring = Literal["mean", "sinkhorn"]


class Distilled(NamedTuple):
    """One comparison of student and teacher, all in nats and with the tokens' weights; only `loss` has a gradient."""

    loss: Tensor
    entropy: Tensor  # mean entropy of the teacher's answers: ln K is uniform, 0 always one output
    information: Tensor  # what the answers tell inputs apart: H(mean p) - mean H(p); at most the log of their number
    gain: Tensor  # H(mean p) - loss: how much the student beats the best answer that is the same for every input


class DistillationLoss(nn.Module):
    """Weighted mean over tokens of -sum_k P_t[k] log P_s[k], in fp32 whatever autocast says.

    P_s = softmax(z_s / tau_s); P_t = softmax((z_t - centre) / tau_t), without gradient; or, with `centring` "sinkhorn", the
    targets of `losses.sinkhorn`, which need no centre. The centre is a moving average
    of the teacher's logits over all tokens of the global batch: `collect` adds a batch, `update_centre` applies what was
    collected once per optimiser step, so gradient accumulation and several ranks give the centre of the whole batch.
    It starts at the mean of the very first batch: teacher and student begin as copies, and what all their outputs have
    in common is no knowledge worth distilling.

    Args:
        out_dim: K, the number of outputs of the projection head.
        student_temperature: tau_s (0.1).
        centre_momentum: 0.9.
        centring: "mean" (the papers') or "sinkhorn".

    Raises:
        ConfigError: an unknown centring.
    """

    centre: Tensor
    started: Tensor
    collected: Tensor

    def __init__(
        self, out_dim: int, student_temperature: float = 0.1, centre_momentum: float = 0.9, centring: Centring = "mean"
    ) -> None:
        super().__init__()
        if centring not in get_args(Centring):
            raise ConfigError("is not known", where="centring", expected="mean or sinkhorn", found=centring)
        self.centring = centring
        self.student_temperature, self.centre_momentum = student_temperature, centre_momentum
        self.register_buffer("centre", torch.zeros(out_dim))
        self.register_buffer("started", torch.tensor(False))
        self.forget()

    @torch.autocast("cuda", enabled=False)
    @torch.autocast("cpu", enabled=False)
    def forward(
        self, student: Tensor, teacher: Tensor, teacher_temperature: float, weight: Tensor | None = None
    ) -> Distilled:
        """Compare token by token.

        Args:
            student, teacher: (M, K) logits of the same M tokens.
            teacher_temperature: tau_t, 0.04 to 0.07.
            weight: (M,) weights that sum to 1; default 1/M each.
        """
        target = self.targets(teacher, teacher_temperature)  # (M, K)
        logits = student.float() / self.student_temperature
        # -sum_k P_t log P_s = logsumexp(z) - P_t . z, since P_t sums to one: no second (M, K) matrix for the backward pass
        per_token = logits.logsumexp(-1) - torch.linalg.vecdot(target, logits)  # (M,)
        if weight is None:
            weight = torch.full_like(per_token, 1 / max(1, len(target)))
        loss, entropy, blind = (per_token * weight).sum(), (_entropy(target) * weight).sum(), _entropy(weight @ target)
        return Distilled(loss, entropy, blind - entropy, blind - loss.detach())

    @torch.no_grad()
    def targets(self, teacher: Tensor, temperature: float) -> Tensor:
        """The teacher's answers (M, K) from its logits (M, K)."""
        if self.centring == "sinkhorn":
            return sinkhorn(teacher.detach(), temperature)
        return ((teacher.detach().float() - self.centre) / temperature).softmax(-1)

    @torch.no_grad()
    def collect(self, teacher: Tensor) -> None:
        """Remember the teacher's logits (..., K) for the next centre: all tokens, hidden or not."""
        flat = teacher.detach().float().flatten(0, -2)  # (..., K) -> (M, K)
        self.collected = self.collected.to(flat.device) + torch.cat([flat.sum(0), flat.new_full((1,), flat.shape[0])])
        if not self.started and torch.isfinite(mean := self._mean()).all():
            self.centre.copy_(mean)
            self.started.fill_(True)

    @torch.no_grad()
    def update_centre(self) -> None:
        """centre <- 0.9 centre + 0.1 mean of what was collected on all ranks; forgets the collection."""
        self.centre.lerp_(self._mean(), 1 - self.centre_momentum)
        self.forget()

    def forget(self) -> None:
        """Drop what was collected: the step it came from is not taken."""
        # sum of the logits and, as last element, their number; no buffer, because ranks must not overwrite each other's
        self.collected = torch.zeros(self.centre.numel() + 1, device=self.centre.device)

    def _mean(self) -> Tensor:
        total = self.collected.clone()
        if dist.is_available() and dist.is_initialized():
            dist.all_reduce(total)
        return total[:-1] / total[-1].clamp(min=1)


def _entropy(p: Tensor) -> Tensor:
    """Of the last axis, in nats."""
    return torch.special.entr(p).sum(-1)
