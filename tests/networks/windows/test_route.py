"""The way of tokens through a stage's blocks, and hidden windows computed once: equal to all of them computed."""

import pytest
import torch

from smart_nets.networks.cells import expand
from smart_nets.networks.swin import SwinTransformer
from smart_nets.networks.windows.plan import plan_windows
from smart_nets.networks.windows.route import find_route, move

CPU = torch.device("cpu")


def test_a_move_there_and_back_and_its_gradient():
    index = torch.randperm(7)
    x = torch.randn(7, 2, dtype=torch.float64, requires_grad=True)
    assert torch.equal(move(x, index, index.argsort()), x[index])
    assert torch.autograd.gradcheck(lambda x: move(x, index, index.argsort()), x)


def test_a_token_taken_several_times_gets_the_sum_of_its_gradients():
    x = torch.randn(3, 2, dtype=torch.float64, requires_grad=True)
    index = torch.tensor([2, 0, 2, 2])  # token 1 is left out
    move(x, index, None).sum().backward()
    assert x.grad.tolist() == [[1, 1], [0, 0], [3, 3]]


def test_a_route_without_hidden_tokens_leads_back_to_the_grid():
    plan = plan_windows((8, 6, 4), 4, CPU)
    grids = torch.arange(2 * 8 * 8 * 4).view(2, -1, 1).float()  # 6 is padded to 8
    route, x = find_route(plan, grids, 3), grids.flatten(0, 1)
    for number, hop in enumerate(route.hops):
        x = move(x, hop.source, hop.inverse)
        assert torch.equal(x.view(2, -1)[1], grids[1, plan.order[number % 2], 0])
        assert torch.equal(move(move(x, hop.inverse, hop.source), hop.source, hop.inverse), x)
    assert torch.equal(move(x, *route.leave), grids.flatten(0, 1))
    assert route.hops[0].sample.tolist() == [0] * 4 + [1] * 4 and route.hops[0].window.tolist() == [0, 1, 2, 3] * 2


def test_a_plan_made_at_inference_serves_training():
    with torch.inference_mode():
        grids = torch.zeros(1, 20 * 16, 2)
        find_route(plan_windows((20, 4, 4), 4, CPU), grids, 2)
    x = torch.randn(20 * 16, 2, requires_grad=True)
    hop = find_route(plan_windows((20, 4, 4), 4, CPU), grids, 2).hops[1]
    move(x, hop.source, hop.inverse).square().sum().backward()
    assert torch.allclose(x.grad, 2 * x)


def test_windows_hidden_whole_are_computed_once_a_scan():
    # 16 x 8 x 8 tokens are 4 x 2 x 2 windows of 4. The first scan hides its first 12 rows, the second nothing.
    plan = plan_windows((16, 8, 8), 4, CPU)
    hidden = torch.zeros(2, 16, 8, 8, dtype=torch.bool)
    hidden[0, :12] = True
    grids = torch.zeros(2, 1024, 1)
    first, second = find_route(plan, grids, 2, hidden.flatten(1)).hops
    # Block 1: 12 of 16 windows of scan 0 are alike, one stands for them: 4 + 1, and all 16 of scan 1.
    assert torch.bincount(first.sample).tolist() == [5, 16]
    # Block 2 is shifted by 2 rows: window rows 2-5, 6-9, 10-13 and 14-15 with 0-1. Two of four are hidden whole: 8 windows.
    assert torch.bincount(second.sample).tolist() == [9, 16]


def test_windows_with_padding_are_never_alike():
    plan = plan_windows((6, 4, 4), 4, CPU)  # two windows, the second half of padding
    hop = find_route(plan, torch.zeros(1, 128, 1), 1, torch.ones(1, 128, dtype=torch.bool)).hops[0]
    assert hop.window.tolist() == [0, 1]


def results(net, x, mask, token, known):
    """Output of the first stage and every gradient, with the hidden windows told or not."""
    net.zero_grad()
    token.grad = None
    torch.manual_seed(1)  # the same branches are dropped
    out = net.stages[0].unmerged(net.embed(x, mask, token), mask if known else None)
    (out * torch.linspace(-1, 1, out.numel(), dtype=out.dtype).view(out.shape)).sum().backward()
    grads = [p.grad for p in (*net.patch_embed.parameters(), *net.stages[0].blocks.parameters())]
    return [out, token.grad, *grads]


@pytest.mark.parametrize("side", [32, 40, 24])  # 16^3 tokens are windows to the full; 20^3 are padded, 12^3 too
@pytest.mark.parametrize("drop_path_rate", [0.0, 0.6])
@pytest.mark.parametrize("ratio", [0.0, 0.4, 0.7, 1.0])
def test_hidden_windows_computed_once_equal_all_computed(side, drop_path_rate, ratio):
    sizes = {"embed_dim": 12, "depths": (3, 1, 1, 1), "num_heads": (2, 2, 2, 2)}
    net = SwinTransformer(**sizes, drop_path_rate=drop_path_rate).double()
    x = torch.rand(3, 1, side, side, side, dtype=torch.float64)
    token = torch.randn(1, 1, 12, dtype=torch.float64, requires_grad=True)
    mask = expand(torch.rand(3, (side // 8) ** 3) < ratio, (side // 2,) * 3)  # cells of 8 voxels, a window each
    for one, other in zip(results(net, x, mask, token, True), results(net, x, mask, token, False), strict=True):
        torch.testing.assert_close(one, other, atol=1e-10, rtol=1e-10)


def test_hidden_windows_save_work():
    """Cells of 16 voxels, 70 % of them hidden: fewer windows than two thirds of all in the two blocks of stage 1."""
    torch.manual_seed(0)
    mask = expand(torch.rand(1, 512) < 0.7, (64, 64, 64))
    hops = find_route(plan_windows((64, 64, 64), 4, CPU), torch.zeros(1, 64**3, 1), 2, mask.flatten(1)).hops
    assert [round(len(hop.window) / 4096, 1) for hop in hops] == [0.3, 0.6]
