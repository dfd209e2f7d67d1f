"""The Swin transformer gives MONAI's numbers under MONAI's names, and adds masking and attention maps."""

import pytest
import torch
from monai.data import MetaTensor
from monai.networks.nets.swin_unetr import SwinTransformer as MonaiSwin

from smart_nets.errors import ConfigError
from smart_nets.networks.swin import SwinTransformer
from smart_nets.networks.windows import blocks


def pair(embed_dim=48, depths=(2, 2, 8, 2), num_heads=(4, 4, 8, 16), window=4, qkv_bias=True):
    """Ours and MONAI's, with the same weights, none of them at its trivial initial value."""
    ours = SwinTransformer(1, embed_dim, depths, num_heads, window, qkv_bias=qkv_bias, drop_path_rate=0.0)
    theirs = MonaiSwin(
        in_chans=1,
        embed_dim=embed_dim,
        window_size=(window,) * 3,
        patch_size=(2, 2, 2),
        depths=depths,
        num_heads=num_heads,
        qkv_bias=qkv_bias,
        patch_norm=True,
        spatial_dims=3,
        downsample="mergingv2",
    )
    for parameter in ours.parameters():
        torch.nn.init.normal_(parameter, std=0.05)
    theirs.load_state_dict(ours.state_dict(), strict=True)
    return ours, theirs


def test_names_shapes_and_order_are_monais():
    ours, theirs = pair()
    mine, other = ours.state_dict(), theirs.state_dict()
    assert list(mine) == list(other)
    assert all(mine[name].shape == other[name].shape and mine[name].dtype == other[name].dtype for name in mine)
    ours.load_state_dict(other, strict=True)


@pytest.mark.parametrize(("bias", "parameters"), [(True, 10_571_968), (False, 10_564_192)])
def test_parameter_counts(bias, parameters):
    assert sum(p.numel() for p in SwinTransformer(qkv_bias=bias).parameters()) == parameters


@pytest.mark.parametrize(
    ("size", "embed_dim", "depths"),
    [
        ((64, 64, 64), 48, (2, 2, 8, 2)),
        ((96, 96, 96), 48, (2, 1, 1, 2)),  # stage 4 is 6^3, padded to 8^3
        ((128, 128, 128), 16, (1, 2, 1, 1)),
        ((32, 64, 96), 16, (2, 2, 3, 2)),  # windows of 2 x 4 x 4 and shifts along some sides only
        ((48, 48, 48), 16, (2, 2, 2, 2)),  # stage 4 is 3^3: merging pads odd sides
        ((33, 40, 31), 16, (2, 1, 2, 1)),  # patches are padded too
    ],
)
@torch.no_grad()
def test_feature_maps_are_monais(size, embed_dim, depths):
    ours, theirs = pair(embed_dim, depths)
    x = torch.rand(1, 1, *size)
    for mine, other in zip(ours(x), theirs(x, normalize=False), strict=True):
        assert mine.shape == other.shape
        torch.testing.assert_close(mine, other, atol=1e-5, rtol=1e-6)


def test_gradients_are_monais():
    ours, theirs = (net.double() for net in pair(embed_dim=16, depths=(2, 1, 2, 2), num_heads=(2, 2, 4, 4)))
    x = torch.rand(2, 1, 32, 64, 96, dtype=torch.float64)
    weights = [torch.randn_like(feature) for feature in ours(x)]
    for maps in (ours(x), theirs(x, normalize=False)):
        sum((feature * weight).sum() for feature, weight in zip(maps, weights, strict=True)).backward()
    other = dict(theirs.named_parameters())
    for name, parameter in ours.named_parameters():
        torch.testing.assert_close(parameter.grad, other[name].grad, atol=1e-10, rtol=1e-10, msg=name)


def test_grids_at_the_size_of_the_paper():
    # SMART: 128^3 crops, patches of 2^3, merging after all four stages.
    maps = SwinTransformer(embed_dim=4, depths=(1, 1, 1, 1), num_heads=(1, 1, 1, 1))(torch.rand(1, 1, 128, 128, 128))
    assert [tuple(feature.shape[1:]) for feature in maps] == [
        (4, 64, 64, 64),
        (8, 32, 32, 32),
        (16, 16, 16, 16),
        (32, 8, 8, 8),
        (64, 4, 4, 4),
    ]


def small(**changes):
    return SwinTransformer(embed_dim=12, depths=(2, 1, 1, 1), num_heads=(1, 2, 2, 2), **changes)


def test_windows_taken_a_few_at_a_time_change_nothing(monkeypatch):
    net, x = small(drop_path_rate=0.0), torch.rand(2, 1, 32, 32, 32)
    results = []
    for scores in (1, 2**30):
        monkeypatch.setattr(blocks, "CPU_SCORES", scores)
        net.zero_grad()
        deep = net(x)[-1]
        deep.square().sum().backward()
        results.append([deep, *(parameter.grad for parameter in net.parameters())])
    for one, other in zip(*results, strict=True):
        torch.testing.assert_close(one, other)


def test_checkpointing_changes_nothing_but_memory():
    plain, thrifty = small(drop_path_rate=0.5), small(drop_path_rate=0.5, use_checkpoint=True)
    thrifty.load_state_dict(plain.state_dict())
    x = torch.rand(2, 1, 32, 32, 32)
    for net in (plain, thrifty):
        torch.manual_seed(1)  # the same branches are dropped
        net(x)[-1].square().sum().backward()
    for one, other in zip(plain.parameters(), thrifty.parameters(), strict=True):
        torch.testing.assert_close(one.grad, other.grad)


def test_monais_tensors_pass_in_pieces_too(monkeypatch):
    monkeypatch.setattr(blocks, "CPU_SCORES", 2**14)
    net, x = small().eval(), torch.rand(2, 1, 32, 32, 32)
    assert torch.equal(net(MetaTensor(x))[-1], net(x)[-1])
    mask = torch.rand(2, 16, 16, 16) < 0.7
    assert torch.equal(net(x, MetaTensor(mask))[-1], net(x, mask)[-1])
    net.train()(MetaTensor(x), MetaTensor(mask))[-1].sum().backward()


def test_drop_path_is_for_training_only():
    net, x = small(drop_path_rate=0.5), torch.rand(8, 1, 32, 32, 32)
    assert not torch.equal(net(x)[-1], net(x)[-1])
    net.eval()
    assert torch.equal(net(x)[-1], net(x)[-1])


def test_hidden_tokens_become_the_mask_token():
    net = small()
    x, mask = torch.rand(1, 1, 32, 32, 32), torch.zeros(1, 16, 16, 16, dtype=torch.bool)
    mask[:, :8] = True
    token = torch.arange(12.0).view(1, 1, 12)
    embedded, whole = net(x, mask, token)[0], net(x)[0]
    assert torch.equal(embedded[0, :, 0, 0, 0], torch.arange(12.0))
    assert torch.equal(embedded[:, :, 8:], whole[:, :, 8:])
    assert net(x, mask)[0][:, :, :8].abs().sum() == 0  # without a token: zeros


@pytest.mark.parametrize(("stage", "block", "windows", "tokens"), [(1, 0, 64, 64), (1, 1, 64, 64), (4, 0, 1, 8)])
def test_attention_of_a_block_is_a_softmax(stage, block, windows, tokens):
    attention = small().attention(torch.rand(2, 1, 32, 32, 32), stage, block)
    assert attention.shape == (2, windows, 1 if stage == 1 else 2, tokens, tokens)
    assert attention.dtype == torch.float32 and (attention >= 0).all()
    torch.testing.assert_close(attention.sum(-1), torch.ones(attention.shape[:-1]))


def test_attention_is_the_one_monai_uses():
    ours, theirs = pair(embed_dim=12, depths=(2, 2, 1, 1), num_heads=(1, 2, 2, 2))
    x, seen = torch.rand(1, 1, 64, 64, 64), []
    theirs.layers2[0].blocks[1].attn.softmax.register_forward_hook(lambda module, args, result: seen.append(result))
    theirs(x)
    torch.testing.assert_close(ours.attention(x, 2, 1)[0], seen[0].view(64, 2, 64, 64), atol=1e-6, rtol=1e-5)


def test_shifted_attention_does_not_cross_the_border():
    attention = small().eval().attention(torch.rand(1, 1, 32, 32, 32), 1, 1)
    assert attention[0, 0].min() > 0  # the first window is whole
    assert attention[0, -1, 0, 0, -1] < 1e-30  # the last one joins opposite corners of the grid


@pytest.mark.parametrize(("stage", "block"), [(0, 0), (5, 0), (1, 2), (1, -1)])
def test_attention_refuses_blocks_that_do_not_exist(stage, block):
    with pytest.raises(ConfigError, match="no such attention block"):
        small().attention(torch.rand(1, 1, 32, 32, 32), stage, block)


@pytest.mark.parametrize(
    "setting",
    [
        {"depths": (2, 2, 2)},
        {"num_heads": (4, 4, 8)},
        {"num_heads": (5, 4, 8, 16)},
        {"depths": (2, 0, 2, 2)},
        {"window_size": 0},
        {"patch_size": 0},
        {"in_chans": 0},
        {"embed_dim": 0},
        {"drop_path_rate": 1.0},
        {"drop_path_rate": -0.1},
    ],
    ids=str,
)
def test_settings_that_make_no_sense(setting):
    with pytest.raises(ConfigError):
        SwinTransformer(**setting)
