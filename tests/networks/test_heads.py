"""Prototypes and voxels: sizes of the paper, unit length, and voxels where they belong."""

import copy

import pytest
import torch
from einops import rearrange
from torch.nn import functional as F

from smart_nets.errors import ConfigError
from smart_nets.networks.heads import ImageHead, ProjectionHead, Standardise


@pytest.mark.parametrize(("width", "parameters"), [(384, 7_614_720), (768, 8_401_152)])
def test_parameters_of_a_projection_head(width, parameters):
    with torch.device("meta"):
        head = ProjectionHead(width)
    assert sum(p.numel() for p in head.parameters()) == parameters
    frozen = [p for p in head.parameters() if not p.requires_grad]
    assert sum(p.numel() for p in frozen) == 8192 and sum(p.numel() for p in head.last.parameters()) == 8192 * 257


def test_logits_are_cosines_to_the_prototypes():
    head, x = ProjectionHead(6, out_dim=10, hidden=8, bottleneck=4), torch.randn(2, 3, 6)
    expected = F.cosine_similarity(head.mlp(x).unsqueeze(-2), head.last.weight_v, dim=-1, eps=1e-6)
    torch.testing.assert_close(head(x), expected)
    assert head(x).shape == (2, 3, 10) and head(x[:, 0]).shape == (2, 10)


def test_the_length_of_a_prototype_does_not_matter_and_its_gain_is_frozen():
    head, x = ProjectionHead(6, 10, 8, 4), torch.randn(2, 6)
    before = head(x)
    head.last.weight_v.data.mul_(torch.rand(10, 1) + 0.5)
    torch.testing.assert_close(head(x), before)
    head(x).sum().backward()
    assert head.last.weight_g.grad is None and head.last.weight_v.grad.abs().sum() > 0


def test_one_layer_is_a_linear_projection():
    head = ProjectionHead(6, 10, 8, 4, layers=1)
    assert [type(step).__name__ for step in head.mlp] == ["Linear"]
    steps = [type(step).__name__ for step in ProjectionHead(6, 10, 8, 4, layers=3).mlp]
    assert steps == ["Linear", "GELU", "Linear", "GELU", "Linear"]


def test_normalisation_is_safe_under_bfloat16_autocast():
    head = ProjectionHead(6, 10, 8, 4)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        logits = head(torch.cat([torch.zeros(1, 6), torch.full((1, 6), 1e-6), torch.full((1, 6), 1e4)]))
        logits.float().sum().backward()
    assert logits.isfinite().all()
    assert all(p.grad.isfinite().all() for p in head.parameters() if p.requires_grad)


def test_a_copy_is_a_teacher():
    head, x = ProjectionHead(6, 10, 8, 4), torch.randn(2, 6)
    teacher = copy.deepcopy(head)
    assert torch.equal(teacher(x), head(x)) and list(teacher.state_dict()) == list(head.state_dict())
    head.last.weight_v.data.neg_()
    assert not torch.equal(teacher(x), head(x))


def test_a_projection_head_exports():
    head, x = ProjectionHead(6, 10, 8, 4), torch.randn(2, 6)
    torch.testing.assert_close(torch.export.export(head, (x,)).module()(x), head(x))


def test_parameters_of_the_image_head():
    with torch.device("meta"):
        assert sum(p.numel() for p in ImageHead(768, 32).parameters()) == 25_198_592


@pytest.mark.parametrize("channels", [1, 2])
def test_voxels_are_where_their_token_is(channels):
    head, deep = ImageHead(5, cell=4, out_chans=channels), torch.randn(2, 5, 2, 3, 1)
    voxels = head.proj(rearrange(deep, "b c d h w -> b d h w c"))
    expected = rearrange(voxels, "b d h w (o i j k) -> b o (d i) (h j) (w k)", o=channels, i=4, j=4, k=4)
    assert torch.equal(head(deep), expected) and head(deep).shape == (2, channels, 8, 12, 4)
    changed = deep.clone()
    changed[:, :, 1, 2, 0] += 1
    difference = (head(changed) - head(deep)).abs().sum((0, 1)).nonzero()
    assert difference.min(0).values.tolist() == [4, 8, 0] and difference.max(0).values.tolist() == [7, 11, 3]


def test_a_fresh_image_head_may_start_at_a_grey():
    tokens = torch.zeros(1, 5, 1, 2, 1)
    assert torch.equal(ImageHead(5, cell=2, start=0.3)(tokens), torch.full((1, 1, 2, 4, 2), 0.3))
    assert ImageHead(5, cell=2)(tokens).std() > 0.1  # random biases, up to 1 / sqrt 5
    assert ImageHead(64, cell=8, start=0.3).proj.weight.std().item() == pytest.approx(0.02, rel=0.05)


@pytest.mark.parametrize("sizes", [{"layers": 0}, {"out_dim": 0}, {"hidden": 0}, {"bottleneck": -1}], ids=str)
def test_projection_sizes_that_make_no_sense(sizes):
    with pytest.raises(ConfigError):
        ProjectionHead(6, **sizes)


@pytest.mark.parametrize("sizes", [(0, 4, 1), (5, 0, 1), (5, 4, 0)])
def test_image_sizes_that_make_no_sense(sizes):
    with pytest.raises(ConfigError):
        ImageHead(*sizes)


def test_standardising_takes_off_what_all_rows_share():
    # channel 0: 1, 3 -> mean 2, spread 1; channel 1: 5, 5 -> no spread, so it becomes 0
    shown = Standardise()(torch.tensor([[1.0, 5.0], [3.0, 5.0]]))
    torch.testing.assert_close(shown, torch.tensor([[-1.0, 0.0], [1.0, 0.0]]), atol=1e-5, rtol=0)
    x = torch.randn(2, 3, 4)
    norm = torch.nn.BatchNorm1d(4, affine=False, track_running_stats=False)
    torch.testing.assert_close(Standardise()(x), norm(x.flatten(0, 1)).reshape(2, 3, 4))


def test_a_standardised_head_sees_small_differences_as_large_ones():
    torch.manual_seed(0)
    plain, standardised = ProjectionHead(6, 10, 8, 4), ProjectionHead(6, 10, 8, 4, standardise=True)
    standardised.load_state_dict(plain.state_dict())  # it has no state of its own
    x = 5 + 0.01 * torch.randn(16, 6)
    assert standardised(x).std(0).mean() > 20 * plain(x).std(0).mean()


def test_one_row_cannot_be_standardised():
    with pytest.raises(ConfigError, match="standardised_heads: one row has no spread"):
        ProjectionHead(6, 10, 8, 4, standardise=True)(torch.ones(1, 6))
