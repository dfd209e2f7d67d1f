"""A Swin encoder under a U-Net decoder: the network of tumours and organs, laid out as MONAI's SwinUNETR."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

import torch
import torch.nn.functional as F
from monai.networks.blocks import UnetOutBlock, UnetrBasicBlock, UnetrUpBlock
from torch import Tensor, nn

from smart_nets.errors import ConfigError
from smart_nets.networks.attention_net import attention_map
from smart_nets.networks.encoder import Encoder, Encoding
from smart_nets.networks.inputs import check_size

LEVELS = 5  # maps of the encoder, from the patch embedding to the last merging


class Segmenter(nn.Module):
    """SwinUNETR's decoder (Hatamizadeh et al., 2022) on the maps of an encoder of this project (DAGMaN task 2).

    The convolutions bear the names they have in MONAI's `SwinUNETR` (encoder1, decoder5 ... out), so that
    `swin_unetr_state` moves all weights there without a table of names. As there, each map is normalised over its channels
    before the decoder reads it, and the first convolutions read the image itself.

    Args:
        encoder: Swin with or without semantic attention, patches of 2 voxels; `start_encoder` puts pretrained weights in.
        classes: channels of the answer, the background being the first.
        frozen: the encoder stays in evaluation mode and gets no gradient.
        deep_supervision: while training, answers at a half and a quarter of the resolution, too.

    Raises:
        ConfigError: an encoder without such maps, or fewer than two classes.
    """

    def __init__(
        self, encoder: Encoder, classes: int = 2, frozen: bool = False, deep_supervision: bool = False
    ) -> None:
        super().__init__()
        widths, cells = encoder.map_dims, encoder.map_cells
        if cells != tuple(2 ** (1 + level) for level in range(LEVELS)):
            expected, found = "maps of 2, 4, 8, 16 and 32 voxels a token", ", ".join(map(str, cells))
            what, remedy = "the decoder does not fit this encoder", "take a Swin encoder with patches of 2 voxels"
            raise ConfigError(what, where="architecture", expected=expected, found=found, remedy=remedy)
        if classes < 2:
            raise ConfigError("needs the background and one class or more", where="classes", found=classes)
        self.encoder, self.classes, self.frozen = encoder, classes, frozen
        self.stride = encoder.stride
        channels, first = int(getattr(encoder, "in_chans", 1)), widths[0]
        self.encoder1 = _block(channels, first)
        self.encoder2 = _block(first, first)
        self.encoder3 = _block(widths[1], widths[1])
        self.encoder4 = _block(widths[2], widths[2])
        self.encoder10 = _block(widths[4], widths[4])
        self.decoder5 = _up(widths[4], widths[3])
        self.decoder4 = _up(widths[3], widths[2])
        self.decoder3 = _up(widths[2], widths[1])
        self.decoder2 = _up(widths[1], first)
        self.decoder1 = _up(first, first)
        self.out = UnetOutBlock(3, first, classes)
        coarse = [UnetOutBlock(3, first, classes), UnetOutBlock(3, widths[1], classes)] if deep_supervision else []
        self.coarse = nn.ModuleList(coarse)
        if frozen:
            encoder.requires_grad_(False)
        self.train()

    def train(self, mode: bool = True) -> Segmenter:
        """As any module, but a frozen encoder stays in evaluation mode: no stochastic depth."""
        super().train(mode)
        if self.frozen:
            self.encoder.eval()
        return self

    def forward(self, image: Tensor) -> Tensor | list[Tensor]:
        """(B, 1, D, H, W) in [0, 1] -> scores (B, classes, D, H, W) before the softmax.

        With deep supervision, while training, a list: these scores, and those at a half and a quarter of the resolution.
        """
        image = image.as_subclass(Tensor) if not torch.jit.is_tracing() else image
        return self.decode(image, self.encoder(image))

    def look(self, image: Tensor) -> tuple[Tensor, Tensor]:
        """The scores and the encoder's attention map (B, 1, D, H, W), 1 = even; ConfigError without semantic attention."""
        encoding = self.encoder(image)
        scores = self.decode(image, encoding)
        return cast(Tensor, scores[0] if isinstance(scores, list) else scores), attention_map(encoding, image)

    def decode(self, image: Tensor, encoding: Encoding) -> Tensor | list[Tensor]:
        """What `forward` gives, of maps that are there already."""
        maps = [_normalised(one) for one in encoding.maps]
        deep = self.decoder5(self.encoder10(maps[4]), maps[3])  # (B, 16C, D / 32, ...) -> (B, 8C, D / 16, ...)
        eighth = self.decoder4(deep, self.encoder4(maps[2]))
        quarter = self.decoder3(eighth, self.encoder3(maps[1]))
        half = self.decoder2(quarter, self.encoder2(maps[0]))
        full: Tensor = self.out(self.decoder1(half, self.encoder1(image)))
        if not (self.training and len(self.coarse)):
            return full
        return [full, self.coarse[0](half), self.coarse[1](quarter)]


def swin_unetr_state(network: Segmenter) -> dict[str, Tensor]:
    """The weights under the names of MONAI's `SwinUNETR(..., downsample="mergingv2", patch_norm=True)`, for the same answers.

    Centring of the image, which MONAI's network has not, goes into the patch embedding. Semantic attention and the answers
    of deep supervision have no place there and stay behind.

    Raises:
        ConfigError: the encoder is no Swin, or of a width that MONAI's network does not take.
    """
    state = network.state_dict()
    width = int(network.encoder.map_dims[0])
    if not any(name.startswith("encoder.swin.") for name in state):
        raise ConfigError(
            "is no Swin", where="encoder", found=type(network.encoder).__name__, remedy="take a Swin encoder"
        )
    if width % 12:
        expected, remedy = "a multiple of 12", "pretrain with --embed_dim 24"
        raise ConfigError("MONAI's SwinUNETR is not made of this width", where="embed_dim", expected=expected,
                          found=width, remedy=remedy)  # fmt: skip
    found = {}
    for name, value in state.items():
        if name.startswith("encoder.swin."):
            found["swinViT." + name.removeprefix("encoder.swin.")] = value.clone()
        elif not name.startswith(("encoder.", "coarse.")):
            found[name] = value.clone()
    mean, std = (float(getattr(network.encoder, name, value)) for name, value in (("input_mean", 0), ("input_std", 1)))
    fold_centring(found, "swinViT.patch_embed.proj.", mean, std)
    return found


def fold_centring(state: dict[str, Tensor], place: str, mean: float, std: float) -> None:
    """Fold (x - mean) / std into a patch embedding: its patches touch without overlap or padding, so this is exact.

    Args:
        place: what the names of its weight and bias begin with.
    """
    weight, bias = f"{place}weight", f"{place}bias"
    state[weight] = state[weight] / std
    state[bias] = state[bias] - mean * state[weight].sum((1, 2, 3, 4))  # (C, in_chans, p, p, p) -> (C,)


def _normalised(one: Tensor) -> Tensor:
    """Each token's channels to mean 0 and variance 1, as MONAI's `SwinTransformer(normalize=True)` gives them."""
    return F.layer_norm(one.permute(0, 2, 3, 4, 1), [one.shape[1]]).permute(
        0, 4, 1, 2, 3
    )  # (B, C, d, h, w), same shape


def _block(inside: int, outside: int) -> nn.Module:
    return cast(
        nn.Module, UnetrBasicBlock(3, inside, outside, kernel_size=3, stride=1, norm_name="instance", res_block=True)
    )


def _up(inside: int, outside: int) -> nn.Module:
    return cast(
        nn.Module,
        UnetrUpBlock(3, inside, outside, kernel_size=3, upsample_kernel_size=2, norm_name="instance", res_block=True),
    )


def check_patch(sides: Sequence[int], stride: int) -> None:
    """ConfigError unless the stride divides three sides, and the deepest map holds two tokens or more.

    The decoder normalises every channel over a patch's voxels: of a single one nothing would be left.
    """
    check_size(sides, stride)
    if all(side == stride for side in sides):
        expected, found = f"{2 * stride} or more along one axis", " x ".join(map(str, sides))
        raise ConfigError("is too small for the decoder", where="crop_size", expected=expected, found=found)
