"""Image in, attention map out, with the weights of the encoder it shows."""

import warnings

import pytest
import torch
from fixtures.small import SMALL

from smart_nets.errors import ConfigError
from smart_nets.networks.attention_net import AttentionNet
from smart_nets.networks.comparators.vit import ViTEncoder
from smart_nets.networks.encoder import SmartEncoder


def encoders():
    return [SmartEncoder(**SMALL), SmartEncoder(**SMALL, sa_stage=2), ViTEncoder(64, dim=24, depth=2, num_heads=2)]


@pytest.mark.parametrize("encoder", range(3))
def test_a_map_of_mean_one_the_size_of_the_image(encoder):
    net, x = AttentionNet(encoders()[encoder]).eval(), torch.rand(2, 1, 64, 96, 64)
    shown = net(x)
    assert shown.shape == x.shape and shown.dtype == torch.float32 and (shown >= 0).all()
    torch.testing.assert_close(shown.mean((1, 2, 3, 4)), torch.ones(2), atol=1e-4, rtol=0)


def test_the_centre_of_a_cell_shows_its_attention():
    encoder, x = SmartEncoder(**SMALL).eval(), torch.rand(1, 1, 64, 64, 64)
    satt = encoder(x).satt[0]
    shown = AttentionNet(encoder)(x)[0, 0]
    # a corner cell is held constant from its centre to the border
    torch.testing.assert_close(shown[0, 0, 0], satt[0] / satt.mean())
    torch.testing.assert_close(shown[-1, -1, -1], satt[-1] / satt.mean())


@pytest.mark.parametrize("encoder", range(3))
def test_weights_are_the_encoders_own(encoder):
    source, target = encoders()[encoder], AttentionNet(encoders()[encoder])
    assert list(target.state_dict()) == list(source.state_dict())
    target.load_state_dict(source.state_dict(), strict=True)
    x = torch.rand(1, 1, 64, 64, 64)
    assert torch.equal(target.eval()(x), AttentionNet(source.eval())(x))
    with pytest.raises(RuntimeError, match="Missing key"):
        target.load_state_dict({}, strict=True)


def test_a_traced_map_equals_the_eager_one():
    net, x = AttentionNet(SmartEncoder(**SMALL)).eval(), torch.rand(1, 1, 64, 64, 64)
    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore", torch.jit.TracerWarning)
        torch.testing.assert_close(torch.jit.trace(net, x)(x), net(x))


def test_an_encoder_without_attention_is_refused():
    with pytest.raises(ConfigError, match="no attention"):
        AttentionNet(SmartEncoder(**SMALL, sa_stage=None))


@pytest.mark.parametrize("encoder", range(3))
def test_a_head_and_a_block_can_be_chosen(encoder):
    net, x = encoders()[encoder].eval(), torch.rand(1, 1, 64, 64, 64)
    heads = net.attention_heads
    maps = [AttentionNet(net, head)(x) for head in range(heads)]
    weights = net.cls_attention(x).mean(-1)[0]  # a head's share of the patches; the rest goes to [CLS] itself
    mean = sum(weight * one for weight, one in zip(weights, maps, strict=True)) / weights.sum()
    torch.testing.assert_close(mean, AttentionNet(net)(x), atol=1e-5, rtol=1e-4)
    assert torch.equal(AttentionNet(net, block=net.attention_blocks - 1)(x), AttentionNet(net)(x))
    assert not torch.allclose(AttentionNet(net, block=0)(x), AttentionNet(net)(x))


def test_the_map_equals_the_one_of_the_whole_encoder():
    for net in encoders():
        shown, x = AttentionNet(net).eval(), torch.rand(1, 1, 64, 64, 64)
        torch.testing.assert_close(shown(x), shown.look(x)[0])


@pytest.mark.parametrize(
    "setting", [{"head": 4}, {"head": -1}, {"head": 1.0}, {"block": 2}, {"block": -3}, {"block": None}], ids=str
)
def test_a_head_or_block_that_is_not_there_is_refused(setting):
    with pytest.raises(ConfigError, match=r"(head|block): no such"):
        AttentionNet(SmartEncoder(**SMALL), **setting)
