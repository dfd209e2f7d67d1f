"""One step of SMART, read from top to bottom: noisy teacher -> attention -> mask -> student -> four losses.

Start here. `CoDistillation.forward` is the method; what surrounds it (optimiser, schedules, ranks) is in `update.py`.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from typing import Literal, NamedTuple, cast

import torch
from torch import Tensor, nn

from smart_nets.networks.blocks import drop_path_off
from smart_nets.networks.cells import Grid, expand, grid_of
from smart_nets.networks.encoder import Encoder, Encoding
from smart_nets.networks.heads import ImageHead, ProjectionHead
from smart_nets.pretrain.ema import Branch, update_teacher
from smart_nets.pretrain.instruments import lost_share, top_overlap
from smart_nets.pretrain.losses.distillation import DISTILLED, Centring, DistillationLoss
from smart_nets.pretrain.losses.image import masked_l1, one_grey
from smart_nets.pretrain.losses.koleo import koleo_of_views
from smart_nets.pretrain.masking import StudentMask, patch_dropout
from smart_nets.pretrain.step_checks import check_heads, check_more, check_shared, check_step
from smart_nets.pretrain.taps import Taps


class Look(NamedTuple):
    """What a step sees before its losses; a report shows these."""

    dropped: Tensor | None  # (2B, M) bool, what the teacher lost
    noisy: Encoding  # of the teacher
    attention: Tensor | None  # (2B, N) that guided the mask
    hidden: Tensor  # (S, M) bool, the student's mask
    student: Encoding
    painted: Tensor | None  # (S, 1, D, H, W) by the image head


class CoDistillation(nn.Module):
    """Student and noisy momentum teacher (SMART section 3, Fig. 2; DAGMaN Fig. 1).

    Args:
        encoder: any network that returns an `Encoding`; the student. The teacher starts as its copy.
        student_mask: chooses the student's hidden tokens, see `masking.StudentMask`.
        weights: loss name -> weight; a loss with weight 0 or without entry is neither built nor computed.
        out_dim, hidden, bottleneck, head_layers: the projection heads (8192, 2048, 256, 3).
        shared_head: AMPD and AITD share one head (iBOT's `shared_head`).
        standardised_heads: losses whose heads standardise their input over the batch, see `networks.heads.Standardise`.
        patch_drop_ratio: r_t, the share of tokens the teacher loses; 0 is "without noisy teacher".
        drop_grid: "patch" drops single tokens of the patch embedding, "sa" whole cells of the attention grid.
        teacher_fill: what stands for a dropped token, "mask_token" or "zero".
        attention_input: the teacher's attention on its "noisy" input (default) or, for one more pass, on the "clean" one.
        symmetric: both views go through the student; otherwise only u, at half the cost.
        ampd_tokens: AMPD on the "hidden" tokens (eq. 5) or on "all".
        taps: what AMPD, GITD and the image head look at.
        image_start: what a fresh image head paints, see `networks.heads.ImageHead`.
        student_temperature, centre_momentum, centring: see `DistillationLoss`.
        more: losses of your own by name: modules with a `weight`, called with the `Look` and the student's views.

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
        shared_head: bool = False,
        standardised_heads: Sequence[str] = (),
        patch_drop_ratio: float = 0.7,
        drop_grid: Literal["patch", "sa"] = "sa",
        teacher_fill: Literal["mask_token", "zero"] = "mask_token",
        attention_input: Literal["noisy", "clean"] = "noisy",
        symmetric: bool = True,
        ampd_tokens: Literal["hidden", "all"] = "hidden",
        taps: Taps | None = None,
        image_start: float | None = None,
        student_temperature: float = 0.1,
        centre_momentum: float = 0.9,
        centring: Centring = "mean",
        more: Mapping[str, nn.Module] | None = None,
    ) -> None:
        super().__init__()
        weights = {"amip": 1.0, "ampd": 0.1, "aitd": 0.1, "gitd": 0.1} if weights is None else weights
        self.student_mask = student_mask or StudentMask()
        self.weights = {name: float(value) for name, value in weights.items() if value}
        self.taps = taps or Taps()
        self.taps.check(encoder)
        chosen: dict[str, str] = {"teacher_drop_grid": drop_grid, "teacher_fill": teacher_fill}
        chosen |= {"attention_input": attention_input, "ampd_tokens": ampd_tokens}
        check_step(encoder, self.student_mask, self.weights, patch_drop_ratio, chosen)
        check_heads(standardised_heads, DISTILLED, shared_head)
        self.patch_drop_ratio, self.drop_grid, self.teacher_fill = patch_drop_ratio, drop_grid, teacher_fill
        self.attention_input, self.symmetric, self.ampd_tokens = attention_input, symmetric, ampd_tokens

        dims = self.taps.dims(encoder)
        distilled = [name for name in DISTILLED if name in self.weights]
        sizes = (out_dim, hidden, bottleneck, head_layers)
        heads = {name: ProjectionHead(dims[name], *sizes, name in standardised_heads) for name in distilled}
        if shared_head and {"ampd", "aitd"} <= heads.keys():
            check_shared(dims)
            heads["aitd"] = heads["ampd"]
        self.student = Branch(encoder, heads)
        self.teacher = copy.deepcopy(self.student).requires_grad_(False)
        drop_path_off(self.teacher)
        painted = self.taps.image_map(encoder)
        self.image_head = ImageHead(*painted, start=image_start) if "amip" in self.weights else None
        check_more(more or {})
        self.more = nn.ModuleDict(more or {})
        self.distil = nn.ModuleDict(
            {name: DistillationLoss(out_dim, student_temperature, centre_momentum, centring) for name in distilled}
        )

    def forward(
        self,
        views: Tensor,
        teacher_temperature: float = 0.04,
        guided: bool = True,
        patch_temperature: float | None = None,
    ) -> dict[str, Tensor]:
        """One step's losses.

        Args:
            views: (2B, 1, D, H, W) in [0, 1]: view u of every scan, then view v of every scan in the same order.
            guided: False hides tokens at random although the mask follows attention: while that says nothing yet.
            patch_temperature: of the teacher in AMPD, where it differs.

        Returns:
            "loss" (the weighted sum to minimise), each active loss by name, and what tells whether the method works: of
            `Distilled` ("aitd_gain"), "amip_relative" to `one_grey`, `lost_share` and, with clean attention, `overlap`.
        """
        student_views = views if self.symmetric else views[: len(views) // 2]  # (S, ...), S = 2B or B
        look = self.look(views, guided, len(student_views))
        dropped, noisy, attention, hidden, seen, painted = look
        compared = self.taps.hidden(seen, hidden, self.student.encoder.cell) | (self.ampd_tokens == "all")  # (S, N)
        with torch.no_grad():
            targets = self.project(self.teacher, noisy, compared)  # ampd (T, K), aitd (2B, K), gitd (2B, K)

        out: dict[str, Tensor] = {}
        if "ampd" in self.distil:  # same view, hidden tokens only
            out |= self._ampd(seen, targets["ampd"], compared, patch_temperature or teacher_temperature)
        if "aitd" in self.distil:  # other view
            logits = self.student.heads["aitd"](seen.cls)
            out |= self._distil("aitd", logits, _swap(targets["aitd"])[: len(logits)], teacher_temperature)
        if "gitd" in self.distil:  # other view
            logits = self.student.heads["gitd"](self.taps.deep(seen))
            out |= self._distil("gitd", logits, _swap(targets["gitd"])[: len(logits)], teacher_temperature)
        if painted is not None:
            covered = expand(hidden, views.shape[2:])  # (S, D, H, W)
            out["amip"] = masked_l1(painted, student_views, covered)
            out["amip_relative"] = out["amip"].detach() / one_grey(student_views, covered)
        if "koleo" in self.weights:
            out["koleo"] = koleo_of_views(seen.features.values(), 2 if self.symmetric else 1)

        if dropped is not None:
            out["mask_lost"], out["lost"] = lost_share(hidden, dropped[: len(hidden)], views.shape[2:])
        if self.attention_input == "clean" and attention is not None:
            out["mask_overlap"] = top_overlap(noisy.satt, attention, self.student_mask.ratio)
        out |= {name: loss(look, student_views) for name, loss in self.more.items()}
        weights = self.weights | {name: float(cast(float, loss.weight)) for name, loss in self.more.items()}
        out["loss"] = torch.stack([weight * out[name] for name, weight in weights.items()]).sum()
        return out

    def look(self, views: Tensor, guided: bool = True, students: int | None = None) -> Look:
        """What a step sees before its losses: noisy teacher, attention, mask, student; `students` of the views, or all."""
        with torch.no_grad():
            dropped = self.drop(views)  # (2B, M) bool, or None
            noisy = self.teacher(views, dropped, self.teacher_fill)
            attention = self.teacher_attention(views, noisy) if guided else None  # (2B, N), or None when not asked for
            hidden = self.hide(attention, views, noisy.grid)[:students]  # (S, M) bool
        student = self.student(views[:students], hidden)
        painted = None if self.image_head is None else self.image_head(self.taps.painted_from(student))
        return Look(dropped, noisy, attention, hidden, student, painted)

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

    def hide(self, attention: Tensor | None, views: Tensor, grid: Grid) -> Tensor:
        """The student's mask (2B, M) bool: by the attention (2B, N) on `grid`, or at random without one."""
        mask = self.student_mask if attention is not None else self.student_mask.unguided()
        return mask(attention, len(views), grid, grid_of(views.shape[2:], 1), views.device)

    def loss_of(self, name: str) -> DistillationLoss:
        """One of the distillation losses, by name."""
        return cast(DistillationLoss, self.distil[name])

    def project(self, branch: Branch, encoding: Encoding, compared: Tensor) -> dict[str, Tensor]:
        """The teacher's logits, collected for the centres: ampd (T, K) of the T tokens `compared`, aitd and gitd (2B, K)."""
        source, found = self.taps.distilled(encoding), {}
        for name, head in branch.heads.items():
            tokens, loss = cast(Tensor, source[name]), self.loss_of(name)
            if name == "ampd" and loss.centring == "sinkhorn":  # needs no centre, so no logits of other tokens
                found[name] = head(tokens[: len(compared)][compared])
                continue
            found[name] = head(tokens)
            loss.collect(found[name])
            if name == "ampd":
                found[name] = found[name][: len(compared)][compared]  # (2B, N, K) -> (T, K)
        return found

    def train(self, mode: bool = True) -> CoDistillation:
        super().train(mode)
        self.teacher.eval()
        return self

    def _ampd(self, seen: Encoding, teacher: Tensor, tokens: Tensor, temperature: float) -> dict[str, Tensor]:
        """AMPD on the T `tokens` (S, N) of each view, with the teacher's logits (T, K) of the same."""
        weight = tokens / tokens.sum(1, keepdim=True).clamp(min=1)  # (S, N): the mean in each view,
        weight = weight / weight.sum().clamp(min=1)  # then over the views that have such tokens
        logits = self.student.heads["ampd"](self.taps.tokens(seen)[0][tokens])  # (S, N, C) -> (T, C) -> (T, K)
        return self._distil("ampd", logits, teacher, temperature, weight[tokens])

    def _distil(
        self, name: str, student: Tensor, teacher: Tensor, temperature: float, weight: Tensor | None = None
    ) -> dict[str, Tensor]:
        found = self.loss_of(name)(student, teacher, temperature, weight)._asdict()
        return {name: found.pop("loss")} | {f"{name}_{what}": value for what, value in found.items()}


def _swap(x: Tensor) -> Tensor:
    """(2B, ...) with the two views exchanged: v of every scan, then u."""
    return x.roll(len(x) // 2, dims=0)
