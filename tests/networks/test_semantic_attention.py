"""[CLS] and its attention, against the long way round."""

import pytest
import torch

from smart_nets.errors import ConfigError
from smart_nets.networks.semantic_attention import SemanticAttention


def test_parameters_at_the_default_width():
    assert sum(p.numel() for p in SemanticAttention(384).parameters()) == 3_551_616
    # without LayerScale: 2 blocks x 2 gains x 384 fewer
    assert sum(p.numel() for p in SemanticAttention(384, layer_scale=None).parameters()) == 3_551_616 - 4 * 384


@pytest.mark.parametrize("blocks", [1, 2, 3])
def test_it_equals_all_blocks_on_all_tokens(blocks):
    net, tokens = SemanticAttention(12, blocks, heads=3), torch.randn(2, 7, 12)
    x = torch.cat([tokens, net.cls_token.expand(2, -1, -1)], dim=1)
    for block in net.blocks:
        before, x = x, block(x)
    attn, normed = net.blocks[-1].attn, net.blocks[-1].norm1(before)
    q, k, _ = attn.qkv(normed).view(2, 8, 3, 3, 4).permute(2, 0, 3, 1, 4)
    row = (q[:, :, -1:] @ k.transpose(-2, -1) / 4**0.5).softmax(-1).squeeze(2)  # (B, heads, N + 1)
    cls, attention = net(tokens)
    torch.testing.assert_close(cls, net.norm(x)[:, -1])
    torch.testing.assert_close(attention, row[..., :-1])
    torch.testing.assert_close(attention.sum(-1) + row[..., -1], torch.ones(2, 3))


def test_it_does_not_care_about_the_order_of_tokens():
    net, tokens, order = SemanticAttention(12, heads=3), torch.randn(2, 7, 12), torch.randperm(7)
    (cls, attention), (other, moved) = net(tokens), net(tokens[:, order])
    torch.testing.assert_close(cls, other)
    torch.testing.assert_close(attention[..., order], moved)


def test_attention_stays_in_float32_under_autocast():
    net, tokens = SemanticAttention(16, heads=4), torch.randn(2, 9, 16)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        cls, attention = net(tokens)
    assert attention.dtype == torch.float32
    torch.testing.assert_close(attention, net(tokens)[1], atol=2e-3, rtol=0)
    assert cls.isfinite().all()


def test_initialisation():
    net = SemanticAttention(96)
    assert net.cls_token.std().item() == pytest.approx(0.02, rel=0.3)
    assert net.blocks[0].mlp.linear1.weight.std().item() == pytest.approx(0.02, rel=0.05)
    assert net.blocks[1].attn.qkv.bias.abs().max() == 0
    assert net.blocks[0].scale1.gamma.tolist() == pytest.approx([0.1] * 96)
    assert net.norm.eps == 1e-6


@pytest.mark.parametrize("setting", [{"heads": 5}, {"heads": 0}, {"blocks": 0}], ids=str)
def test_settings_that_make_no_sense(setting):
    with pytest.raises(ConfigError):
        SemanticAttention(12, **setting)


def test_the_row_of_an_earlier_block_is_that_of_a_shorter_branch():
    net, shorter, tokens = SemanticAttention(12, 3, heads=3), SemanticAttention(12, 1, heads=3), torch.randn(2, 7, 12)
    shorter.load_state_dict({name: net.state_dict()[name] for name in shorter.state_dict()})
    torch.testing.assert_close(net.rows(tokens, 0), shorter(tokens)[1])
    torch.testing.assert_close(net.rows(tokens, -1), net(tokens)[1])
    torch.testing.assert_close(net.rows(tokens, 2), net.rows(tokens))
    assert not torch.allclose(net.rows(tokens, 0), net.rows(tokens, 1))
