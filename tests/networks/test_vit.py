"""The ViT comparator keeps the encoders' contract."""

import pytest
import torch

from smart_nets.errors import ConfigError
from smart_nets.networks.comparators.vit import ViTEncoder


def small(**changes):
    return ViTEncoder(**{"img_size": 64, "dim": 24, "depth": 2, "num_heads": 2, **changes})


def test_parameters_at_the_size_of_the_paper():
    with torch.device("meta"):
        net = ViTEncoder()
    assert sum(p.numel() for p in net.parameters()) == 88_597_248 + 768  # and the mask token
    assert net.pos_embed.shape == (1, 513, 768)


def test_contract():
    net = small()
    seen = net(torch.rand(2, 1, 64, 64, 64))
    assert seen.patch.shape == (2, 64, 24) and seen.cls.shape == (2, 24) and seen.attention.shape == (2, 2, 64)
    assert seen.deep.shape == (2, 24, 4, 4, 4) and seen.pooled.shape == (2, 24) and seen.grid == (4, 4, 4)
    assert (net.stride, net.cell, net.deep_cell, net.patch_dim, net.feature_dim, net.deep_dim) == (
        16,
        16,
        16,
        24,
        24,
        24,
    )
    assert seen.feature is seen.cls and seen.satt.sum(1).max() < 1
    assert torch.equal(seen.deep.flatten(2).transpose(1, 2), seen.patch)


def test_attention_is_the_row_of_cls_in_the_last_block():
    net = small().eval()
    inputs = []
    net.blocks[-1].register_forward_pre_hook(lambda module, args: inputs.append(args[0]))
    seen = net(torch.rand(1, 1, 64, 64, 64))
    block = net.blocks[-1]
    q, k, _ = block.attn.qkv(block.norm1(inputs[0])).view(1, 65, 3, 2, 12).permute(2, 0, 3, 1, 4)
    row = (q[:, :, -1:] @ k.transpose(-2, -1) * 12**-0.5).softmax(-1).squeeze(2)
    torch.testing.assert_close(seen.attention, row[..., :-1])


def test_position_embedding_is_interpolated_for_other_crops():
    net = small().eval()
    assert net(torch.rand(1, 1, 32, 64, 96)).deep.shape == (1, 24, 2, 4, 6)
    # A linear ramp from 0 to 3 along depth, asked for at 8 places, is the ramp of cell centres: (i + .5) / 2 - .5,
    # held at its ends.
    ramp = torch.arange(4.0).view(4, 1, 1).expand(4, 4, 4).reshape(1, 64, 1).expand(1, 64, 24)
    net.pos_embed.data = torch.cat([ramp, torch.full((1, 1, 24), 9.0)], dim=1)
    positions = net._positions((8, 4, 4))
    assert positions[0, :-1, 0].view(8, 16)[:, 0].tolist() == [0, 0.25, 0.75, 1.25, 1.75, 2.25, 2.75, 3]
    assert positions[0, -1, 0] == 9
    assert net._positions((4, 4, 4)) is net.pos_embed


@pytest.mark.parametrize(
    "setting", [{"depth": 0}, {"num_heads": 5}, {"img_size": 60}, {"patch_size": 0}, {"drop_path_rate": 1.0}], ids=str
)
def test_settings_that_make_no_sense(setting):
    with pytest.raises(ConfigError):
        small(**setting)
