"""One step of training: Dice and cross-entropy, on request at three resolutions, and how encoder and decoder learn."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from monai.engines import SupervisedTrainer
from monai.losses import DeepSupervisionLoss, DiceCELoss
from torch import Tensor, nn

from smart_nets.errors import TrainingHealthError
from smart_nets.settings import one_of
from smart_nets.training.optimisation import parameter_groups


def segment_loss(weights: Sequence[float] | None = None) -> nn.Module:
    """MONAI's soft Dice of all but the background, over the batch as nnU-Net takes it, and cross-entropy of all channels.

    Of several resolutions the finer counts twice the next.

    Args:
        weights: of the background and of each channel, see `label_weights`.
    """
    weight = None if weights is None else torch.tensor(weights)
    single = DiceCELoss(include_background=False, to_onehot_y=True, softmax=True, batch=True, weight=weight)
    return DeepSupervisionLoss(single, weight_mode="exp", weights=[1.0, 0.5, 0.25])


def segmenter_groups(network: nn.Module, learning_rate: float, decoder_learning_rate: float) -> list[dict[str, Any]]:
    """Parameter groups for an optimiser: the encoder (unless it is frozen) and the fresh decoder, each at its own rate.

    All of a network without `encoder`, such as one of MONAI's, is fresh.
    """
    groups = []
    encoder = {id(parameter) for parameter in getattr(network, "encoder", nn.Module()).parameters()}
    for group in parameter_groups(network):
        parameters: Any = group["params"]
        for name, rate, inside in (("encoder", learning_rate, True), ("decoder", decoder_learning_rate, False)):
            own = [parameter for parameter in parameters if (id(parameter) in encoder) == inside]
            if own:
                groups.append({**group, "params": own, "name": name, "lr": rate})
    return groups


def rate_share(step: int, steps: int, warmup: float) -> float:
    """Share of the full learning rate at a step from 0: linear warm-up over the share `warmup`, then cosine to 0."""
    rising = max(1, round(warmup * steps))
    if step < rising:
        return (step + 1) / rising
    return 0.5 * (1 + math.cos(math.pi * (step - rising) / max(1, steps - rising)))


class SegmentUpdate:
    """One iteration, as the `iteration_update` of MONAI's `SupervisedTrainer`: rates, loss, clipping, health, log.

    Args:
        steps: of the whole training, for the learning rate; nothing is remembered from step to step.
        rates: full learning rate of each group of parameters, by its name.
        warmup: share of them in which it rises.
        clip: largest norm of the whole gradient; 0 switches clipping off.
        autocast: "bf16" computes convolutions and matrices in bfloat16, "off" in fp32.
        weights: of the background and of each channel in the loss.

    Raises:
        ConfigError: an unknown autocast.
        TrainingHealthError: the loss is not finite.
    """

    def __init__(
        self,
        steps: int,
        rates: Mapping[str, float],
        warmup: float = 0.05,
        clip: float = 12.0,
        autocast: str = "off",
        weights: Sequence[float] | None = None,
    ) -> None:
        one_of("autocast", autocast, ("bf16", "off"))
        self.rates = dict(rates)
        self.steps, self.warmup, self.clip, self.autocast = steps, warmup, clip, autocast
        self.loss = segment_loss(weights)

    def __call__(self, engine: SupervisedTrainer, batch: Mapping[str, Any]) -> list[dict[str, Any]]:
        device, optimizer, step = engine.state.device, engine.optimizer, engine.state.iteration
        image, label = batch["image"].to(device, non_blocking=True), batch["label"].to(device, torch.float32)
        share = rate_share(step - 1, self.steps, self.warmup)
        for group in optimizer.param_groups:
            group["lr"] = self.rates[group["name"]] * share
        engine.network.train()
        with torch.autocast(image.device.type, torch.bfloat16, enabled=self.autocast == "bf16"):
            answer = engine.network(image)
        answers = [one.float() for one in answer] if isinstance(answer, list) else answer.float()
        loss: Tensor = self.loss.to(image.device)(answers, label)
        value = float(loss.detach())
        if not math.isfinite(value):
            remedy = "lower the learning rate, and check the data for broken scans"
            raise TrainingHealthError("loss is not finite", where=f"step {step}", found=value, remedy=remedy)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        own = [parameter for group in optimizer.param_groups for parameter in group["params"]]
        norm = torch.nn.utils.clip_grad_norm_(own, self.clip if self.clip > 0 else math.inf)
        optimizer.step()
        finest = answers[0] if isinstance(answers, list) else answers
        rates = {f"lr_{group['name']}": group["lr"] for group in optimizer.param_groups if group["decays"]}
        log = {"loss": value, "dice": patch_dice(finest.detach(), label), "grad_norm": float(norm), **rates}
        return [{"loss": loss.detach(), "log": log}]  # a list, as the handlers of MONAI read


def patch_dice(scores: Tensor, label: Tensor) -> float:
    """Mean Dice of the foreground channels that the batch shows, of the surest channel of each voxel; NaN if it shows none.

    Args:
        scores: (B, C, D, H, W). label: (B, 1, D, H, W).
    """
    chosen, right = scores.argmax(1), label[:, 0].long()  # (B, D, H, W)
    found = []
    for channel in range(1, scores.shape[1]):
        a, b = chosen == channel, right == channel
        if b.any():
            found.append(float(2 * (a & b).sum() / (a.sum() + b.sum())))
    return sum(found) / len(found) if found else math.nan
