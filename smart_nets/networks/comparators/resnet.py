"""MONAI's 3-D ResNet under the contract of the encoders: the baseline of classification from scratch (DAGMaN p. 6)."""

from __future__ import annotations

from typing import Any

from monai.networks.nets import resnet
from torch import Tensor

from smart_nets.errors import ConfigError
from smart_nets.networks.cells import grid_of
from smart_nets.networks.encoder import Encoder, Encoding
from smart_nets.networks.inputs import Fill, check_image

WIDTHS = {18: 512, 34: 512, 50: 2048, 101: 2048}  # of the last stage
CELL = 16  # voxels a side of a token of the last stage


class ResNetEncoder(Encoder):
    """A residual network; it has neither [CLS] nor masks, so it can be trained on labels, and not pretrained here.

    Args:
        depth: 18, 34, 50 or 101 layers.
        in_chans: channels of the image.

    Raises:
        ConfigError: another depth.
    """

    def __init__(self, depth: int = 50, in_chans: int = 1) -> None:
        super().__init__()
        if depth not in WIDTHS:
            raise ConfigError("no such depth", where="depth", expected=" or ".join(map(str, WIDTHS)), found=depth)
        self.in_chans, self.patch_size, self.has_attention = in_chans, 2, False
        self.attention_blocks = self.attention_heads = 0
        self.stride = self.cell = self.deep_cell = CELL
        self.patch_dim = self.feature_dim = self.deep_dim = WIDTHS[depth]
        self.map_dims, self.map_cells = (WIDTHS[depth],), (CELL,)
        make: Any = getattr(resnet, f"resnet{depth}")
        self.net = make(spatial_dims=3, n_input_channels=in_chans, num_classes=1, feed_forward=False)

    def forward(self, x: Tensor, mask: Tensor | None = None, fill: Fill = "mask_token") -> Encoding:
        """See `Encoder.forward`. ConfigError: there is a mask."""
        check_image(x, self.in_chans, self.stride)
        if mask is not None:
            raise ConfigError("a ResNet has no mask token", where="mask", remedy="pretrain SmartEncoder or ViTEncoder")
        net = self.net
        deep = net.maxpool(net.act(net.bn1(net.conv1(x)))) if not net.no_max_pool else net.act(net.bn1(net.conv1(x)))
        for layer in (net.layer1, net.layer2, net.layer3, net.layer4):
            deep = layer(deep)
        patch, grid = deep.flatten(2).transpose(1, 2), grid_of([int(side) for side in x.shape[2:]], self.cell)
        return Encoding(
            patch, None, None, deep.mean((2, 3, 4)), deep, grid, (deep,)
        )  # patch: (B, C, d, h, w) -> (B, N, C)

    def cls_attention(self, x: Tensor, block: int = -1) -> Tensor:
        """See `Encoder.cls_attention`: there is none."""
        self.check_block(block)
        raise AssertionError("check_block refuses an encoder without attention")
