"""Inference with a classifier: its scores, and where it looked."""

from __future__ import annotations

from typing import Any

import torch
from monai.inferers import Inferer
from torch import Tensor, nn

from smart_nets.networks.classifier import Classifier


class ClassifierInferer(Inferer):
    """Gives scores and attention map of crops: {"scores": (B, classes), "attention": (B, 1, D, H, W)}.

    Attention is relative to uniform attention (1 = uniform). An encoder without semantic attention looks nowhere in
    particular: its map is 1 everywhere.
    """

    def __call__(self, inputs: Tensor, network: nn.Module, *args: Any, **kwargs: Any) -> dict[str, Tensor]:  # type: ignore[override]
        """inputs (B, 1, D, H, W) in [0, 1]."""
        net = getattr(network, "module", network)
        assert isinstance(net, Classifier)
        image = torch.as_tensor(inputs)
        scores, attention = net.look(image)
        return {"scores": scores, "attention": torch.ones_like(image) if attention is None else attention}
