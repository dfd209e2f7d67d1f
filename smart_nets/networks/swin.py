"""A 3-D Swin transformer with MONAI's parameter names, an entry for masked tokens, and its attention on request."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from smart_nets.errors import ConfigError
from smart_nets.networks.blocks import drop_path_rates, linear_std
from smart_nets.networks.windows.attention import window_weights
from smart_nets.networks.windows.blocks import PatchEmbed, PatchMerging, SwinBlock
from smart_nets.networks.windows.plan import WindowPlan, capturing, plan_windows
from smart_nets.networks.windows.route import Route, find_route, move


class Stage(nn.Module):
    """Blocks on one grid, alternately in plain and shifted windows, then patch merging."""

    def __init__(
        self,
        dim: int,
        heads: int,
        window: int,
        mlp_ratio: float,
        qkv_bias: bool,
        drop_path: Sequence[float],
        use_checkpoint: bool,
    ) -> None:
        super().__init__()
        self.window = window
        self.blocks = nn.ModuleList(
            SwinBlock(dim, heads, window, mlp_ratio, qkv_bias, rate, bool(i % 2), use_checkpoint)
            for i, rate in enumerate(drop_path)
        )
        self.downsample = PatchMerging(dim)

    def forward(self, x: Tensor) -> Tensor:
        """(B, D, H, W, C) -> (B, D / 2, H / 2, W / 2, 2C)."""
        return self.downsample(self.unmerged(x))

    def unmerged(self, x: Tensor, hidden: Tensor | None = None) -> Tensor:
        """All blocks, before the merging: (B, D, H, W, C), same shape. `hidden` tokens (B, D, H, W) enter equal."""
        batch, (d, h, w) = x.shape[0], [int(side) for side in x.shape[1:4]]
        x, plan, route = self.run(x, len(self.blocks), hidden)
        x = move(x.flatten(0, 1), *route.leave)
        return x.view(batch, *plan.padded, -1)[:, :d, :h, :w]  # (B * P, C) -> (B, D, H, W, C)

    def run(self, x: Tensor, count: int, hidden: Tensor | None = None) -> tuple[Tensor, WindowPlan, Route]:
        """The first `count` blocks: (B, D, H, W, C) -> windows (R, n, C) of the last, or grids (B, P, C); plan, route."""
        d, h, w = [int(side) for side in x.shape[1:4]]  # plain integers, also while tracing
        plan = plan_windows((d, h, w), self.window, x.device)
        if plan.padded != (d, h, w):
            more = (0, plan.padded[2] - w, 0, plan.padded[1] - h, 0, plan.padded[0] - d)
            x = F.pad(x, (0, 0, *more))
            hidden = None if hidden is None else F.pad(hidden, more)
        x = x.flatten(1, 3)  # (B, P, C)
        route = find_route(plan, x, len(self.blocks), None if hidden is None else hidden.flatten(1))
        for i in range(count):
            x = self.blocks[i](self.arrange(x, plan, route, i), plan, route.hops[i])
        return x, plan, route

    def arrange(self, x: Tensor, plan: WindowPlan, route: Route, block: int) -> Tensor:
        """Tokens (..., C) as they left the block before, or the grids, as the windows (R, n, C) of `block`."""
        source, inverse = route.hops[block][:2]
        if block and inverse is not None and not plan.shifted:
            return x  # all blocks have the same windows
        return move(x.flatten(0, 1), source, inverse).view(-1, plan.tokens, x.shape[-1])


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
        init_gain: linear layers start with standard deviation init_gain / sqrt(inputs); None is Swin's 0.02 whatever the
            width. That was made for widths of hundreds: at 24 every branch starts nearly silent, and learns late.

    Raises:
        ConfigError: not four stages, a size that is not positive, or heads that do not divide a stage's width.
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
        init_gain: float | None = None,
    ) -> None:
        super().__init__()
        if len(depths) != 4 or len(num_heads) != 4:
            raise ConfigError("a Swin encoder has four stages", found=(tuple(depths), tuple(num_heads)))
        if min(in_chans, embed_dim, *depths, window_size, patch_size) < 1:
            found = (in_chans, embed_dim, tuple(depths), window_size, patch_size)
            raise ConfigError("channels, widths, depths, window and patch must be positive", found=found)
        self.patch_embed = PatchEmbed(in_chans, embed_dim, patch_size)
        rates = drop_path_rates(drop_path_rate, sum(depths))
        for i, (depth, heads) in enumerate(zip(depths, num_heads, strict=True)):
            first = sum(depths[:i])
            stage = Stage(
                embed_dim * 2**i, heads, window_size, mlp_ratio, qkv_bias, rates[first : first + depth], use_checkpoint
            )
            # A list of one, since these are the names in MONAI's checkpoints: layers1.0.blocks.0...
            setattr(self, f"layers{i + 1}", nn.ModuleList([stage]))
        for module in self.modules():
            # Biases keep their random start. Were they zero, a region hidden whole would stay exactly zero from block
            # to block, and the gradient of every LayerNorm at zero is 1 / sqrt(eps) = 316 times what it is elsewhere:
            # the first gradients of masked training would have a norm of 7e5 instead of 1, all of it in the mask token.
            if isinstance(module, nn.Linear):
                nn.init.trunc_normal_(module.weight, std=linear_std(module, init_gain))

    @property
    def stages(self) -> list[Stage]:
        return [cast(Stage, getattr(self, f"layers{i}")[0]) for i in (1, 2, 3, 4)]

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
        return self.both(x, mask, mask_token, stages)[0]

    def both(
        self, x: Tensor, mask: Tensor | None = None, mask_token: Tensor | None = None, stages: int = 4
    ) -> tuple[list[Tensor], list[Tensor]]:
        """As `forward`, and the `stages` maps before their merging: (B, C, 2d, 2h, 2w) of half the width."""
        maps, unmerged = [self.embed(x, mask, mask_token)], []
        for number, stage in enumerate(self.stages[:stages]):
            unmerged.append(stage.unmerged(maps[-1], None if number or mask is None else _plain(mask)))
            maps.append(stage.downsample(unmerged[-1]))
        first = [each.permute(0, 4, 1, 2, 3) for each in maps]  # (B, d, h, w, C) -> (B, C, d, h, w)
        return first, [each.permute(0, 4, 1, 2, 3) for each in unmerged]

    def embed(self, x: Tensor, mask: Tensor | None = None, mask_token: Tensor | None = None) -> Tensor:
        """Patch embedding and masking. Returns (B, d, h, w, C)."""
        x, mask = _plain(x), None if mask is None else _plain(mask)
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
        tokens, plan, route = chosen.run(tokens, block)
        tokens = chosen.arrange(tokens, plan, route, block)
        last = cast(SwinBlock, chosen.blocks[block])
        window = route.hops[block].window
        qkv = last.attn.project(last.attention_input(tokens, plan, window))
        mask = plan.masks[last.shifted][plan.kind[last.shifted][window]]
        weights = window_weights(qkv, last.attn.bias(plan.tokens), mask, last.attn.scale)
        return weights.unflatten(0, (x.shape[0], -1))  # (B * W, heads, n, n) -> (B, W, heads, n, n)


def _plain(x: Tensor) -> Tensor:
    """MONAI's MetaTensor as a plain one: it tells where it lies, which helps no token."""
    return x if capturing() else x.as_subclass(Tensor)
