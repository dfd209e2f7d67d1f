"""Does the method do what it says? What the losses do not show: measured in every step for nothing, or once an epoch.

A step knows how far its mask repeats the teacher's noise, and what its targets tell. `Instruments` measures on crops of
patients nobody trains on whether features have dimensions, and whether attention follows more than brightness.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, cast

import torch
import torch.nn.functional as F
from ignite.engine import Engine, Events
from monai.networks.utils import eval_mode
from torch import Tensor, nn

from smart_nets.errors import ConfigError
from smart_nets.networks.cells import cell_of, expand, grid_of
from smart_nets.networks.encoder import Encoder, Encoding
from smart_nets.pretrain.masking import count_of
from smart_nets.training.logs import log_of

if TYPE_CHECKING:
    from smart_nets.organs.probe import OrganCrops

# Epochs of a run, at most, after which is measured, evenly: a choice by the clock would differ from run to run.
MEASURED = 4
EVEN = 1e-6  # spread of intensities below which a crop has no structure to follow


def lost_share(hidden: Tensor, lost: Tensor, size: Sequence[int]) -> tuple[Tensor, Tensor]:
    """How much of what the student does not see the teacher had lost, and how much it had lost at all: two shares.

    Equal shares mean that mask and noise meet by chance; a first share near 1 means that the mask is the noise.

    Args:
        hidden, lost: (B, N) and (B, M) bool, masks of the same crops on any grids.
        size: voxels of the crops.

    Raises:
        ConfigError: masks of other crops, or of cells that do not tile these.
    """
    fine = hidden.dim() == lost.dim() == 2 and len(hidden) == len(lost) and min(hidden.shape[1], lost.shape[1]) > 0
    _check(fine, "two masks (B, N) and (B, M)", hidden.shape, lost.shape)
    finer = [side // min(cell_of(hidden, size), cell_of(lost, size)) for side in size]
    both = expand(hidden, finer), expand(lost, finer)  # (B, d, h, w)
    return (both[0] & both[1]).sum() / both[0].sum().clamp(min=1), both[1].float().mean()


def top_overlap(noisy: Tensor, clean: Tensor, ratio: float) -> Tensor:
    """Mean share of the top floor(rN) tokens that two attentions (B, N) have in common; by chance it is r."""
    _check(noisy.dim() == 2 and noisy.shape == clean.shape, "two attentions (B, N)", noisy.shape, clean.shape)
    _check(0 < ratio <= 1, "a ratio above 0, up to 1", ratio)
    k = max(1, count_of(ratio, noisy.shape[1]))
    tops = [torch.zeros_like(a).scatter(1, a.topk(k, dim=1).indices, 1.0) for a in (noisy, clean)]
    return (tops[0] * tops[1]).sum(1).mean() / k


def effective_rank(features: Tensor) -> float:
    """In how many dimensions features (n, C) vary: exp of the entropy of the spectrum of the centred features.

    n points on a line have 1; n points in all directions alike up to min(n - 1, C); one point, or n equal ones, 0. NaN
    when a feature is not finite.
    """
    _check(features.dim() == 2 and len(features) > 0, "features (n, C)", features.shape)
    if not features.isfinite().all():
        return float("nan")
    exact = features.double()  # in float32 the mean of equal points is not always their value
    spectrum = torch.linalg.svdvals(exact - exact.mean(0)).square()
    if not spectrum.sum() > 0:
        return 0.0
    return float(torch.special.entr(spectrum / spectrum.sum()).sum().exp())


def follows_brightness(attention: Tensor, images: Tensor, cell: int) -> float:
    """Mean correlation of attention (n, N) with the mean intensity of its cells in images (n, 1, D, H, W).

    Crops of one intensity everywhere, or with attention that is the same everywhere, do not count; NaN if none does.
    """
    tokens = grid_of(images.shape[2:], cell)
    fits = images.shape[1] == 1 and attention.shape == (len(images), math.prod(tokens))
    _check(fits, "one value per cell of each crop", attention.shape, images.shape, cell)
    intensity = F.avg_pool3d(images, cell).flatten(1)  # (n, 1, d, h, w) -> (n, N)
    a, b = (each.double() - each.double().mean(1, keepdim=True) for each in (attention, intensity))
    fine = (intensity.std(1) > EVEN) & (a.norm(dim=1) > 0)
    if not fine.any():
        return float("nan")
    return float(F.cosine_similarity(a[fine], b[fine], dim=1).mean())


def variation(attention: Tensor) -> float:
    """Mean over crops of the standard deviation of attention (n, N) over its mean: 0 is flat."""
    _check(attention.dim() == 2, "attention (n, N)", attention.shape)
    return float((attention.std(1, correction=0) / attention.mean(1)).mean())


def distance(module: nn.Module, start: Sequence[Tensor]) -> float:
    """How far weights are from where they were, over how large they were then."""
    now = list(module.parameters())
    alike = [a.shape for a in now] == [b.shape for b in start] != []
    _check(alike, "the weights of this network", len(now), len(start))
    moved = torch.stack([(a.detach() - b).norm() for a, b in zip(now, start, strict=True)]).norm()
    return float(moved / torch.stack([b.norm() for b in start]).norm())


def _check(fine: bool, expected: str, *found: object) -> None:
    if not fine:
        told = (str(tuple(each) if isinstance(each, torch.Size) else each) for each in found)
        raise ConfigError("cannot be measured", expected=expected, found=", ".join(told))


class Instruments:
    """Handler: at the start, at ends of epochs and at the end, measures the encoder on crops of unseen patients.

    The numbers join the log of the epoch's last step under "instruments", so that every logger has them: attach it before
    the loggers. Of a long run four epochs are measured, evenly spaced, and the last.

    Args:
        network: the CoDistillation (wrapped or not).
        crops: (n, 1, D, H, W) in [0, 1], or the `OrganCrops` of the neighbour test; None measures nothing.
        rank: of this process; only 0 measures.
    """

    def __init__(self, network: nn.Module, crops: Tensor | OrganCrops | None, rank: int = 0) -> None:
        self.network, self.rank = network, rank
        self.crops = crops if crops is None or isinstance(crops, Tensor) else crops.crops
        if self.crops is not None:
            shape = tuple(self.crops.shape)
            _check(len(shape) == 5 and shape[0] > 1, "two crops (n, 1, D, H, W) or more", shape)
            if (
                rank == 0
            ):  # now: a run that goes on has its first weights, drawn by the seed, until it takes the later ones
                self.origin = [each.detach().clone() for each in self._model().teacher.encoder.parameters()]

    def attach(self, engine: Engine) -> None:
        if self.rank == 0 and self.crops is not None:
            engine.add_event_handler(Events.STARTED, self._start)
            engine.add_event_handler(Events.ITERATION_COMPLETED, self._step)

    def _start(self, engine: Engine) -> None:
        self.first = None if engine.state.iteration else self.measure()  # before training

    def _step(self, engine: Engine) -> None:
        state, log = engine.state, cast(dict[str, Any], log_of(engine))
        first, self.first = self.first, None
        if first is not None:
            log["instruments"] = first
            return
        every = math.ceil((state.max_epochs or 1) / MEASURED)
        ends = state.iteration % (state.epoch_length or 1) == 0
        if ends and (state.epoch % every == 0 or state.epoch == state.max_epochs):
            log["instruments"] = self.measure()

    @torch.no_grad()
    def measure(self) -> dict[str, float]:
        """All numbers of one epoch."""
        model = self._model()
        assert self.crops is not None
        student, teacher = (each.encoder for each in (model.student, model.teacher))
        images = self.crops.to(next(model.parameters()).device)
        with eval_mode(student):  # without the maps, which would fill the memory
            found = [student(part)._replace(maps=(), unmerged=None) for part in images.split(16)]
            numbers = {"rank_pooled": effective_rank(torch.cat([each.pooled for each in found]))}
            if student.has_attention:
                numbers |= self._attention(found, images, student) | self._overlap(model, images)
        return numbers | {"teacher_moved": distance(teacher, self.origin)}

    def _attention(self, found: Sequence[Encoding], images: Tensor, encoder: Encoder) -> dict[str, float]:
        attention = torch.cat([each.satt for each in found])
        return {
            "rank_cls": effective_rank(torch.cat([each.cls for each in found if each.cls is not None])),
            "attention_brightness": follows_brightness(attention, images, encoder.cell),
            "attention_variation": variation(attention),
        }

    def _overlap(self, model: Any, images: Tensor) -> dict[str, float]:
        """How much of the mask that noisy attention gives the clean one would give, on a few crops; nothing without noise."""
        some = images[:16]
        with torch.random.fork_rng():
            torch.manual_seed(0)
            lost = model.drop(some)
        if lost is None or not bool(lost.any()):
            return {}
        noisy, clean = (model.teacher(some, each, model.teacher_fill).satt for each in (lost, None))
        return {"mask_overlap": float(top_overlap(noisy, clean, model.student_mask.ratio))}

    def _model(self) -> Any:
        return getattr(self.network, "module", self.network)
