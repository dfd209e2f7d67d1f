"""One step of SMART, read from top to bottom: noisy teacher -> attention -> mask -> student -> four losses.

Start here. `CoDistillation.forward` is the method; what surrounds it (optimiser, schedules, ranks) is in `trainer.py`.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from typing import Literal, cast

import torch
from torch import Tensor, nn

from smart_nets.errors import ConfigError
from smart_nets.losses.distillation import DistillationLoss
from smart_nets.losses.image import masked_l1
from smart_nets.masking import StudentMask, patch_dropout, resample_mask
from smart_nets.networks.blocks import DropPath
from smart_nets.networks.encoder import Encoder, Encoding
from smart_nets.networks.grid import expand, grid_of
from smart_nets.networks.heads import ImageHead, ProjectionHead
from smart_nets.training.ema import update_teacher

LOSSES = ("amip", "ampd", "aitd", "gitd")


class Branch(nn.Module):
    """An encoder with its projection heads; the teacher is an average of the student's Branch."""

    encoder: Encoder

    def __init__(self, encoder: Encoder, heads: Mapping[str, ProjectionHead]) -> None:
        super().__init__()
        self.encoder, self.heads = encoder, nn.ModuleDict(heads)

    def forward(self, views: Tensor, hidden: Tensor | None, fill: str = "mask_token") -> Encoding:
        encoding: Encoding = self.encoder(views, hidden, fill)
        return encoding


class CoDistillation(nn.Module):
    """Student and noisy momentum teacher (SMART section 3, Fig. 2; DAGMaN Fig. 1).

    Args:
        encoder: any network that returns an `Encoding`; the student. The teacher starts as its copy.
        student_mask: chooses the student's hidden tokens, see `masking.StudentMask`.
        weights: loss name -> weight; a loss with weight 0 or without entry is neither built nor computed.
        out_dim, hidden, bottleneck, head_layers: the projection heads (8192, 2048, 256, 3).
        standardised_heads: losses whose heads standardise their input over the batch, see `networks.heads.Standardise`.
        patch_drop_ratio: r_t, the share of tokens the teacher loses; 0 is "without noisy teacher".
        drop_grid: "sa" drops cells of the attention grid, "patch" single tokens of the patch embedding.
        teacher_fill: what stands for a dropped token, "mask_token" or "zero".
        attention_input: the teacher's attention on its "noisy" input (default) or, for one more pass, on the "clean" one.
        symmetric: both views go through the student; otherwise only u, at half the cost.
        student_temperature, centre_momentum: see `DistillationLoss`.

    Raises:
        ConfigError: a loss or mask that needs semantic attention with an encoder that has none; no loss at all.
    """

    def __init__(
        self,
        encoder: Encoder,
        student_mask: StudentMask | None = None,
        weights: Mapping[str, float] | None = None,
        out_dim: int = 8192,
        hidden: int = 2048,
        bottleneck: int = 256,
        head_layers: int = 3,
        standardised_heads: Sequence[str] = (),
        patch_drop_ratio: float = 0.7,
        drop_grid: Literal["sa", "patch"] = "sa",
        teacher_fill: Literal["mask_token", "zero"] = "mask_token",
        attention_input: Literal["noisy", "clean"] = "noisy",
        symmetric: bool = True,
        student_temperature: float = 0.1,
        centre_momentum: float = 0.9,
    ) -> None:
        super().__init__()
        weights = {"amip": 1.0, "ampd": 0.1, "aitd": 0.1, "gitd": 0.1} if weights is None else weights
        self.student_mask = student_mask or StudentMask()
        self.weights = {name: float(value) for name, value in weights.items() if value}
        self._check(encoder, patch_drop_ratio, drop_grid, teacher_fill, attention_input)
        _check_heads(standardised_heads)
        self.patch_drop_ratio, self.drop_grid, self.teacher_fill = patch_drop_ratio, drop_grid, teacher_fill
        self.attention_input, self.symmetric = attention_input, symmetric

        dims = {"ampd": encoder.patch_dim, "aitd": encoder.feature_dim, "gitd": encoder.deep_dim}
        distilled = [name for name in dims if name in self.weights]
        heads = {
            name: ProjectionHead(dims[name], out_dim, hidden, bottleneck, head_layers, name in standardised_heads)
            for name in distilled
        }
        self.student = Branch(encoder, heads)
        self.teacher = copy.deepcopy(self.student).requires_grad_(False)
        _drop_path_off(self.teacher)
        self.image_head = ImageHead(encoder.deep_dim, encoder.deep_cell) if "amip" in self.weights else None
        self.distil = nn.ModuleDict(
            {name: DistillationLoss(out_dim, student_temperature, centre_momentum) for name in distilled}
        )

    def forward(self, views: Tensor, teacher_temperature: float = 0.04) -> dict[str, Tensor]:
        """One step's losses.

        Args:
            views: (2B, 1, D, H, W) in [0, 1]: view u of every scan, then view v of every scan in the same order.

        Returns:
            "loss" (the weighted sum to minimise), each active loss by name, "<name>_entropy" of the teacher, and
            "mask_overlap": share of the teacher's top tokens that noise did not change (clean attention only).
        """
        student_views = views if self.symmetric else views[: len(views) // 2]  # (S, 1, D, H, W), S = 2B or B
        size = grid_of(views.shape[2:], 1)

        with torch.no_grad():
            dropped = self.drop(views)  # (2B, N) bool
            noisy = self.teacher(views, dropped, self.teacher_fill)
            attention = self.teacher_attention(views, noisy)  # (2B, N), or None when the mask does not ask for it
            targets = self.project(self.teacher, noisy)  # ampd (2B, N, K), aitd (2B, K), gitd (2B, K)
            for name, logits in targets.items():
                self.loss_of(name).collect(logits)

        hidden = self.student_mask(attention, len(views), noisy.grid, size, views.device)[
            : len(student_views)
        ]  # (S, M)
        seen = self.student(student_views, hidden)

        out: dict[str, Tensor] = {}
        if "ampd" in self.distil:  # same view, hidden tokens only
            tokens = resample_mask(hidden, grid_of(size, _cell(hidden, size)), noisy.grid)  # (S, N)
            weight = (tokens / tokens.sum(1, keepdim=True).clamp(min=1) / len(tokens))[
                tokens
            ]  # (T,): mean in each sample
            logits = self.student.heads["ampd"](seen.patch[tokens])  # (S, N, C) -> (T, C) -> (T, K)
            target = targets["ampd"][: len(tokens)][tokens]  # (2B, N, K) -> (S, N, K) -> (T, K)
            self._distil(out, "ampd", logits, target, teacher_temperature, weight)
        if "aitd" in self.distil:  # other view
            logits = self.student.heads["aitd"](seen.cls)
            self._distil(out, "aitd", logits, _swap(targets["aitd"])[: len(logits)], teacher_temperature)
        if "gitd" in self.distil:  # other view
            logits = self.student.heads["gitd"](seen.pooled)
            self._distil(out, "gitd", logits, _swap(targets["gitd"])[: len(logits)], teacher_temperature)
        if self.image_head is not None:
            out["amip"] = masked_l1(self.image_head(seen.deep), student_views, expand(hidden, size))

        if self.attention_input == "clean" and attention is not None:
            out["mask_overlap"] = _overlap(noisy.satt, attention, self.student_mask.ratio)
        out["loss"] = torch.stack([self.weights[name] * out[name] for name in LOSSES if name in self.weights]).sum()
        return out

    def after_step(self, momentum: float) -> None:
        """After the optimiser's step: the centres move, then the teacher follows the student."""
        for name in self.distil:
            self.loss_of(name).update_centre()
        update_teacher(self.teacher, self.student, momentum)

    def skip_step(self) -> None:
        """Instead of `after_step` when a step is not taken: nothing moves."""
        for name in self.distil:
            self.loss_of(name).forget()

    def drop(self, views: Tensor) -> Tensor | None:
        """The teacher's patch dropout (2B, N), independent for each view, or None without noise."""
        if self.patch_drop_ratio == 0:
            return None
        cell = self.teacher.encoder.cell if self.drop_grid == "sa" else self.teacher.encoder.patch_size
        n = torch.Size(grid_of(tuple(views.shape[2:]), cell)).numel()
        return patch_dropout(len(views), n, self.patch_drop_ratio, views.device)

    def teacher_attention(self, views: Tensor, noisy: Encoding) -> Tensor | None:
        """The attention (2B, N) that guides the mask: of the noisy pass, or of one more pass without noise."""
        if not self.student_mask.needs_attention:
            return None
        return noisy.satt if self.attention_input == "noisy" else self.teacher.encoder.attention_only(views)

    def loss_of(self, name: str) -> DistillationLoss:
        """One of the distillation losses, by name."""
        return cast(DistillationLoss, self.distil[name])

    def project(self, branch: Branch, encoding: Encoding) -> dict[str, Tensor]:
        """Logits of every head of a branch: ampd (B, N, K), aitd (B, K), gitd (B, K)."""
        source = {"ampd": encoding.patch, "aitd": encoding.cls, "gitd": encoding.pooled}
        return {name: head(source[name]) for name, head in branch.heads.items()}

    def train(self, mode: bool = True) -> CoDistillation:
        super().train(mode)
        self.teacher.eval()
        return self

    def _distil(
        self, out: dict[str, Tensor], name: str, student: Tensor, teacher: Tensor, temperature: float,
        weight: Tensor | None = None,
    ) -> None:  # fmt: skip
        out[name], out[f"{name}_entropy"] = self.loss_of(name)(student, teacher, temperature, weight)

    def _check(self, encoder: Encoder, drop_ratio: float, drop_grid: str, fill: str, attention_input: str) -> None:
        unknown = set(self.weights) - set(LOSSES)
        if unknown or not self.weights or min(self.weights.values()) < 0:
            raise ConfigError("needs at least one known loss with a positive weight", where="weights",
                              expected=", ".join(LOSSES), found=self.weights or "none", remedy="set one above 0")  # fmt: skip
        if not 0 <= drop_ratio < 1:
            raise ConfigError("is no share of the tokens", where="patch_drop_ratio", expected="a number in [0, 1)",
                              found=drop_ratio, remedy="0.7 is the paper's, 0 switches the noise off")  # fmt: skip
        for name, value, choices in (
            ("teacher_drop_grid", drop_grid, ("sa", "patch")),
            ("teacher_fill", fill, ("mask_token", "zero")),
            ("attention_input", attention_input, ("noisy", "clean")),
        ):
            if value not in choices:
                raise ConfigError("is not known", where=name, expected=" or ".join(choices), found=value,
                                  remedy="choose one of them")  # fmt: skip
        if not encoder.has_attention and (self.student_mask.needs_attention or "aitd" in self.weights):
            raise ConfigError("needs semantic attention, which this encoder lacks", where="mask_mode or weight_aitd",
                              found=f"{self.student_mask.mode} mask, losses {sorted(self.weights)}",
                              remedy="set sa_stage, or use a random or block mask and weight_aitd 0")  # fmt: skip


def _check_heads(names: Sequence[str]) -> None:
    heads = LOSSES[1:]  # the image loss has a head of another kind
    if isinstance(names, str) or not set(names) <= set(heads):
        raise ConfigError("has names of no head", where="standardised_heads", expected=f"a list of {', '.join(heads)}",
                          found=names)  # fmt: skip


def _swap(x: Tensor) -> Tensor:
    """(2B, ...) with the two views exchanged: v of every scan, then u."""
    return x.roll(len(x) // 2, dims=0)


def _cell(mask: Tensor, size: tuple[int, ...]) -> int:
    """Voxels per side of the cells of a mask (B, N) on a crop of this size."""
    return round((torch.Size(size).numel() / mask.shape[1]) ** (1 / 3))


def _overlap(noisy: Tensor, clean: Tensor, ratio: float) -> Tensor:
    """Mean share of the top floor(rN) tokens that two attentions (B, N) have in common."""
    k = max(1, int(ratio * noisy.shape[1]))
    tops = [torch.zeros_like(a).scatter(1, a.topk(k, dim=1).indices, 1.0) for a in (noisy, clean)]
    return (tops[0] * tops[1]).sum(1).mean() / k


def _drop_path_off(module: nn.Module) -> None:
    """The teacher has no stochastic depth, in whatever mode a library may put it."""
    for part in module.modules():
        if isinstance(part, DropPath):
            part.rate = 0.0
