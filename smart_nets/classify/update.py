"""Fine-tuning and linear probing: one step, and how the encoder and the new layer learn at their own rates."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import torch
import torch.nn.functional as F
from monai.engines import SupervisedTrainer
from torch import Tensor

from smart_nets.errors import ConfigError, TrainingHealthError
from smart_nets.networks.classifier import Classifier
from smart_nets.settings import one_of
from smart_nets.training.optimisation import parameter_groups


class ClassifierUpdate:
    """One iteration, as the `iteration_update` of MONAI's `SupervisedTrainer`: cross-entropy, clipping, health, log.

    Args:
        class_weights: weight of each class in the loss, see `balanced_weights`; None: all alike.
        clip: largest norm of the whole gradient; 0 switches clipping off.
        autocast: "bf16" computes convolutions and matrices in bfloat16, "off" in fp32.

    Raises:
        ConfigError: an unknown autocast.
        TrainingHealthError: the loss is not finite.
    """

    def __init__(self, class_weights: Sequence[float] | None = None, clip: float = 3.0, autocast: str = "off") -> None:
        one_of("autocast", autocast, ("bf16", "off"))
        self.weights = None if class_weights is None else torch.tensor(class_weights, dtype=torch.float32)
        self.clip, self.autocast = clip, autocast

    def __call__(self, engine: SupervisedTrainer, batch: Mapping[str, Any]) -> list[dict[str, Any]]:
        device, optimizer = engine.state.device, engine.optimizer
        images, labels = batch["image"].to(device, non_blocking=True), batch["label"].to(device)
        engine.network.train()
        with torch.autocast(images.device.type, torch.bfloat16, enabled=self.autocast == "bf16"):
            scores = engine.network(images)
        loss = F.cross_entropy(scores.float(), labels, self._weights_on(scores))
        value = float(loss.detach())
        if not math.isfinite(value):
            where = f"step {engine.state.iteration}"
            remedy = "lower the learning rate, and check the data for broken scans"
            raise TrainingHealthError("loss is not finite", where=where, found=value, remedy=remedy)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        own = [parameter for group in optimizer.param_groups for parameter in group["params"]]
        norm = torch.nn.utils.clip_grad_norm_(own, self.clip if self.clip > 0 else math.inf)
        optimizer.step()
        right = (scores.detach().argmax(dim=1) == labels).float().mean()
        rates = {f"lr_{group['name']}": group["lr"] for group in optimizer.param_groups if group["decays"]}
        log = {"loss": value, "accuracy": float(right), "grad_norm": float(norm), **rates}
        return [{"loss": loss.detach(), "log": log}]  # a list, as the handlers of MONAI read

    def _weights_on(self, scores: Tensor) -> Tensor | None:
        return None if self.weights is None else self.weights.to(scores.device)


def balanced_weights(labels: Sequence[int], classes: int) -> list[float]:
    """n / (classes * count) of each class, so that all classes weigh the same in the loss.

    Raises:
        ConfigError: a class does not occur.
    """
    counts = [sum(label == index for label in labels) for index in range(classes)]
    if not all(counts):
        raise ConfigError("a class does not occur", where="labels", expected=f"all of 0 to {classes - 1}", found=counts)
    return [len(labels) / (classes * count) for count in counts]


def choose_weights(asked: Any, items: Sequence[Mapping[str, Any]], classes: int) -> Any:
    """What was asked for as weights of the classes; for "balanced", the `balanced_weights` of the items' labels."""
    if asked == "balanced":
        return balanced_weights([item["label"] for item in items], classes)
    return None if asked == "none" else asked  # MONAI lets None on a command line fall


def classifier_groups(network: Classifier, learning_rate: float, head_learning_rate: float) -> list[dict[str, Any]]:
    """Parameter groups for an optimiser: the encoder (unless it is frozen) and the new layer, each at its own rate."""
    groups = []
    for name, part, rate in (("encoder", network.encoder, learning_rate), ("head", network.head, head_learning_rate)):
        groups += [{**group, "name": name, "lr": rate} for group in parameter_groups(part) if group["params"]]
    return groups
