"""The parts of a Swin stage: patch embedding, windowed attention blocks, patch merging."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from smart_nets.networks.blocks import DropPath, Mlp, add, head_dim
from smart_nets.networks.window_attention import attend_windows
from smart_nets.networks.windows import WindowPlan, Windows, capturing

CPU_SCORES = 2**19  # attention scores a block computes at once per thread: 2 MB of float32, which stay in the cache
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
        return self.proj(attend_windows(self.project(x, bias.shape[-1]), bias, mask, self.scale))


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
        at_once = plan.windows
        if not capturing():
            limit = CPU_SCORES * torch.get_num_threads() if x.device.type == "cpu" else DEVICE_SCORES
            at_once = max(1, limit // (x.shape[0] * self.attn.heads * n * n))
        pieces = [  # of split(), since the gradient of a slice would be a tensor of full size
            self._windows(piece, plan.slice(i * at_once, at_once, self.shifted), bias, gates)
            for i, piece in enumerate(x.split(at_once * n, dim=1))
        ]
        return torch.cat(pieces, dim=1) if len(pieces) > 1 else pieces[0]

    def attention_input(self, x: Tensor, windows: Windows) -> Tensor:
        """The normed tokens, with padding set to zero after the norm, as MONAI has it."""
        x = self.norm1(x)
        return x if windows.padding is None else x.masked_fill(windows.padding, 0.0)

    def _windows(self, x: Tensor, windows: Windows, bias: Tensor, gates: tuple[Tensor | None, Tensor | None]) -> Tensor:
        """The block on some of the windows."""
        x = add(x, self.attn(self.attention_input(x, windows), bias, windows.mask), gates[0])
        return add(x, self.mlp(self.norm2(x)), gates[1])


def _relative_positions(window: int) -> Tensor:
    """(n, n) row of the bias table for each pair of places in a window of side `window`."""
    axis = torch.arange(window)
    places = torch.stack(torch.meshgrid(axis, axis, axis, indexing="ij")).flatten(1)  # (3, n)
    apart = places[:, :, None] - places[:, None, :] + window - 1  # (3, n, n), each 0 to 2 * window - 2
    span = 2 * window - 1
    return (apart[0] * span + apart[1]) * span + apart[2]
