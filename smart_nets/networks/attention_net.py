"""An encoder as an inferer or a viewer wants it: image in, attention map out."""

from __future__ import annotations

from typing import Any

import torch.nn.functional as F
from torch import Tensor, nn

from smart_nets.errors import ConfigError
from smart_nets.networks.encoder import Encoder, Encoding


class AttentionNet(nn.Module):
    """Wraps any encoder with semantic attention; its state dict is the encoder's own, name by name.

    Args:
        encoder: a network that returns an `Encoding`.

    Raises:
        ConfigError: the encoder has no attention to show.
    """

    def __init__(self, encoder: Encoder) -> None:
        super().__init__()
        if not encoder.has_attention:
            raise ConfigError("has no attention to show", where="encoder", remedy="train with sa_stage 1, 2, 3 or 4")
        self.encoder = encoder
        self.register_state_dict_post_hook(_without_prefix)
        self.register_load_state_dict_pre_hook(_with_prefix)

    def forward(self, image: Tensor) -> Tensor:
        """(B, 1, D, H, W) in [0, 1] -> (B, 1, D, H, W) float32: attention relative to uniform, so 1 = uniform."""
        return self.look(image)[0]

    def look(self, image: Tensor) -> tuple[Tensor, Tensor]:
        """The attention map (B, 1, D, H, W) and the [CLS] embedding (B, C) of a crop."""
        encoding = self.encoder(image)
        return attention_map(encoding, image), encoding.feature


def attention_map(encoding: Encoding, image: Tensor) -> Tensor:
    """Attention on the voxels of the image: (B, 1, D, H, W) float32, 1 = uniform. ConfigError without attention."""
    satt = encoding.satt.float()
    relative = satt / satt.mean(dim=1, keepdim=True)
    coarse = relative.reshape(-1, 1, *encoding.grid)  # (B, N) -> (B, 1, d, h, w)
    size = [int(side) for side in image.shape[2:]]
    return F.interpolate(coarse, size=size, mode="trilinear", align_corners=False)


def _without_prefix(module: nn.Module, state: dict[str, Tensor], prefix: str, metadata: Any) -> None:
    for name in [name for name in state if name.startswith(f"{prefix}encoder.")]:
        state[prefix + name.removeprefix(f"{prefix}encoder.")] = state.pop(name)


def _with_prefix(module: nn.Module, state: dict[str, Tensor], prefix: str, *rest: Any) -> None:
    for name in [name for name in state if name.startswith(prefix)]:
        state[f"{prefix}encoder.{name.removeprefix(prefix)}"] = state.pop(name)
