"""The ViT comparator, under the same contract as the Swin encoder (SMART sec. 4)."""

from __future__ import annotations

from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from smart_nets.errors import ConfigError
from smart_nets.networks.blocks import ViTBlock, drop_path_rates, init_linear
from smart_nets.networks.cells import Grid, grid_of
from smart_nets.networks.encoder import Encoder, Encoding
from smart_nets.networks.inputs import Fill, check_image, expand_mask, fill_token


class ViTEncoder(Encoder):
    """Vision transformer with [CLS] at the end; its own last block gives the semantic attention.

    Args:
        img_size: crop side the position embedding is made for, in voxels; other sizes interpolate it.
        patch_size: voxels a side per token.
        in_chans: channels of the image.
        dim, depth, num_heads, mlp_ratio: of the blocks.
        drop_path_rate: stochastic depth of the last block, growing linearly from 0.

    `patch` and `deep` are the same tokens, so their cells are equal.

    Raises:
        ConfigError: a patch that does not divide the image, no block, or heads that do not divide the width.
    """

    def __init__(
        self,
        img_size: int = 128,
        patch_size: int = 16,
        in_chans: int = 1,
        dim: int = 768,
        depth: int = 12,
        num_heads: int = 8,
        mlp_ratio: float = 4.0,
        drop_path_rate: float = 0.1,
    ) -> None:
        super().__init__()
        if depth < 1:
            raise ConfigError("a transformer needs a block", where="depth", expected="1 or more", found=depth)
        self.in_chans, self.patch_size, self.has_attention = in_chans, patch_size, True
        self.attention_blocks, self.attention_heads = depth, num_heads
        self.stride = self.cell = self.deep_cell = patch_size
        self.patch_dim = self.feature_dim = self.deep_dim = dim
        self.map_dims, self.map_cells = (dim,), (patch_size,)
        self.home = grid_of([img_size] * 3, patch_size)  # the grid of the position embedding
        self.patch_embed = nn.Conv3d(in_chans, dim, kernel_size=patch_size, stride=patch_size)
        self.mask_token = nn.Parameter(torch.zeros(1, 1, dim))
        self.cls_token = nn.Parameter(torch.zeros(1, 1, dim))
        self.pos_embed = nn.Parameter(torch.zeros(1, self.home[0] ** 3 + 1, dim))
        self.blocks = nn.ModuleList(
            ViTBlock(dim, num_heads, mlp_ratio, drop_path=rate) for rate in drop_path_rates(drop_path_rate, depth)
        )
        self.norm = nn.LayerNorm(dim, eps=1e-6)
        for token in (self.cls_token, self.pos_embed):
            nn.init.trunc_normal_(token, std=0.02)
        self.apply(init_linear)

    def forward(self, x: Tensor, mask: Tensor | None = None, fill: Fill = "mask_token") -> Encoding:
        """Encodes images (B, in_chans, D, H, W); arguments and errors as `SmartEncoder.forward`."""
        grid, tokens = self._run(x, mask, fill, -1)
        last = cast(ViTBlock, self.blocks[-1])
        _, row = last.last_query(tokens)
        tokens = self.norm(last(tokens))
        patch = tokens[:, :-1]
        deep = patch.transpose(1, 2).reshape(-1, self.deep_dim, *grid)  # (B, N, C) -> (B, C, d, h, w)
        return Encoding(patch, tokens[:, -1], row[..., :-1], patch.mean(1), deep, grid, (deep,))

    def cls_attention(self, x: Tensor, block: int = -1) -> Tensor:
        """See `Encoder.cls_attention`."""
        self.check_block(block)
        _, tokens = self._run(x, None, "mask_token", block)
        return cast(ViTBlock, self.blocks[block]).last_query(tokens)[1][..., :-1]

    def _run(self, x: Tensor, mask: Tensor | None, fill: Fill, stop: int) -> tuple[Grid, Tensor]:
        """The grid, and the tokens (B, N + 1, C) that enter block `stop`."""
        check_image(x, self.in_chans, self.stride)
        token = fill_token(self.mask_token, fill)
        grid = grid_of([int(side) for side in x.shape[2:]], self.cell)
        tokens = self.patch_embed(x).flatten(2).transpose(1, 2)  # (B, C, d, h, w) -> (B, N, C)
        if mask is not None:
            hidden = expand_mask(mask, x, self.cell).flatten(1).unsqueeze(-1)  # (B, d, h, w) -> (B, N, 1)
            tokens = torch.where(hidden, token.to(tokens.dtype), tokens)
        cls = self.cls_token.expand(tokens.shape[0], -1, -1).to(tokens.dtype)
        tokens = torch.cat([tokens, cls], dim=1) + self._positions(grid)
        for block in self.blocks[:stop]:
            tokens = block(tokens)
        return grid, tokens

    def _positions(self, grid: Grid) -> Tensor:
        """The position embedding (1, N + 1, C), interpolated when the crop is not the size it was made for."""
        if grid == self.home:
            return self.pos_embed
        patch, cls = self.pos_embed[:, :-1], self.pos_embed[:, -1:]
        volume = patch.transpose(1, 2).reshape(1, -1, *self.home)  # (1, N, C) -> (1, C, d, h, w)
        volume = F.interpolate(volume, size=grid, mode="trilinear", align_corners=False)
        return torch.cat([volume.flatten(2).transpose(1, 2), cls], dim=1)
