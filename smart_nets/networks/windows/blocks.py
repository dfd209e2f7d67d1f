"""The parts of a Swin stage: patch embedding, windowed attention blocks, patch merging."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from smart_nets.networks.blocks import DropPath, Mlp, add, head_dim
from smart_nets.networks.windows.attention import attend_windows
from smart_nets.networks.windows.pieces import in_pieces
from smart_nets.networks.windows.plan import WindowPlan, capturing
from smart_nets.networks.windows.route import Hop

CPU_SCORES = 2**19  # attention scores of a piece: 2 MB of float32, which stay in the cache
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
            x = F.pad(x, [0, 0, *[pad for side in reversed(x.shape[1:4]) for pad in (0, side % 2)]])
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

    def project(self, x: Tensor) -> Tensor:
        """Windows of n tokens (R, n, C) -> their queries, keys and values (R, n, 3, heads, C / heads)."""
        return self.qkv(x).unflatten(2, (3, self.heads, -1))

    def bias(self, tokens: int) -> Tensor:
        """The bias of each pair of places, (heads, n, n), added to the scores of every window."""
        index = self.relative_position_index[:tokens, :tokens].reshape(-1)
        return self.relative_position_bias_table[index].view(tokens, tokens, self.heads).permute(2, 0, 1)

    def forward(self, x: Tensor, bias: Tensor, masks: Tensor, kind: Tensor) -> Tensor:
        """(R, n, C), the bias, and which of the additive masks (kinds, n, n) each window has (R,) -> (R, n, C)."""
        return self.proj(attend_windows(self.project(x), bias, masks, kind, self.scale))


class SwinBlock(nn.Module):
    """Windowed attention and MLP, each after a LayerNorm and around a residual."""

    def __init__(
        self,
        dim: int,
        heads: int,
        window: int,
        mlp_ratio: float,
        qkv_bias: bool,
        drop_path: float,
        shifted: bool,
        use_checkpoint: bool,
    ) -> None:
        super().__init__()
        self.shifted, self.use_checkpoint = shifted, use_checkpoint
        self.norm1 = nn.LayerNorm(dim)
        self.attn = WindowAttention(dim, heads, window, qkv_bias)
        self.drop_path = DropPath(drop_path)
        self.norm2 = nn.LayerNorm(dim)
        self.mlp = Mlp(dim, int(dim * mlp_ratio))

    def forward(self, x: Tensor, plan: WindowPlan, hop: Hop) -> Tensor:
        """The windows that `hop` names, (R, n, C) -> (R, n, C).

        Windows know nothing of each other, so a block may take a few at a time. On a CPU such a piece stays in the cache
        of its core from the first norm to the last sum; on an accelerator pieces bound the memory of the scores.
        """
        gates = [None if gate is None else gate[hop.sample] for gate in self._gates(x, hop)]
        bias = self.attn.bias(plan.tokens)

        def step(piece: Tensor, rows: slice) -> Tensor:
            return self._windows(piece, plan, hop.window[rows], bias, [g if g is None else g[rows] for g in gates])

        shared = [bias, *(each for each in self.parameters() if each is not self.attn.relative_position_bias_table)]
        return in_pieces(step, x, self._at_once(x, plan), shared, keep=not self.use_checkpoint)

    def attention_input(self, x: Tensor, plan: WindowPlan, window: Tensor) -> Tensor:
        """The normed tokens (R, n, C) of these windows, with padding set to zero after the norm, as MONAI has it."""
        x = self.norm1(x)
        return x if plan.padding is None else x.masked_fill(plan.padding[self.shifted][window], 0.0)

    def _windows(self, x: Tensor, plan: WindowPlan, window: Tensor, bias: Tensor, gates: list[Tensor | None]) -> Tensor:
        """The block on some of the windows."""
        masks, kind = plan.masks[self.shifted], plan.kind[self.shifted][window]
        x = add(x, self.attn(self.attention_input(x, plan, window), bias, masks, kind), gates[0])
        return add(x, self.mlp(self.norm2(x)), gates[1])

    def _gates(self, x: Tensor, hop: Hop) -> list[Tensor | None]:
        """Of both branches: each scan's factor (B, 1, 1), or None."""
        if not self.training or self.drop_path.rate == 0:
            return [None, None]
        scans = x.new_empty(hop.batch, 1, 1)
        return [self.drop_path.gate(scans), self.drop_path.gate(scans)]

    def _at_once(self, x: Tensor, plan: WindowPlan) -> int | None:
        """How many windows a piece has; all while a graph is being captured."""
        if capturing():
            return None
        limit = CPU_SCORES if x.device.type == "cpu" else DEVICE_SCORES
        return max(1, limit // (self.attn.heads * plan.tokens**2))


def _relative_positions(window: int) -> Tensor:
    """(n, n) row of the bias table for each pair of places in a window of side `window`."""
    axis = torch.arange(window)
    places = torch.stack(torch.meshgrid(axis, axis, axis, indexing="ij")).flatten(1)  # (3, n)
    apart = places[:, :, None] - places[:, None, :] + window - 1  # (3, n, n), each 0 to 2 * window - 2
    span = 2 * window - 1
    return (apart[0] * span + apart[1]) * span + apart[2]
