"""An encoder as an inferer or a viewer wants it: image in, attention map out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch.nn.functional as F
from torch import Tensor, nn

from smart_nets.errors import ConfigError
from smart_nets.networks.cells import grid_of
from smart_nets.networks.encoder import Encoder, Encoding


class AttentionNet(nn.Module):
    """Wraps any encoder with semantic attention; its state dict is the encoder's own, name by name.

    Args:
        encoder: a network that returns an `Encoding`.
        head: one head's attention, from 0; None takes the mean over heads, SMART eq. (1).
        block: of the [CLS] attention, from 0, or from the end as -1.

    Raises:
        ConfigError: the encoder has no attention to show, or no such head or block.
    """

    def __init__(self, encoder: Encoder, head: int | None = None, block: int = -1) -> None:
        super().__init__()
        if not encoder.has_attention:
            raise ConfigError("has no attention to show", where="encoder", remedy="train with sa_stage 1, 2, 3 or 4")
        encoder.check_block(block)
        heads = encoder.attention_heads
        if head is not None and not (isinstance(head, int) and 0 <= head < heads):
            raise ConfigError(
                "no such head", where="head", expected=f"0 to {heads - 1}, or none for the mean", found=head
            )
        self.encoder, self.head, self.block = encoder, head, block
        named_as_encoder(self)

    def forward(self, image: Tensor) -> Tensor:
        """(B, 1, D, H, W) in [0, 1] -> (B, 1, D, H, W) float32: attention relative to uniform, so 1 = uniform."""
        rows = self.encoder.cls_attention(image, self.block)  # (B, heads, N)
        size = [int(side) for side in image.shape[2:]]
        chosen = rows.mean(1) if self.head is None else rows[:, self.head]
        return on_voxels(chosen, grid_of(size, self.encoder.cell), size)

    def look(self, image: Tensor) -> tuple[Tensor, Tensor]:
        """The semantic attention (B, 1, D, H, W), whatever head and block, and the [CLS] embedding (B, C) of a crop."""
        encoding = self.encoder(image)
        return attention_map(encoding, image), encoding.feature


def named_as_encoder(module: nn.Module) -> None:
    """Let the state dict of a module whose one part is `encoder` be the encoder's own, name by name.

    MONAI's commands put models/model.pt, which holds an encoder's names, into the network of a bundle.
    """
    module.register_state_dict_post_hook(_without_prefix)
    module.register_load_state_dict_pre_hook(_with_prefix)


def attention_map(encoding: Encoding, image: Tensor) -> Tensor:
    """Semantic attention on the voxels of the image: (B, 1, D, H, W) float32, 1 = uniform. ConfigError without attention."""
    return on_voxels(encoding.satt, encoding.grid, [int(side) for side in image.shape[2:]])


def on_voxels(attention: Tensor, grid: Sequence[int], size: Sequence[int]) -> Tensor:
    """Attention of cells (B, N), set against uniform attention and interpolated between their centres: (B, 1, *size)."""
    relative = attention.float() / attention.float().mean(dim=1, keepdim=True)
    coarse = relative.reshape(-1, 1, *grid)  # (B, N) -> (B, 1, d, h, w)
    return F.interpolate(coarse, size=list(size), mode="trilinear", align_corners=False)


def _without_prefix(module: nn.Module, state: dict[str, Tensor], prefix: str, metadata: Any) -> None:
    for name in [name for name in state if name.startswith(f"{prefix}encoder.")]:
        state[prefix + name.removeprefix(f"{prefix}encoder.")] = state.pop(name)


def _with_prefix(module: nn.Module, state: dict[str, Tensor], prefix: str, *rest: Any) -> None:
    for name in [name for name in state if name.startswith(prefix)]:
        state[f"{prefix}encoder.{name.removeprefix(prefix)}"] = state.pop(name)
