"""One cross-entropy for AITD, GITD and AMPD: student log-probabilities against a sharpened, centred teacher.

SMART equations (2)-(5); the three losses differ only in which tokens and which view they compare, which is the
business of `training/co_distillation.py`. The form is DINO's.
"""

from __future__ import annotations

import torch
import torch.distributed as dist
from torch import Tensor, nn


class DistillationLoss(nn.Module):
    """Weighted mean over tokens of -sum_k P_t[k] log P_s[k], in fp32 whatever autocast says.

    P_s = softmax(z_s / tau_s); P_t = softmax((z_t - centre) / tau_t), without gradient. The centre is a moving average
    of the teacher's logits over all tokens of the global batch: `collect` adds a batch, `update_centre` applies what was
    collected once per optimiser step, so gradient accumulation and several ranks give the centre of the whole batch.
    It starts at the mean of the very first batch: teacher and student begin as copies, and what all their outputs have
    in common is no knowledge worth distilling.

    Args:
        out_dim: K, the number of outputs of the projection head.
        student_temperature: tau_s (0.1).
        centre_momentum: 0.9.
    """

    centre: Tensor
    started: Tensor
    collected: Tensor

    def __init__(self, out_dim: int, student_temperature: float = 0.1, centre_momentum: float = 0.9) -> None:
        super().__init__()
        self.student_temperature, self.centre_momentum = student_temperature, centre_momentum
        self.register_buffer("centre", torch.zeros(out_dim))
        self.register_buffer("started", torch.tensor(False))
        self.forget()

    @torch.autocast("cuda", enabled=False)
    @torch.autocast("cpu", enabled=False)
    def forward(
        self, student: Tensor, teacher: Tensor, teacher_temperature: float, weight: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """Compare token by token.

        Args:
            student, teacher: (M, K) logits of the same M tokens.
            teacher_temperature: tau_t, 0.04 to 0.07.
            weight: (M,) weights that sum to 1; default 1/M each.

        Returns:
            the loss and the mean entropy of the teacher in nats (no gradient); uniform would be ln K, collapsed 0.
        """
        log_teacher = ((teacher.detach().float() - self.centre) / teacher_temperature).log_softmax(-1)  # (M, K)
        target = log_teacher.exp()
        per_token = -(target * (student.float() / self.student_temperature).log_softmax(-1)).sum(-1)  # (M,)
        entropy = -(target * log_teacher).sum(-1).mean()
        loss = per_token.mean() if weight is None else (per_token * weight).sum()
        return loss, entropy

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
