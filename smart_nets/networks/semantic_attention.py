"""Semantic attention: a [CLS] token that looks at all patch tokens and tells which of them matter (SMART sec. 3.1)."""

from __future__ import annotations

from typing import cast

import torch
from torch import Tensor, nn

from smart_nets.errors import ConfigError
from smart_nets.networks.blocks import ViTBlock, init_linear


class SemanticAttention(nn.Module):
    """A learned [CLS] token, appended at the end of the sequence, through pre-norm transformer blocks.

    A side branch: it reads the tokens of one encoder stage and gives back only [CLS] and its attention, SMART eq. (1).
    In the last block nothing but the [CLS] query is computed, since the patch outputs are not used.

    Args:
        dim: width of the tokens.
        blocks: number of transformer blocks.
        heads: attention heads; must divide `dim`.
        mlp_ratio: hidden width of the MLP over `dim`.
        layer_scale: initial gain of the residual branches; None leaves the gains out (DAGMaN).

    Raises:
        ConfigError: no block, or heads that do not divide the width.
    """

    def __init__(
        self, dim: int, blocks: int = 2, heads: int = 8, mlp_ratio: float = 4.0, layer_scale: float | None = 0.1
    ) -> None:
        super().__init__()
        if blocks < 1:
            raise ConfigError("semantic attention needs a block", expected="sa_blocks of 1 or more", found=blocks)
        self.cls_token = nn.Parameter(torch.zeros(1, 1, dim))
        self.blocks = nn.ModuleList(ViTBlock(dim, heads, mlp_ratio, layer_scale) for _ in range(blocks))
        self.norm = nn.LayerNorm(dim, eps=1e-6)
        nn.init.trunc_normal_(self.cls_token, std=0.02)
        self.apply(init_linear)

    def forward(self, tokens: Tensor) -> tuple[Tensor, Tensor]:
        """(B, N, C) -> [CLS] (B, C) and its attention (B, heads, N) of the last block, float32.

        The softmax runs over N + 1 keys; the [CLS] column is dropped, so a row sums to one minus that column.
        """
        last, row = self._last_query(tokens, -1)
        return self.norm(last).squeeze(1), row[..., :-1]

    def rows(self, tokens: Tensor, block: int = -1) -> Tensor:
        """The [CLS] row of any block: (B, N, C) -> (B, heads, N) float32."""
        return self._last_query(tokens, block)[1][..., :-1]

    def _last_query(self, tokens: Tensor, block: int) -> tuple[Tensor, Tensor]:
        cls = self.cls_token.expand(tokens.shape[0], -1, -1).to(tokens.dtype)
        x = torch.cat([tokens, cls], dim=1)  # (B, N + 1, C)
        for each in self.blocks[:block]:
            x = each(x)
        return cast(ViTBlock, self.blocks[block]).last_query(x)
