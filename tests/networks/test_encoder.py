"""The SMART encoder: shapes of the paper, the side branch, masks and precision."""

from itertools import pairwise

import pytest
import torch
from fixtures.small import SMALL

from smart_nets.errors import ConfigError
from smart_nets.networks.comparators.vit import ViTEncoder
from smart_nets.networks.encoder import SmartEncoder


def stirred(net):
    """The network with every parameter away from its initial value, so that nothing is equal by chance."""
    for parameter in net.parameters():
        torch.nn.init.normal_(parameter, std=0.1)
    return net


def image(size=64, batch=2):
    return torch.rand(batch, 1, size, size, size)


def test_parameters_at_the_size_of_the_paper():
    net = SmartEncoder()
    parts = {name: sum(p.numel() for p in part.parameters()) for name, part in net.named_children()}
    assert parts == {"swin": 10_571_968, "token_norm": 768, "semantic_attention": 3_551_616}
    assert net.mask_token.shape == (1, 1, 48) and net.mask_token.abs().sum() == 0


def test_shapes_at_the_default_widths():
    net = SmartEncoder(depths=(1, 1, 1, 1)).eval()
    with torch.no_grad():
        seen = net(image(128, batch=1))
    assert seen.patch.shape == (1, 512, 384) and seen.cls.shape == (1, 384) and seen.attention.shape == (1, 8, 512)
    assert seen.pooled.shape == (1, 768) and seen.deep.shape == (1, 768, 4, 4, 4) and seen.grid == (8, 8, 8)
    assert (net.stride, net.cell, net.deep_cell) == (32, 16, 32)
    assert (net.patch_dim, net.feature_dim, net.deep_dim) == (384, 384, 768)


@pytest.mark.parametrize(("stage", "cell"), [(1, 4), (2, 8), (3, 16), (4, 32)])
def test_semantic_attention_at_every_stage(stage, cell):
    net = SmartEncoder(**SMALL, sa_stage=stage)
    seen, side, width = net(image(32)), 32 // cell, 12 * 2**stage
    assert seen.patch.shape == (2, side**3, width) and seen.cls.shape == (2, width)
    assert seen.attention.shape == (2, 4, side**3) and seen.satt.shape == (2, side**3)
    assert seen.grid == (side,) * 3 and seen.deep.shape == (2, 192, 1, 1, 1)
    assert (net.cell, net.patch_dim, net.feature_dim, net.deep_dim) == (cell, width, width, 192)
    assert seen.feature is seen.cls and seen.satt.sum(1).max() < 1  # the [CLS] column is left out


def test_without_semantic_attention_the_pooled_tokens_are_the_feature():
    net = SmartEncoder(**SMALL, sa_stage=None)
    seen = net(image())
    assert seen.cls is None and seen.attention is None and seen.feature is seen.pooled
    assert seen.patch.shape == (2, 64, 96) and seen.grid == (4, 4, 4) and net.feature_dim == 192
    torch.testing.assert_close(seen.pooled, seen.deep.flatten(2).mean(2))
    for ask in (lambda: seen.satt, lambda: net.attention_only(image())):
        with pytest.raises(ConfigError, match="no semantic attention"):
            ask()


def test_semantic_attention_is_a_side_branch():
    net, x = SmartEncoder(**SMALL), image()
    before = net(x)
    stirred(net.semantic_attention)
    after = net(x)
    assert torch.equal(before.deep, after.deep) and torch.equal(before.patch, after.patch)
    assert not torch.allclose(before.cls, after.cls)


def test_patch_tokens_are_the_normed_feature_map():
    net, x = stirred(SmartEncoder(**SMALL)), image()
    seen = net(x)
    tokens = net.swin(x)[3].flatten(2).transpose(1, 2)
    torch.testing.assert_close(seen.patch, net.token_norm(tokens))
    torch.testing.assert_close(seen.cls, net.semantic_attention(tokens)[0])


@pytest.mark.parametrize("make", [lambda: SmartEncoder(**SMALL), lambda: ViTEncoder(64, dim=24, depth=2, num_heads=2)])
class TestMasks:
    def test_attention_only_is_the_same_attention(self, make):
        net, x = stirred(make()).eval(), image()
        torch.testing.assert_close(net.attention_only(x), net(x).satt)

    def test_hidden_voxels_cannot_be_seen(self, make):
        net, x, mask = stirred(make()).eval(), image(), torch.rand(2, 64) < 0.7
        hidden = mask.view(2, 1, 4, 4, 4).repeat_interleave(16, 2).repeat_interleave(16, 3).repeat_interleave(16, 4)
        other = torch.where(hidden, torch.rand_like(x), x)
        assert torch.equal(net(x, mask).deep, net(other, mask).deep)
        assert not torch.equal(net(x).deep, net(other).deep)

    def test_no_mask_is_a_mask_of_nothing(self, make):
        net, x = stirred(make()).eval(), image()
        assert torch.equal(net(x).patch, net(x, torch.zeros(2, 64, dtype=torch.bool)).patch)

    def test_mask_token_starts_as_zero_fill_and_then_departs(self, make):
        net, x, mask = make().eval(), image(), torch.rand(2, 64) < 0.7
        assert torch.equal(net(x, mask).deep, net(x, mask, fill="zero").deep)
        torch.nn.init.normal_(net.mask_token)
        assert not torch.equal(net(x, mask).deep, net(x, mask, fill="zero").deep)

    @pytest.mark.parametrize("fill", ["mask_token", "zero"])
    def test_every_parameter_gets_a_gradient(self, make, fill):
        net = make()
        seen = net(image(), torch.rand(2, 64) < 0.7, fill=fill)
        (seen.patch.sum() + seen.cls.sum() + seen.pooled.sum()).backward()
        assert [name for name, parameter in net.named_parameters() if parameter.grad is None] == []

    @pytest.mark.parametrize("fill", ["mask_token", "zero"])
    def test_first_gradients_are_sane_although_hidden_regions_are_zero(self, make, fill):
        net = make()
        net(image(), torch.rand(2, 64) < 0.7, fill=fill).deep.mean().backward()
        norm = torch.stack([p.grad.norm() for p in net.parameters() if p.grad is not None]).norm()
        assert norm < 20  # 1e8 when LayerNorms meet exact zeros one after the other

    @pytest.mark.parametrize("size", [(2, 1, 64, 64, 60), (2, 1, 64, 64, 0), (2, 2, 64, 64, 64), (2, 64, 64, 64)])
    def test_images_that_do_not_fit(self, make, size):
        with pytest.raises(ConfigError):
            make()(torch.zeros(size))

    @pytest.mark.parametrize(
        "mask",
        [
            torch.zeros(2, 64),
            torch.zeros(1, 64, dtype=torch.bool),
            torch.zeros(2, 65, dtype=torch.bool),
            torch.zeros(2, 4, 4, 4, dtype=torch.bool),
        ],
        ids=["not bool", "other batch", "no grid", "not flat"],
    )
    def test_masks_that_do_not_fit(self, make, mask):
        with pytest.raises(ConfigError):
            make()(image(), mask)

    def test_unknown_fill(self, make):
        with pytest.raises(ConfigError, match="fill"):
            make()(image(), torch.zeros(2, 64, dtype=torch.bool), fill="noise")


def test_a_mask_may_be_drawn_on_another_grid():
    net, x, coarse = stirred(SmartEncoder(**SMALL)).eval(), image(), torch.rand(2, 8) < 0.5
    fine = coarse.view(2, 2, 2, 2)
    for axis in (1, 2, 3):
        fine = fine.repeat_interleave(2, axis)
    assert torch.equal(net(x, coarse).deep, net(x, fine.flatten(1)).deep)


def test_the_error_names_the_nearest_valid_sizes():
    with pytest.raises(ConfigError, match=r"multiples of 32, such as 64 or 96, found 64 x 64 x 90"):
        SmartEncoder(**SMALL)(torch.zeros(1, 1, 64, 64, 90))


@pytest.mark.parametrize(
    "setting",
    [
        {"sa_stage": 0},
        {"sa_stage": 5},
        {"sa_heads": 7},
        {"sa_blocks": 0},
        {"depths": (2, 2)},
        {"num_heads": (5, 4, 8, 16)},
    ],
    ids=str,
)
def test_settings_that_make_no_sense(setting):
    with pytest.raises(ConfigError):
        SmartEncoder(**setting)


def test_bfloat16_autocast_is_finite_near_float32_and_trains():
    net, x, mask = SmartEncoder(**SMALL), image(), torch.rand(2, 64) < 0.7
    exact = net(x, mask)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        seen = net(x, mask)
        loss = seen.patch.square().mean() + seen.cls.sum() + seen.deep.mean()
    loss.backward()
    assert seen.attention.dtype == torch.float32
    torch.testing.assert_close(seen.attention, exact.attention, atol=1e-3, rtol=0)
    torch.testing.assert_close(seen.deep.float(), exact.deep, atol=0.05, rtol=0.05)
    assert all(parameter.grad.isfinite().all() for parameter in net.parameters())


def test_scores_that_overflow_bfloat16_products_stay_finite():
    net = SmartEncoder(**SMALL)
    for parameter in net.parameters():
        parameter.data.mul_(30)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        seen = net(image())
    assert all(tensor.isfinite().all() for tensor in seen[:5])


def test_inference_first_does_not_spoil_training():
    net = SmartEncoder(**SMALL)
    with torch.inference_mode():
        net(image(96, batch=1))
    net(image(96, batch=1)).pooled.sum().backward()
    assert net.swin.patch_embed.proj.weight.grad.isfinite().all()


def test_stages_get_smaller():
    maps = SmartEncoder(**SMALL).swin(image(batch=1))
    assert all(before.shape[2] == 2 * after.shape[2] for before, after in pairwise(maps))


def test_centred_input_equals_centring_by_hand():
    torch.manual_seed(1)
    plain, centred = SmartEncoder(**SMALL), SmartEncoder(**SMALL, input_mean=0.25, input_std=0.5)
    centred.load_state_dict(plain.state_dict())
    image = torch.rand(1, 1, 32, 32, 32)
    torch.testing.assert_close(centred.eval()(image).pooled, plain.eval()((image - 0.25) / 0.5).pooled)


def test_a_spread_of_zero_is_refused():
    with pytest.raises(ConfigError, match="input_std: must be above 0"):
        SmartEncoder(**SMALL, input_std=0)
