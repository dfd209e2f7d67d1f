"""The parts all transformers share."""

import pytest
import torch

from smart_nets.errors import ConfigError
from smart_nets.networks.blocks import DropPath, Mlp, ViTBlock, add, drop_path_rates, head_dim


def full_attention(attn, x):
    """Softmax attention with the whole map, (B, heads, N, N), and its output."""
    batch, tokens, dim = x.shape
    q, k, v = attn.qkv(x).view(batch, tokens, 3, attn.heads, dim // attn.heads).permute(2, 0, 3, 1, 4)
    weights = (q @ k.transpose(-2, -1) * (dim // attn.heads) ** -0.5).softmax(-1)
    return weights, attn.proj((weights @ v).transpose(1, 2).reshape(batch, tokens, dim))


@pytest.mark.parametrize("layer_scale", [None, 0.1])
def test_a_block_is_the_pre_norm_formula(layer_scale):
    block, x = ViTBlock(12, 3, layer_scale=layer_scale), torch.randn(2, 5, 12)
    gain = 1.0 if layer_scale is None else layer_scale
    middle = x + gain * full_attention(block.attn, block.norm1(x))[1]
    torch.testing.assert_close(block(x), middle + gain * block.mlp(block.norm2(middle)))


def test_the_last_query_alone_gives_what_the_whole_block_gives():
    block, x = ViTBlock(12, 3, layer_scale=0.1), torch.randn(2, 5, 12)
    last, row = block.last_query(x)
    weights, _ = full_attention(block.attn, block.norm1(x))
    torch.testing.assert_close(last, block(x)[:, -1:])
    torch.testing.assert_close(row, weights[:, :, -1])


def test_a_dropped_sample_keeps_its_residual_and_the_mean_is_kept():
    drop = DropPath(0.25)
    gate = drop.gate(torch.zeros(4000, 2, 3))
    assert gate.shape == (4000, 1, 1)
    assert gate.unique().tolist() == [0.0, pytest.approx(4 / 3)]
    assert gate.mean().item() == pytest.approx(1, abs=0.05)
    x = torch.randn(4000, 2, 3)
    assert torch.equal(add(x, torch.ones_like(x), gate)[gate.flatten() == 0], x[gate.flatten() == 0])


def test_rates_grow_linearly_with_depth():
    assert drop_path_rates(0.3, 4) == pytest.approx([0, 0.1, 0.2, 0.3])
    assert drop_path_rates(0.3, 1) == [0]


def test_no_branch_is_dropped_at_evaluation_or_at_rate_zero():
    assert DropPath(0.5).eval().gate(torch.zeros(2, 1)) is None
    assert DropPath(0.0).gate(torch.zeros(2, 1)) is None


@pytest.mark.parametrize("rate", [-0.1, 1.0, 2.0])
def test_drop_path_refuses(rate):
    with pytest.raises(ConfigError, match="drop path"):
        DropPath(rate)


@pytest.mark.parametrize(("dim", "heads"), [(12, 5), (12, 0), (12, -3), (12, 24)])
def test_heads_must_divide_the_width(dim, heads):
    with pytest.raises(ConfigError, match="heads must divide"):
        head_dim(dim, heads)


def test_an_mlp_is_linear_gelu_linear_with_the_right_gradients():
    mlp, x = Mlp(3, 5).double(), torch.randn(2, 4, 3, dtype=torch.float64, requires_grad=True)
    plain = mlp.linear2(torch.nn.functional.gelu(mlp.linear1(x)))
    torch.testing.assert_close(mlp(x), plain)
    inputs = [x, *mlp.parameters()]
    weights = torch.linspace(-1, 1, plain.numel(), dtype=torch.float64).view(plain.shape)
    mine, other = (torch.autograd.grad((out * weights).sum(), inputs) for out in (mlp(x), plain))
    for one, two in zip(mine, other, strict=True):
        torch.testing.assert_close(one, two)


def test_an_mlp_under_autocast_gives_its_parameters_float32_gradients():
    mlp = Mlp(4, 8)
    with torch.autocast("cpu", torch.bfloat16):
        out = mlp(torch.randn(6, 4))
    assert out.dtype == torch.bfloat16
    out.float().sum().backward()
    assert {parameter.grad.dtype for parameter in mlp.parameters()} == {torch.float32}
    torch.testing.assert_close(mlp.linear2.bias.grad, torch.full((4,), 6.0))
