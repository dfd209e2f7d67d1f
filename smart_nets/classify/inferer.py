"""Inference with a classifier: its scores, and what they rest on."""

from __future__ import annotations

from typing import Any

import torch
from monai.inferers import Inferer
from torch import Tensor, nn

from smart_nets.classify.occlusion import occlusion_map
from smart_nets.networks.classifier import Classifier


class ClassifierInferer(Inferer):
    """Gives scores and a map of what they rest on: {"scores": (B, classes), "reason": (B, 1, D, H, W)}.

    What the map tells depends on the feature, see `reason_map`.
    """

    def __call__(self, inputs: Tensor, network: nn.Module, *args: Any, **kwargs: Any) -> dict[str, Tensor]:  # type: ignore[override]
        """inputs (B, 1, D, H, W) in [0, 1]."""
        net = getattr(network, "module", network)
        assert isinstance(net, Classifier)
        image = torch.as_tensor(inputs)
        return {"scores": net(image), "reason": reason_map(net, image)}


def reason_name(feature: str) -> str:
    """What `reason_map` is for a classifier that reads this feature: "attention" or "occlusion"."""
    return "attention" if feature == "cls" else "occlusion"


def reason_map(network: Classifier, image: Tensor) -> Tensor:
    """Where a classifier's answer comes from: (B, 1, D, H, W).

    The attention of the [CLS] token where the answer is read from it, 1 = an even share; else, since the attention then has
    no part in the answer, by how much its probability falls when a place is hidden (`occlusion_map`).
    """
    if reason_name(network.feature) == "attention":
        return network.look(image)[1]
    return torch.cat([occlusion_map(network, one) for one in image.split(1)])
