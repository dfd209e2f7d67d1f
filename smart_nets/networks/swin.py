"""A 3-D Swin transformer with MONAI's parameter names, an entry for masked tokens, and its attention on request."""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from smart_nets.errors import ConfigError
from smart_nets.networks.blocks import DropPath, Mlp, add, head_dim, init_linear
from smart_nets.networks.grid import Grid
from smart_nets.networks.window_attention import attend, attention_map, reorder
from smart_nets.networks.windows import WindowPlan, Windows, capturing, plan_windows

SCORES = {"cpu": 2**20}  # attention scores at once: 4 MB of float32, which stay in the cache
DEVICE_SCORES = 2**28  # on an accelerator: 1 GB, few large kernels


class PatchEmbed(nn.Module):
    """Cubic patches of voxels to tokens: a linear map of each patch, then LayerNorm."""

    def __init__(self, in_chans: int, embed_dim: int, patch_size: int) -> None:
        super().__init__()
        self.patch_size = patch_size
        self.proj = nn.Conv3d(in_chans, embed_dim, kernel_size=patch_size, stride=patch_size)
        self.norm = nn.LayerNorm(embed_dim)

    def forward(self, x: Tensor) -> Tensor:
        """(B, in_chans, D, H, W) -> (B, D / p, H / p, W / p, C); sides are padded with zeros to whole patches."""
        p = self.patch_size
        if any(side % p for side in x.shape[2:]):
            x = F.pad(x, [pad for side in reversed(x.shape[2:]) for pad in (0, -side % p)])
        channels, (d, h, w) = x.shape[1], [side // p for side in x.shape[2:]]
        # (B, I, d, p, h, p, w, p) -> (B, d, h, w, I * p^3): a strided convolution is a matrix product on the patches.
        x = x.reshape(-1, channels, d, p, h, p, w, p).permute(0, 2, 4, 6, 1, 3, 5, 7).flatten(4)
        return self.norm(F.linear(x, self.proj.weight.flatten(1), self.proj.bias))


class PatchMerging(nn.Module):
    """Eight neighbouring tokens become one of twice the width."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.reduction = nn.Linear(8 * dim, 2 * dim, bias=False)
        self.norm = nn.LayerNorm(8 * dim)

    def forward(self, x: Tensor) -> Tensor:
        """(B, D, H, W, C) -> (B, D / 2, H / 2, W / 2, 2C), sides rounded up: odd ones are padded with zeros."""
        if any(side % 2 for side in x.shape[1:4]):
            x = F.pad(x, [0, 0, *(pad for side in reversed(x.shape[1:4]) for pad in (0, side % 2))])
        (d, h, w), channels = [side // 2 for side in x.shape[1:4]], x.shape[4]
        # (B, d, 2, h, 2, w, 2, C) -> (B, d, h, w, 8C)
        x = x.reshape(-1, d, 2, h, 2, w, 2, channels).permute(0, 1, 3, 5, 2, 4, 6, 7).flatten(4)
        return self.reduction(self.norm(x))


class WindowAttention(nn.Module):
    """Self-attention within windows, with a learned bias per relative position."""

    relative_position_index: Tensor

    def __init__(self, dim: int, heads: int, window: int, qkv_bias: bool) -> None:
        super().__init__()
        self.heads, self.scale = heads, head_dim(dim, heads) ** -0.5
        self.relative_position_bias_table = nn.Parameter(torch.empty((2 * window - 1) ** 3, heads))
        nn.init.trunc_normal_(self.relative_position_bias_table, std=0.02)
        self.register_buffer("relative_position_index", _relative_positions(window))
        self.qkv = nn.Linear(dim, 3 * dim, bias=qkv_bias)
        self.proj = nn.Linear(dim, dim)

    def project(self, x: Tensor, tokens: int) -> Tensor:
        """(B, P, C) -> queries, keys and values of windows of n tokens, (B, windows, n, 3, heads, C / heads)."""
        batch, _, dim = x.shape
        return self.qkv(x).view(batch, -1, tokens, 3, self.heads, dim // self.heads)

    def bias(self, tokens: int) -> Tensor:
        """The bias of each pair of places, (heads, n, n), added to the scores of every window."""
        index = self.relative_position_index[:tokens, :tokens].reshape(-1)
        return self.relative_position_bias_table[index].view(tokens, tokens, self.heads).permute(2, 0, 1)

    def forward(self, x: Tensor, bias: Tensor, mask: Tensor | None) -> Tensor:
        """(B, P, C) in window order, its bias, and the mask (windows, n, n) of shifted windows -> (B, P, C)."""
        return self.proj(attend(self.project(x, bias.shape[-1]), bias, mask, self.scale))


class SwinBlock(nn.Module):
    """Windowed attention and MLP, each after a LayerNorm and around a residual."""

    def __init__(
        self, dim: int, heads: int, window: int, mlp_ratio: float, qkv_bias: bool, drop_path: float, shifted: bool
    ) -> None:
        super().__init__()
        self.shifted = shifted
        self.norm1 = nn.LayerNorm(dim)
        self.attn = WindowAttention(dim, heads, window, qkv_bias)
        self.drop_path = DropPath(drop_path)
        self.norm2 = nn.LayerNorm(dim)
        self.mlp = Mlp(dim, int(dim * mlp_ratio))

    def forward(self, x: Tensor, plan: WindowPlan) -> Tensor:
        """(B, P, C) in the block's window order -> (B, P, C).

        Windows know nothing of each other, so a block may take a few at a time. On a CPU such a piece stays in the
        cache from the first norm to the last sum; on an accelerator pieces bound the memory of the scores.
        """
        gates = self.drop_path.gate(x), self.drop_path.gate(x)
        bias, n = self.attn.bias(plan.tokens), plan.tokens
        at_once = x.shape[0] * self.attn.heads * n * n  # scores of one window of each sample
        step = plan.windows if capturing() else max(1, SCORES.get(x.device.type, DEVICE_SCORES) // at_once)
        pieces = [  # split, since the gradient of slices would be a sum of full-size tensors
            self._windows(piece, plan.slice(i * step, step, self.shifted), bias, gates)
            for i, piece in enumerate(x.split(step * n, dim=1))
        ]
        return torch.cat(pieces, dim=1) if len(pieces) > 1 else pieces[0]

    def _windows(self, x: Tensor, windows: Windows, bias: Tensor, gates: tuple[Tensor | None, Tensor | None]) -> Tensor:
        """The block on some of the windows."""
        x = add(x, self.attn(self.normed(x, windows), bias, windows.mask), gates[0])
        return add(x, self.mlp(self.norm2(x)), gates[1])

    def normed(self, x: Tensor, windows: Windows) -> Tensor:
        """The attention's input: padding is zero after the norm, as MONAI has it."""
        x = self.norm1(x)
        return x if windows.padding is None else x.masked_fill(windows.padding, 0.0)


class Stage(nn.Module):
    """Blocks on one grid, alternately in plain and shifted windows, then patch merging."""

    def __init__(
        self, dim: int, heads: int, window: int, mlp_ratio: float, qkv_bias: bool, drop_path: Sequence[float]
    ) -> None:
        super().__init__()
        self.window, self.use_checkpoint = window, False
        self.blocks = nn.ModuleList(
            SwinBlock(dim, heads, window, mlp_ratio, qkv_bias, rate, shifted=bool(i % 2))
            for i, rate in enumerate(drop_path)
        )
        self.downsample = PatchMerging(dim)

    def enter(self, x: Tensor) -> tuple[Tensor, WindowPlan]:
        """(B, D, H, W, C) -> tokens in plain window order (B, P, C), and the plan."""
        d, h, w = grid = _sides(x)
        plan = plan_windows(grid, self.window, x.device)
        if plan.padded != grid:
            x = F.pad(x, (0, 0, 0, plan.padded[2] - w, 0, plan.padded[1] - h, 0, plan.padded[0] - d))
        return reorder(x.flatten(1, 3), plan.plain, plan.plain_back), plan

    def run(self, x: Tensor, plan: WindowPlan, count: int) -> Tensor:
        """The first `count` blocks. Tokens come in plain order and leave in the order of the next block."""
        for block in self.blocks[:count]:
            if self.use_checkpoint and torch.is_grad_enabled():
                x = checkpoint(block, x, plan, use_reentrant=False)
            else:
                x = block(x, plan)
            if plan.shifted:
                back_and_forth = (plan.shift, plan.shift_back)
                there, back = back_and_forth[::-1] if block.shifted else back_and_forth
                x = reorder(x, there, back)
        return x

    def forward(self, x: Tensor) -> Tensor:
        """(B, D, H, W, C) -> (B, D / 2, H / 2, W / 2, 2C)."""
        d, h, w = _sides(x)
        x, plan = self.enter(x)
        x = self.run(x, plan, len(self.blocks))
        if plan.shifted and len(self.blocks) % 2:
            x = reorder(x, plan.shift_back, plan.shift)
        x = reorder(x, plan.plain_back, plan.plain)
        x = x.view(x.shape[0], *plan.padded, x.shape[-1])[:, :d, :h, :w]
        return self.downsample(x)


class SwinTransformer(nn.Module):
    """3-D Swin transformer with patch merging after every one of its four stages (SMART sec. 3.1 and 4).

    The state dict has the names and shapes of MONAI's `SwinTransformer(..., patch_norm=True, downsample="mergingv2",
    spatial_dims=3)`, so weights load strictly both ways; outputs agree with MONAI's un-normalised ones.

    Args:
        in_chans: channels of the image.
        embed_dim: width of the patch embedding; doubled by each stage.
        depths: blocks per stage.
        num_heads: attention heads per stage.
        window_size: side of a window, in tokens.
        patch_size: side of a patch, in voxels.
        mlp_ratio: hidden width of the MLPs over their width.
        qkv_bias: whether queries, keys and values have a bias.
        drop_path_rate: stochastic depth of the last block; it grows linearly from 0 at the first.
        use_checkpoint: recompute the blocks in the backward pass: less memory, more time.

    Raises:
        ConfigError: not four stages, or heads that do not divide a stage's width.
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
        use_checkpoint: bool = False,
    ) -> None:
        super().__init__()
        if len(depths) != 4 or len(num_heads) != 4:
            raise ConfigError("a Swin encoder has four stages", found=(tuple(depths), tuple(num_heads)))
        self.patch_embed = PatchEmbed(in_chans, embed_dim, patch_size)
        rates = torch.linspace(0, drop_path_rate, sum(depths)).tolist()
        for i, (depth, heads) in enumerate(zip(depths, num_heads, strict=True)):
            first = sum(depths[:i])
            stage = Stage(embed_dim * 2**i, heads, window_size, mlp_ratio, qkv_bias, rates[first : first + depth])
            stage.use_checkpoint = use_checkpoint
            # A list of one, since these are the names in MONAI's checkpoints: layers1.0.blocks.0...
            setattr(self, f"layers{i + 1}", nn.ModuleList([stage]))
        self.apply(init_linear)

    @property
    def stages(self) -> list[Stage]:
        return [self.layers1[0], self.layers2[0], self.layers3[0], self.layers4[0]]  # type: ignore[index,list-item]

    def forward(
        self, x: Tensor, mask: Tensor | None = None, mask_token: Tensor | None = None, stages: int = 4
    ) -> list[Tensor]:
        """Feature maps of the patch embedding and of each stage after its merging.

        Args:
            x: (B, in_chans, D, H, W) image.
            mask: (B, D / patch, H / patch, W / patch) bool, True = hidden.
            mask_token: (1, 1, embed_dim) what hidden tokens become after patch embedding and norm; zeros when None.
            stages: how many stages to run.

        Returns:
            1 + `stages` maps (B, C, d, h, w), halving in side and doubling in width, not normalised.
        """
        maps = [self.embed(x, mask, mask_token)]
        for stage in self.stages[:stages]:
            maps.append(stage(maps[-1]))
        return [each.permute(0, 4, 1, 2, 3) for each in maps]

    def embed(self, x: Tensor, mask: Tensor | None = None, mask_token: Tensor | None = None) -> Tensor:
        """Patch embedding and masking. Returns (B, d, h, w, C)."""
        tokens = self.patch_embed(x)
        if mask is None:
            return tokens
        token = torch.zeros_like(tokens[:1, :1, :1, :1]) if mask_token is None else mask_token.to(tokens.dtype)
        return torch.where(mask.unsqueeze(-1), token.view(1, 1, 1, 1, -1), tokens)

    def attention(
        self, x: Tensor, stage: int, block: int, mask: Tensor | None = None, mask_token: Tensor | None = None
    ) -> Tensor:
        """The softmax attention of one block, for looking at it.

        Args:
            x: (B, in_chans, D, H, W) image.
            stage: 1 to 4.
            block: index within the stage, from 0; odd blocks use shifted windows.
            mask, mask_token: as in `forward`.

        Returns:
            (B, windows, heads, n, n) float32; rows sum to one. Windows are row-major over the (padded, shifted) grid.

        Raises:
            ConfigError: no such stage or block.
        """
        if not 1 <= stage <= 4 or not 0 <= block < len(self.stages[stage - 1].blocks):
            raise ConfigError(
                "no such attention block", expected="stage 1 to 4 and a block of it", found=(stage, block)
            )
        tokens = self.embed(x, mask, mask_token)
        for each in self.stages[: stage - 1]:
            tokens = each(tokens)
        chosen = self.stages[stage - 1]
        tokens, plan = chosen.enter(tokens)
        tokens = chosen.run(tokens, plan, block)
        last: SwinBlock = chosen.blocks[block]  # type: ignore[assignment]
        windows = plan.slice(0, plan.windows, last.shifted)
        qkv = last.attn.project(last.normed(tokens, windows), plan.tokens)
        return attention_map(qkv, last.attn.bias(plan.tokens), windows.mask, last.attn.scale)


def _relative_positions(window: int) -> Tensor:
    """(n, n) row of the bias table for each pair of places in a window of side `window`."""
    axis = torch.arange(window)
    places = torch.stack(torch.meshgrid(axis, axis, axis, indexing="ij")).flatten(1)  # (3, n)
    apart = places[:, :, None] - places[:, None, :] + window - 1  # (3, n, n), each 0 to 2 * window - 2
    span = 2 * window - 1
    return (apart[0] * span + apart[1]) * span + apart[2]


def _sides(x: Tensor) -> Grid:
    """The grid of (B, D, H, W, C) as plain integers, also while tracing."""
    d, h, w = [int(side) for side in x.shape[1:4]]
    return d, h, w
