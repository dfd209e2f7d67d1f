"""The encoder contract, and the SMART encoder: a Swin transformer with semantic attention as a side branch."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from typing import NamedTuple, cast

import torch
from torch import Tensor, nn

from smart_nets.errors import ConfigError
from smart_nets.networks.blocks import linear_std
from smart_nets.networks.cells import Grid, grid_of
from smart_nets.networks.feature_source import FeatureSource
from smart_nets.networks.inputs import Fill, check_image, expand_mask, fill_token
from smart_nets.networks.positions import Position, PositionEmbedding
from smart_nets.networks.pretrained import Pretrained
from smart_nets.networks.semantic_attention import SemanticAttention
from smart_nets.networks.swin import SwinTransformer


class Encoding(NamedTuple):
    """What every encoder gives: the same fields whichever backbone made them."""

    patch: Tensor  # (B, N, C) tokens on the attention grid before semantic attention, layer-normed: what AMPD compares
    cls: Tensor | None  # (B, C); None without semantic attention
    attention: Tensor | None  # (B, heads, N) float32, the [CLS] row of the last block
    pooled: Tensor  # (B, C_last) mean of the last stage's tokens
    deep: Tensor  # (B, C_last, d, h, w) the last stage, what the image head reads
    grid: Grid  # the grid of patch and attention
    maps: tuple[Tensor, ...]  # from the finest to `deep`: of Swin, the patch embedding and each stage after its merging
    unmerged: tuple[Tensor, Tensor] | None = None  # of Swin: the stage of `patch`, and the last, before their merging

    @property
    def features(self) -> dict[str, Tensor]:
        """What pretraining shapes: "pooled", and "cls" where there is one."""
        return {"pooled": self.pooled} | ({} if self.cls is None else {"cls": self.cls})

    @property
    def stages(self) -> Tensor:
        """What all stages say, joined: the mean over space of every map, then the standard deviation of all but the last.

        Fine stages know texture, deep ones arrangement. (B, stages_dim), as CoralBay (2026) distils and probes.
        """
        means = [each.mean((2, 3, 4)) for each in self.maps]
        spreads = [each.flatten(2).std(2, correction=0) for each in self.maps[:-1]]
        return torch.cat([*means, *spreads], 1)

    @property
    def satt(self) -> Tensor:
        """Semantic attention (B, N), the mean over heads: SMART eq. (1). ConfigError without semantic attention."""
        if self.attention is None:
            raise ConfigError("this encoder has no semantic attention", remedy="set sa_stage to 1, 2, 3 or 4")
        return self.attention.mean(1)

    @property
    def feature(self) -> Tensor:
        """What downstream tasks use: [CLS] where there is one, else the pooled tokens. (B, C)."""
        return self.pooled if self.cls is None else self.cls


class Encoder(Pretrained, FeatureSource):
    """The contract of every backbone: Swin with or without semantic attention, and ViT, interchangeable by configuration.

    Attributes:
        stride: what crop sides must be divisible by, in voxels.
        patch_size: voxels a side per token of the patch embedding.
        cell, deep_cell: voxels a side per token of `Encoding.patch` and of `Encoding.deep`.
        patch_dim, feature_dim, deep_dim, stages_dim: widths of `Encoding.patch`, `.feature`, `.deep` and `.stages`.
        map_dims, map_cells: width, and voxels a side per token, of each of `Encoding.maps`.
        has_attention: whether there is a [CLS] and its attention.
        attention_blocks, attention_heads: how many blocks give that attention, and heads in each; 0 without.
    """

    patch_size: int
    cell: int
    deep_cell: int
    patch_dim: int
    feature_dim: int
    deep_dim: int
    map_dims: tuple[int, ...]
    map_cells: tuple[int, ...]
    attention_blocks: int
    attention_heads: int

    @property
    def stages_dim(self) -> int:
        return sum(self.map_dims) + sum(self.map_dims[:-1])

    @property
    def num_features(self) -> int:
        """Channels of `forward_features`; both as timm calls them."""
        return self.deep_dim

    def forward_features(self, x: Tensor) -> Tensor:
        """(B, in_chans, D, H, W) in [0, 1] -> the last stage's map (B, num_features, d, h, w)."""
        return cast(Encoding, self(x)).deep

    @abstractmethod
    def forward(self, x: Tensor, mask: Tensor | None = None, fill: Fill = "mask_token") -> Encoding:
        """Encodes images, whole or with hidden cells.

        Args:
            x: (B, in_chans, D, H, W) intensities in [0, 1], sides divisible by `stride`.
            mask: (B, N) bool on any grid whose cubic cells tile the image, True = hidden; usually `Encoding.grid`.
            fill: what hidden tokens become: the learned mask token, or zero.

        Raises:
            ConfigError: sides the stride does not divide, a mask that does not fit, or an unknown fill.
        """

    @abstractmethod
    def cls_attention(self, x: Tensor, block: int = -1) -> Tensor:
        """The [CLS] token's attention (B, heads, N) float32 in one of its blocks, without running what lies behind.

        Args:
            x: (B, in_chans, D, H, W) intensities in [0, 1].
            block: from 0, or from the end as -1: the last, which SMART eq. (1) takes.

        Raises:
            ConfigError: sides the stride does not divide, no such block, or an encoder without semantic attention.
        """

    def features(self, x: Tensor) -> dict[str, Tensor]:
        """See `FeatureSource.features`."""
        found = self(x)
        return {name: getattr(found, name) for name in self.kinds}

    def attention_only(self, x: Tensor) -> Tensor:
        """Semantic attention (B, N), SMART eq. (1): the last block, mean over heads."""
        return self.cls_attention(x).mean(1)

    def check_block(self, block: int) -> None:
        """ConfigError unless the encoder has such a block of [CLS] attention."""
        if not self.has_attention:
            raise ConfigError("this encoder has no semantic attention", remedy="set sa_stage to 1, 2, 3 or 4")
        count = self.attention_blocks
        if not isinstance(block, int) or not -count <= block < count:
            raise ConfigError(
                "no such attention block", where="block", expected=f"-{count} to {count - 1}", found=block
            )


class SmartEncoder(Encoder):
    """Swin with a semantic-attention side branch (SMART Fig. 2, DAGMaN Fig. 1D).

    The branch reads the tokens of one stage after its merging; the next stage reads the same tokens, untouched by it.

    Args:
        in_chans, embed_dim, depths, num_heads, window_size, patch_size, mlp_ratio, qkv_bias, drop_path_rate,
        use_checkpoint: the Swin transformer's.
        sa_stage: after which stage semantic attention looks (1 to 4); None leaves it out.
        sa_blocks, sa_heads, layer_scale: of the semantic attention.
        sa_position: whether its tokens tell their place: "none" (default), "learned" or "sincos", see `positions`.
        input_mean, input_std: what is taken off the intensities in [0, 1] and what they are divided by. A network that
            learns from few crops of mostly dark lung learns several times faster on centred input.
        init_gain: scale of the fresh linear layers, see `SwinTransformer`; of the semantic attention, too.

    Raises:
        ConfigError: a stage that does not exist, or heads that do not divide its width.
    """

    def __init__(
        self,
        in_chans: int = 1,
        embed_dim: int = 48,
        depths: Sequence[int] = (2, 2, 8, 2),
        num_heads: Sequence[int] = (4, 4, 8, 16),
        window_size: int = 4,
        patch_size: int = 2,
        mlp_ratio: float = 4.0,
        qkv_bias: bool = True,
        drop_path_rate: float = 0.1,
        sa_stage: int | None = 3,
        sa_blocks: int = 2,
        sa_heads: int = 8,
        layer_scale: float | None = 0.1,
        sa_position: Position = "none",
        use_checkpoint: bool = False,
        input_mean: float = 0.0,
        input_std: float = 1.0,
        init_gain: float | None = None,
    ) -> None:
        super().__init__()
        if init_gain is not None and init_gain <= 0:
            raise ConfigError("must be above 0, or null for 0.02 everywhere", where="init_gain", found=init_gain)
        if input_std <= 0:
            raise ConfigError("must be above 0", where="input_std", found=input_std)
        if sa_stage not in (1, 2, 3, 4, None):
            raise ConfigError("no such stage", where="sa_stage", expected="1, 2, 3, 4 or null", found=sa_stage)
        if sa_stage is None and sa_position != "none":
            what = "places are told to semantic attention, which is left out"
            raise ConfigError(what, where="sa_position", expected="none", found=sa_position, remedy="set sa_stage")
        self.input_mean, self.input_std = input_mean, input_std
        self.in_chans, self.patch_size, self.tap = in_chans, patch_size, sa_stage or 3
        self.has_attention = sa_stage is not None
        self.attention_blocks, self.attention_heads = (0, 0) if sa_stage is None else (sa_blocks, sa_heads)
        self.stride = self.deep_cell = patch_size * 2**4
        self.cell = patch_size * 2**self.tap
        self.patch_dim, self.deep_dim = embed_dim * 2**self.tap, embed_dim * 2**4
        self.map_dims = tuple(embed_dim * 2**i for i in range(5))
        self.map_cells = tuple(patch_size * 2**i for i in range(5))
        self.feature_dim = self.deep_dim if sa_stage is None else self.patch_dim
        sizes = (in_chans, embed_dim, depths, num_heads, window_size, patch_size)
        self.swin = SwinTransformer(*sizes, mlp_ratio, qkv_bias, drop_path_rate, use_checkpoint, init_gain)
        self.mask_token = nn.Parameter(torch.zeros(1, 1, embed_dim))
        self.token_norm = nn.LayerNorm(self.patch_dim, eps=1e-6)
        self.semantic_attention = (
            None if sa_stage is None else SemanticAttention(self.patch_dim, sa_blocks, sa_heads, mlp_ratio, layer_scale)
        )
        if self.semantic_attention is not None and init_gain is not None:
            for module in self.semantic_attention.modules():
                if isinstance(module, nn.Linear):
                    nn.init.trunc_normal_(module.weight, std=linear_std(module, init_gain))
        self.position = None if sa_position == "none" else PositionEmbedding(self.patch_dim, sa_position)

    def forward(self, x: Tensor, mask: Tensor | None = None, fill: Fill = "mask_token") -> Encoding:
        """See `Encoder.forward`."""
        maps, unmerged = self._maps(x, mask, fill, stages=4)
        tokens, deep = _tokens(maps[self.tap]), maps[-1]
        cls = attention = None
        grid = grid_of([int(side) for side in x.shape[2:]], self.cell)
        if self.semantic_attention is not None:
            cls, attention = self.semantic_attention(self._placed(tokens, grid))
        before = (unmerged[self.tap - 1], unmerged[-1])
        return Encoding(self.token_norm(tokens), cls, attention, deep.mean((2, 3, 4)), deep, grid, tuple(maps), before)

    def cls_attention(self, x: Tensor, block: int = -1) -> Tensor:
        """See `Encoder.cls_attention`."""
        self.check_block(block)
        assert self.semantic_attention is not None
        tokens = _tokens(self._maps(x, None, "mask_token", stages=self.tap)[0][-1])
        grid = grid_of([int(side) for side in x.shape[2:]], self.cell)
        return self.semantic_attention.rows(self._placed(tokens, grid), block)

    def _placed(self, tokens: Tensor, grid: Grid) -> Tensor:
        return tokens if self.position is None else self.position(tokens, grid)

    def _maps(self, x: Tensor, mask: Tensor | None, fill: Fill, stages: int) -> tuple[list[Tensor], list[Tensor]]:
        check_image(x, self.in_chans, self.stride)
        token = fill_token(self.mask_token, fill)
        x = (x - self.input_mean) / self.input_std
        return self.swin.both(x, None if mask is None else expand_mask(mask, x, self.patch_size), token, stages)


def _tokens(feature_map: Tensor) -> Tensor:
    """(B, C, d, h, w) -> (B, N, C)."""
    return feature_map.flatten(2).transpose(1, 2)
