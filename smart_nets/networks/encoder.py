"""The encoder contract, and the SMART encoder: a Swin transformer with semantic attention as a side branch."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Literal, NamedTuple

import torch
from torch import Tensor, nn

from smart_nets.errors import ConfigError
from smart_nets.networks.grid import Grid, expand, grid_of
from smart_nets.networks.semantic_attention import SemanticAttention
from smart_nets.networks.swin import SwinTransformer

Fill = Literal["mask_token", "zero"]


class Encoding(NamedTuple):
    """What every encoder gives: the same fields whichever backbone made them."""

    patch: Tensor  # (B, N, C) tokens on the attention grid before semantic attention, layer-normed: what AMPD compares
    cls: Tensor | None  # (B, C); None without semantic attention
    attention: Tensor | None  # (B, heads, N) float32, the [CLS] row of the last block
    pooled: Tensor  # (B, C_last) mean of the last stage's tokens
    deep: Tensor  # (B, C_last, d, h, w) the last stage, what the image head reads
    grid: Grid  # the grid of patch and attention

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


class Encoder(nn.Module, ABC):
    """The contract of every backbone: Swin with or without semantic attention, and ViT, interchangeable by configuration.

    Attributes:
        stride: what crop sides must be divisible by, in voxels.
        patch_size: voxels a side per token of the patch embedding.
        cell, deep_cell: voxels a side per token of `Encoding.patch` and of `Encoding.deep`.
        patch_dim, feature_dim, deep_dim: widths of `Encoding.patch`, `.feature` and `.deep`.
        has_attention: whether there is a [CLS] and its attention.
        attention_blocks, attention_heads: how many blocks give that attention, and heads in each; 0 without.
    """

    stride: int
    patch_size: int
    cell: int
    deep_cell: int
    patch_dim: int
    feature_dim: int
    deep_dim: int
    has_attention: bool
    attention_blocks: int
    attention_heads: int

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


def check_image(x: Tensor, in_chans: int, stride: int) -> None:
    """ConfigError unless `x` is (B, in_chans, D, H, W) with sides the stride divides; names the nearest valid sizes."""
    if x.dim() != 5 or x.shape[1] != in_chans:
        raise ConfigError("not a batch of images", expected=f"(B, {in_chans}, D, H, W)", found=tuple(x.shape))
    check_size([int(side) for side in x.shape[2:]], stride)


def check_size(sides: Sequence[int], stride: int) -> None:
    """ConfigError unless there are three sides that the stride divides; names the nearest valid sizes."""
    if not isinstance(sides, (list, tuple)) or len(sides) != 3 or not all(isinstance(side, int) for side in sides):
        raise ConfigError("needs three sides", where="crop size", expected=[stride] * 3, found=sides)
    if any(side < 1 or side % stride for side in sides):
        nearest = sorted({size for side in sides for size in (side // stride * stride, -(-side // stride) * stride)})
        raise ConfigError(
            "crop sides do not fit the encoder",
            expected=f"multiples of {stride}, such as {' or '.join(str(size) for size in nearest if size) or stride}",
            found=" x ".join(map(str, sides)),
            remedy="change the crop size",
        )


def expand_mask(mask: Tensor, x: Tensor, cell: int) -> Tensor:
    """The mask (B, N) of images (B, in_chans, D, H, W) on the grid of tokens of `cell` voxels a side: (B, d, h, w)."""
    if mask.dtype is not torch.bool or mask.shape[0] != x.shape[0]:
        raise ConfigError(
            "not a mask of these images",
            expected=f"bool ({x.shape[0]}, N), True = hidden",
            found=f"{mask.dtype} {tuple(mask.shape)}",
        )
    return expand(mask, grid_of([int(side) for side in x.shape[2:]], cell))


def fill_token(mask_token: Tensor, fill: Fill) -> Tensor:
    """What hidden tokens become; ConfigError for an unknown fill."""
    if fill not in ("mask_token", "zero"):
        raise ConfigError("unknown fill", where="fill", expected="mask_token or zero", found=fill)
    # Zero as a multiple of the token: the parameter stays in the graph, which distributed training asks for.
    return mask_token if fill == "mask_token" else mask_token * 0


class SmartEncoder(Encoder):
    """Swin with a semantic-attention side branch (SMART Fig. 2, DAGMaN Fig. 1D).

    The branch reads the tokens of one stage after its merging; the next stage reads the same tokens, untouched by it.

    Args:
        in_chans, embed_dim, depths, num_heads, window_size, patch_size, mlp_ratio, qkv_bias, drop_path_rate,
        use_checkpoint: the Swin transformer's.
        sa_stage: after which stage semantic attention looks (1 to 4); None leaves it out.
        sa_blocks, sa_heads, layer_scale: of the semantic attention.
        input_mean, input_std: what is taken off the intensities in [0, 1] and what they are divided by. A network that
            learns from few crops of mostly dark lung learns several times faster on centred input.

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
        use_checkpoint: bool = False,
        input_mean: float = 0.0,
        input_std: float = 1.0,
    ) -> None:
        super().__init__()
        if input_std <= 0:
            raise ConfigError("must be above 0", where="input_std", found=input_std)
        if sa_stage not in (1, 2, 3, 4, None):
            raise ConfigError("no such stage", where="sa_stage", expected="1, 2, 3, 4 or null", found=sa_stage)
        self.input_mean, self.input_std = input_mean, input_std
        self.in_chans, self.patch_size, self.tap = in_chans, patch_size, sa_stage or 3
        self.has_attention = sa_stage is not None
        self.attention_blocks, self.attention_heads = (0, 0) if sa_stage is None else (sa_blocks, sa_heads)
        self.stride = self.deep_cell = patch_size * 2**4
        self.cell = patch_size * 2**self.tap
        self.patch_dim, self.deep_dim = embed_dim * 2**self.tap, embed_dim * 2**4
        self.feature_dim = self.deep_dim if sa_stage is None else self.patch_dim
        self.swin = SwinTransformer(
            in_chans, embed_dim, depths, num_heads, window_size, patch_size, mlp_ratio, qkv_bias, drop_path_rate,
            use_checkpoint,
        )  # fmt: skip
        self.mask_token = nn.Parameter(torch.zeros(1, 1, embed_dim))
        self.token_norm = nn.LayerNorm(self.patch_dim, eps=1e-6)
        self.semantic_attention = (
            None if sa_stage is None else SemanticAttention(self.patch_dim, sa_blocks, sa_heads, mlp_ratio, layer_scale)
        )

    def forward(self, x: Tensor, mask: Tensor | None = None, fill: Fill = "mask_token") -> Encoding:
        """See `Encoder.forward`."""
        maps = self._maps(x, mask, fill, stages=4)
        tokens = _tokens(maps[self.tap])
        cls = attention = None
        if self.semantic_attention is not None:
            cls, attention = self.semantic_attention(tokens)
        deep = maps[-1]
        grid = grid_of([int(side) for side in x.shape[2:]], self.cell)
        return Encoding(self.token_norm(tokens), cls, attention, deep.mean((2, 3, 4)), deep, grid)

    def cls_attention(self, x: Tensor, block: int = -1) -> Tensor:
        """See `Encoder.cls_attention`."""
        self.check_block(block)
        assert self.semantic_attention is not None
        maps = self._maps(x, None, "mask_token", stages=self.tap)
        return self.semantic_attention.rows(_tokens(maps[-1]), block)

    def _maps(self, x: Tensor, mask: Tensor | None, fill: Fill, stages: int) -> list[Tensor]:
        check_image(x, self.in_chans, self.stride)
        token = fill_token(self.mask_token, fill)
        x = (x - self.input_mean) / self.input_std
        return self.swin(x, None if mask is None else expand_mask(mask, x, self.patch_size), token, stages)


def _tokens(feature_map: Tensor) -> Tensor:
    """(B, C, d, h, w) -> (B, N, C)."""
    return feature_map.flatten(2).transpose(1, 2)
