"""What is hidden: counts, order and ties, worked out by hand; properties for any attention."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from smart_nets.errors import ConfigError
from smart_nets.pretrain.masking import (
    StudentMask,
    attentive,
    block_mask,
    count_of,
    low_attending,
    mst_bernoulli,
    patch_dropout,
    random_mask,
    resample_attention,
    resample_mask,
)

TEN = torch.tensor([[0.9, 0.1, 0.8, 0.2, 0.7, 0.3, 0.6, 0.4, 0.5, 0.0]])  # ranks: 0 2 4 6 8 7 5 3 1 9


def indices(mask: torch.Tensor) -> list[int]:
    return mask[0].nonzero().flatten().tolist()


def test_ten_tokens_by_hand():
    # r=.5: the five highest are 0 2 4 6 8; s=.2: the two highest of all, 0 and 2, are hints
    assert indices(attentive(TEN, 0.5, 0.2)) == [4, 6, 8]
    assert indices(attentive(TEN, 0.5, 0.0)) == [0, 2, 4, 6, 8]
    assert indices(low_attending(TEN, 0.3)) == [1, 3, 9]


def test_the_papers_counts():
    attention = torch.rand(3, 512)
    assert attentive(attention, 0.7, 0.1).sum(1).tolist() == [307] * 3  # int(.7 * 512) - int(.1 * 512) = 358 - 51
    assert attentive(attention, 0.7, 0.0).sum(1).tolist() == [358] * 3
    assert low_attending(attention, 0.7).sum(1).tolist() == [358] * 3
    assert (
        attentive(attention, 0.7, 0.07, "random", 0.1).sum(1).tolist() == [323] * 3
    )  # 358 - int(.07 * 512) = 358 - 35
    assert random_mask(3, 216, 0.7).sum(1).tolist() == [152] * 3  # ceil(151.2), SMIT's 6^3 cells


@pytest.mark.parametrize(
    ("n", "hidden", "hints"), [(32_768, 22_937, 3_276), (4_096, 2_867, 409), (512, 358, 51), (64, 44, 6)]
)
def test_counts_at_the_four_stages(n, hidden, hints):
    assert (count_of(0.7, n), count_of(0.1, n)) == (hidden, hints)


def test_hints_are_the_top_51():
    attention = torch.rand(2, 512)
    hidden = attentive(attention, 0.7, 0.1)
    top = attention.topk(51, dim=1).indices
    assert not hidden.gather(1, top).any()
    assert hidden.gather(1, attention.topk(358, dim=1).indices).sum(1).tolist() == [307, 307]


def test_random_hints_lie_in_the_pool():
    attention = torch.rand(2, 512)
    high = attentive(attention, 0.7, 0.0)
    shown = high & ~attentive(attention, 0.7, 0.07, "random", 0.1)
    pool = torch.zeros_like(high).scatter(1, attention.topk(51, dim=1).indices, True)
    assert shown.sum(1).tolist() == [35, 35]
    assert not (shown & ~pool).any()


def test_a_pool_as_large_as_the_hints_equals_top_hints():
    attention = torch.rand(4, 512)
    assert torch.equal(attentive(attention, 0.7, 0.1, "random"), attentive(attention, 0.7, 0.1, "top"))


def test_ties_go_to_the_lower_index():
    assert indices(attentive(torch.ones(1, 10), 0.5, 0.2)) == [2, 3, 4]


@pytest.mark.parametrize(("ratio", "dropped"), [(0.0, 0), (0.1, 52), (0.3, 154), (0.5, 256), (0.7, 359), (0.9, 461)])
def test_patch_dropout_keeps_an_exact_count(ratio, dropped):
    assert patch_dropout(2, 512, ratio).sum(1).tolist() == [dropped] * 2


def test_patch_dropout_of_single_patch_tokens():
    assert int((~patch_dropout(1, 64**3, 0.7)).sum()) == 78_643


def test_every_sample_has_its_own_noise():
    torch.manual_seed(0)
    first, second = patch_dropout(2, 512, 0.7)
    assert not torch.equal(first, second)


def test_same_seed_same_masks():
    drawn = []
    for _ in range(2):
        torch.manual_seed(7)
        drawn.append(
            torch.cat(
                [patch_dropout(2, 64), random_mask(2, 64), block_mask(2, (4, 4, 4)), mst_bernoulli(torch.ones(2, 64))]
            )
        )
    assert torch.equal(*drawn)


def test_mst_hides_an_eighth_on_average_among_the_lowest():
    attention = torch.rand(64, 512)
    hidden = mst_bernoulli(attention)
    assert 0.11 < hidden.float().mean() < 0.14
    assert not (hidden & ~low_attending(attention, 0.25)).any()


def test_blocks_are_exact_and_hang_together():
    torch.manual_seed(1)
    hidden = block_mask(8, (8, 8, 8), 0.5).reshape(8, 8, 8, 8)
    assert hidden.sum((1, 2, 3)).tolist() == [256] * 8
    same = (hidden[:, 1:] == hidden[:, :-1]).float().mean()  # independent cells would agree half the time
    assert same > 0.65


@settings(max_examples=50, deadline=None)
@given(
    st.lists(st.floats(0, 1, allow_subnormal=False, width=32), min_size=8, max_size=64),
    st.floats(0.2, 0.95),
    st.floats(0, 0.19),
)
def test_any_attention_gives_the_exact_count_with_hints_on_top(values, ratio, hint_ratio):
    attention = torch.tensor([values])
    n = len(values)
    hidden = attentive(attention, ratio, hint_ratio)
    assert int(hidden.sum()) == count_of(ratio, n) - count_of(hint_ratio, n)
    if hidden.any():
        lowest_hidden = attention[hidden].min()
        assert int((attention > attention[hidden].max()).sum()) <= count_of(hint_ratio, n)
        assert int((attention > lowest_hidden).sum()) < count_of(ratio, n)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10_000))
def test_only_the_order_of_attention_matters(seed):
    attention = torch.rand(2, 64, generator=torch.Generator().manual_seed(seed))
    assert torch.equal(attentive(attention), attentive(attention.double().pow(3) * 10))


def test_attention_between_grids_keeps_its_mean():
    attention = torch.rand(2, 64)
    fine = resample_attention(attention, (4, 4, 4), (8, 8, 8))
    assert torch.allclose(fine.mean(1), attention.mean(1))
    assert torch.allclose(resample_attention(fine, (8, 8, 8), (4, 4, 4)), attention)


def test_masks_between_grids():
    mask = torch.zeros(1, 512, dtype=torch.bool)
    mask.view(8, 8, 8)[:2, :2, :1] = True  # half of the eight cells of the first coarse cell
    assert resample_mask(mask, (8, 8, 8), (4, 4, 4)).nonzero().tolist() == [[0, 0]]
    mask.view(8, 8, 8)[0, 0, 0] = False
    assert not resample_mask(mask, (8, 8, 8), (4, 4, 4)).any()
    coarse = torch.rand(2, 64) > 0.5
    assert torch.equal(resample_mask(resample_mask(coarse, (4, 4, 4), (8, 8, 8)), (8, 8, 8), (4, 4, 4)), coarse)


@pytest.mark.parametrize("mode", ["attentive", "low", "mst", "block", "random"])
@pytest.mark.parametrize(("cell", "n"), [("sa", 64), ("16vox", 512)])
def test_every_mode_on_both_grids(mode, cell, n):
    choose = StudentMask(mode=mode, cell=cell)
    hidden = choose(torch.rand(2, 64), 2, (4, 4, 4), (128, 128, 128), torch.device("cpu"))
    assert hidden.shape == (2, n)
    assert hidden.dtype == torch.bool
    if mode != "mst":
        assert len(set(hidden.sum(1).tolist())) == 1
        assert math.isclose(float(hidden.float().mean()), 0.6 if mode == "attentive" else 0.7, abs_tol=0.02)


def drawn(mask: StudentMask, batch: int) -> torch.Tensor:
    return mask(torch.rand(batch, 64), batch, (4, 4, 4), (64, 64, 64), torch.device("cpu"))


@pytest.mark.parametrize(
    ("share", "batch", "masked"), [(0.5, 8, 4), (0.25, 8, 2), (0.3, 1, 1), (0.1, 2, 1), (1.0, 3, 3)]
)
@pytest.mark.parametrize("mode", ["attentive", "block"])
def test_a_share_of_the_crops_is_masked_and_always_one(mode, share, batch, masked):
    hidden = drawn(StudentMask(mode=mode, share=share), batch)
    whole = 38 if mode == "attentive" else 44  # floor(.7 * 64) = 44, less floor(.1 * 64) = 6 hints
    assert sorted(hidden.sum(1).tolist()) == [0] * (batch - masked) + [whole] * masked


def test_every_crop_has_its_turn_to_be_masked():
    turns = torch.stack([drawn(StudentMask(share=0.5), 4).any(1) for _ in range(32)])
    assert turns.any(0).all() and not turns.all(0).any()


@pytest.mark.parametrize("mode", ["attentive", "low", "block", "random"])
@pytest.mark.parametrize(("ratio", "hint_ratio"), [(0.7, 0.1), (0.29, 0.0), (0.1, 0.05)])
def test_count_is_what_a_mask_hides(mode, ratio, hint_ratio):
    mask = StudentMask(mode=mode, ratio=ratio, hint_ratio=hint_ratio)
    assert drawn(mask, 3).sum(1).tolist() == [mask.count(64)] * 3


def test_without_attention_the_same_mask_is_random():
    guided = StudentMask(mode="attentive", ratio=0.5, cell="16vox", share=0.5)
    assert guided.unguided() == StudentMask(mode="random", ratio=0.5, cell="16vox", share=0.5)
    block = StudentMask(mode="block")
    assert block.unguided() is block


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"mode": "clever"}, "mask_mode: is not known (expected attentive or low"),
        ({"hint": "best"}, "hint: is not known"),
        ({"cell": "8vox"}, "mask_grid: is not known"),
        ({"ratio": 0.0}, "mask_ratio: is no share"),
        ({"ratio": 1.2}, "mask_ratio: is no share"),
        ({"ratio": 0.1, "hint_ratio": 0.1}, "hint_ratio: hints would show every hidden token"),
        ({"hint_ratio": -0.1}, "hint_ratio"),
        ({"hint": "random", "hint_ratio": 0.1, "hint_pool": 0.05}, "hint_pool"),
        ({"mode": "mst", "probability": 0}, "mst_probability"),
        ({"share": 0.0}, "mask_share: is no share (expected above 0"),
        ({"share": 1.1}, "mask_share: is no share (expected above 0"),
        ({"share": -0.5}, "mask_share: is no share (expected above 0"),
    ],
)
def test_contradictions_are_refused_at_once(options, says):
    with pytest.raises(ConfigError, match="^" + says.replace("(", r"\(")):
        StudentMask(**options)


def test_a_mask_by_attention_needs_attention():
    with pytest.raises(ConfigError, match="needs semantic attention"):
        StudentMask()(None, 2, (4, 4, 4), (64, 64, 64), torch.device("cpu"))
