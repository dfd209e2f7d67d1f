"""What each loss looks at: which of an encoder's outputs, how wide, and on which cells."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

import torch.nn.functional as F
from torch import Tensor

from smart_nets.errors import ConfigError
from smart_nets.networks.cells import Grid, cell_of, grid_of
from smart_nets.networks.encoder import Encoder, Encoding
from smart_nets.pretrain.masking import resample_mask
from smart_nets.settings import one_of

Merged = Literal["merged", "pre_merge"]
Deep = Literal["pooled", "patch", "stages"]
CHOICES = {"ampd_tap": get_args(Merged), "gitd_tap": get_args(Deep), "image_tap": get_args(Merged)}


@dataclass(frozen=True)
class Taps:
    """Where the losses tap the encoder.

    Args:
        ampd: the tokens AMPD compares: "merged", those that semantic attention reads (SMIT, DAGMaN Fig. 6), or "pre_merge",
            the same stage before its merging: half the width on twice the grid (SMART sec. 3.2, to the letter).
        gitd: "pooled" stage 4 (eq. 4), "patch" tokens' mean (SMIT's code), or all "stages" joined.
        image_stage: the map the image head paints from: 4 (SMART), or an earlier one with smaller cells; ViT has one.
        image: "merged", or the last stage's tokens "pre_merge": half the cell, an eighth of the voxels to paint from one.
    """

    ampd: Merged = "merged"
    gitd: Deep = "pooled"
    image_stage: int = 4
    image: Merged = "merged"

    def check(self, encoder: Encoder) -> None:
        """ConfigError for a name that is not known, and for what this encoder does not have."""
        for name, value in {"ampd_tap": self.ampd, "gitd_tap": self.gitd, "image_tap": self.image}.items():
            one_of(name, value, CHOICES[name])
        if self.image_stage not in (1, 2, 3, 4):
            raise ConfigError("no such stage", where="image_stage", expected="1, 2, 3 or 4", found=self.image_stage)
        if self.image == "pre_merge" and self.image_stage != 4:
            what, where = "is told for the last stage only", "image_tap, image_stage"
            raise ConfigError(what, where=where, expected="stage 4 with pre_merge", found=self.image_stage)
        if "pre_merge" in (self.ampd, self.image) and len(encoder.map_dims) == 1:
            what, where = "this encoder merges nothing", "ampd_tap, image_tap"
            raise ConfigError(what, where=where, expected="merged", found="pre_merge")

    def dims(self, encoder: Encoder) -> dict[str, int]:
        """Width of what each distillation loss compares."""
        deep = {"pooled": encoder.deep_dim, "patch": encoder.patch_dim, "stages": encoder.stages_dim}[self.gitd]
        tokens = encoder.patch_dim // (1 if self.ampd == "merged" else 2)
        return {"ampd": tokens, "aitd": encoder.feature_dim, "gitd": deep}

    def image_map(self, encoder: Encoder) -> tuple[int, int]:
        """Width of the map the image head paints from, and the voxels a side that one of its tokens covers."""
        stage = min(self.image_stage, len(encoder.map_dims) - 1)
        halves = 1 if self.image == "merged" else 2
        return encoder.map_dims[stage] // halves, encoder.map_cells[stage] // halves

    def distilled(self, encoding: Encoding) -> dict[str, Tensor | None]:
        """What each distillation loss compares: ampd (B, N, C), aitd (B, C) or None, gitd (B, C)."""
        return {"ampd": self.tokens(encoding)[0], "aitd": encoding.cls, "gitd": self.deep(encoding)}

    def deep(self, encoding: Encoding) -> Tensor:
        """What GITD compares (B, C)."""
        if self.gitd == "patch":
            return encoding.patch.mean(1)
        return encoding.pooled if self.gitd == "pooled" else encoding.stages

    def tokens(self, encoding: Encoding) -> tuple[Tensor, Grid]:
        """The tokens (B, N, C) of AMPD, and their grid."""
        if self.ampd == "merged" or encoding.unmerged is None:
            return encoding.patch, encoding.grid
        before = encoding.unmerged[0]
        d, h, w = before.shape[2:]
        tokens = before.flatten(2).transpose(1, 2)  # (B, C, d, h, w) -> (B, N, C)
        return F.layer_norm(tokens, tokens.shape[-1:]), (d, h, w)

    def hidden(self, encoding: Encoding, hidden: Tensor, cell: int) -> Tensor:
        """Which of AMPD's tokens a mask (S, M) hides, (S, N) bool; `cell` is the encoder's."""
        size = [side * cell for side in encoding.grid]
        return resample_mask(hidden, grid_of(size, cell_of(hidden, size)), self.tokens(encoding)[1])

    def painted_from(self, encoding: Encoding) -> Tensor:
        """The map (B, C, d, h, w) the image head reads."""
        if self.image == "pre_merge" and encoding.unmerged is not None:
            return encoding.unmerged[1]
        return encoding.maps[min(self.image_stage, len(encoding.maps) - 1)]
