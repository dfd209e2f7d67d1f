"""The index tables of shifted windows, against what roll and partition do."""

import torch

from smart_nets.networks.windows.plan import BLOCKED, plan_windows

CPU = torch.device("cpu")


def partition(x, a):
    """(D, H, W) -> (windows, a^3)."""
    d, h, w = x.shape
    return x.view(d // a, a, h // a, a, w // a, a).permute(0, 2, 4, 1, 3, 5).reshape(-1, a**3)


def test_orders_are_partition_and_roll():
    plan = plan_windows((8, 12, 4), 4, CPU)
    places = torch.arange(8 * 12 * 4)
    volume = places.view(8, 12, 4)
    assert torch.equal(plan.order[0], partition(volume, 4).flatten())
    # the third side is one window: not shifted
    assert torch.equal(plan.order[1], partition(volume.roll((-2, -2), (0, 1)), 4).flatten())
    for order, back in zip(plan.order, plan.back, strict=True):
        assert torch.equal(order[back], places)


def test_shift_mask_by_hand():
    # Depth 8 has 2 windows. The roll leaves the first one whole; the second is made of two halves of 32 tokens, so
    # each of its 64 tokens may not see the 32 of the other half.
    plan = plan_windows((8, 4, 4), 4, CPU)
    first, second = plan.masks[True][plan.kind[True]]
    assert first.abs().sum() == 0
    assert ((second == BLOCKED).sum(1) == 32).all() and second.unique().tolist() == [BLOCKED, 0]
    assert second[0, 31] == 0 and second[0, 32] == BLOCKED
    assert plan.masks[False].shape == (1, 64, 64) and plan.masks[False].abs().sum() == 0  # plain windows are whole


def test_a_grid_no_larger_than_the_window_is_one_window():
    plan = plan_windows((4, 2, 3), 4, CPU)
    assert (plan.windows, plan.tokens, plan.shifted, plan.padding) == (1, 24, False, None)


def test_padding_is_marked_in_both_orders():
    plan = plan_windows((6, 4, 4), 4, CPU)  # padded to 8 x 4 x 4: rows 6 and 7 are padding
    inside = torch.ones(8, 4, 4, dtype=torch.bool)
    inside[6:] = False
    assert plan.padded == (8, 4, 4)
    assert torch.equal(plan.padding[0].flatten(), ~partition(inside, 4).flatten())
    assert torch.equal(plan.padding[1].flatten(), ~partition(inside.roll(-2, 0), 4).flatten())
