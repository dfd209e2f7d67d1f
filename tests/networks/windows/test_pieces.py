"""Rows computed a piece at a time by all cores: the same numbers, modes and errors as in one go."""

import functools
import os
import threading

import pytest
import torch

from smart_nets.networks.windows.pieces import in_pieces


@pytest.fixture
def two_threads():
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(before)


@pytest.fixture
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def scaled(weight, offsets):
    return lambda piece, rows: (piece @ weight).tanh() * offsets[rows]


def gradients(at_once, keep, inputs):
    x, weight, offsets = (each.clone().requires_grad_() for each in inputs)
    fixed = torch.ones(2, requires_grad=False)
    out = in_pieces(scaled(weight, offsets), x, at_once, [weight, offsets, fixed], keep)
    out.square().sum().backward()
    return out.detach(), x.grad, weight.grad, offsets.grad


@pytest.mark.parametrize("keep", [True, False])
@pytest.mark.parametrize("threads", ["two_threads", "one_thread"])
def test_pieces_equal_the_whole(request, threads, keep):
    request.getfixturevalue(threads)
    inputs = [torch.randn(11, 3, 3), torch.randn(3, 3), torch.randn(11, 1, 1)]
    for one, other in zip(gradients(2, keep, inputs), gradients(None, True, inputs), strict=True):
        torch.testing.assert_close(one, other)


def test_every_piece_runs_on_one_thread_and_the_caller_keeps_its_own(two_threads):
    seen = []
    in_pieces(
        lambda x, rows: seen.append((torch.get_num_threads(), threading.get_ident())) or x, torch.ones(8, 1), 1, []
    )
    assert len(seen) == 8 and {threads for threads, _ in seen} == {1}
    assert threading.get_ident() not in {thread for _, thread in seen}
    assert torch.get_num_threads() == 2


def test_an_error_in_a_piece_reaches_the_caller(two_threads):
    def step(piece, rows):
        if rows.start == 4:
            raise ValueError("row 4")
        return piece

    with pytest.raises(ValueError, match="row 4"):
        in_pieces(step, torch.ones(8, 1), 2, [])


def test_autocast_and_inference_mode_hold_in_every_piece(two_threads):
    kinds, weight = [], torch.ones(4, 4)

    def step(piece, rows):
        kinds.append(((piece @ weight).dtype, torch.is_inference_mode_enabled()))
        return piece

    with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16):
        in_pieces(step, torch.ones(6, 4), 2, [])
    in_pieces(step, torch.ones(6, 4), 2, [])
    assert kinds == [(torch.bfloat16, True)] * 3 + [(torch.float32, False)] * 3


@pytest.mark.parametrize("keep", [True, False])
@pytest.mark.parametrize("threads", ["two_threads", "one_thread"])
def test_a_second_backward_pass_gives_the_same(request, threads, keep):
    request.getfixturevalue(threads)
    x, weight = torch.randn(6, 4, 4, requires_grad=True), torch.randn(4, 4, requires_grad=True)
    with torch.autocast("cpu", torch.bfloat16):  # which is over when gradients are computed
        out = in_pieces(lambda piece, rows: (piece @ weight).float().tanh(), x, 2, [weight], keep)
    first, second = (torch.autograd.grad(out.sum(), [x, weight], retain_graph=True) for _ in range(2))
    for one, other in zip(first, second, strict=True):
        assert torch.equal(one, other)


def test_nothing_is_kept_without_gradients(two_threads):
    x, kept = torch.ones(4, 2, requires_grad=True), []
    with torch.no_grad():
        assert not in_pieces(
            lambda piece, rows: kept.append(piece.requires_grad) or piece * x[0], x, 1, [x]
        ).requires_grad
    assert kept == [False] * 4


def test_a_forked_process_has_threads_of_its_own(two_threads):
    def doubled():
        return in_pieces(lambda piece, rows: piece + piece, torch.ones(4, 1), 1, []).sum().item()

    assert doubled() == 8
    child = os.fork()
    if child == 0:
        os._exit(0 if doubled() == 8 else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def test_gradients_have_the_same_bits_whichever_thread_is_faster(two_threads):
    """float32 sums depend on their order: 1e8 + 1 - 1e8 is 0 or 1."""
    weight, found = torch.ones(1, requires_grad=True), set()
    x = torch.tensor([1e8, 1.0, -1e8, 3.0]).repeat(8).unsqueeze(1)

    def step(piece, rows):
        threading.Event().wait(0.002 * torch.rand(1).item())  # now one thread is ahead, now the other
        return piece * weight

    for _ in range(10):
        weight.grad = None
        in_pieces(step, x, 1, [weight]).sum().backward()
        found.add(weight.grad.item())
    assert found == {functools.reduce(lambda total, value: total + value, x.flatten().unbind()).item()}
