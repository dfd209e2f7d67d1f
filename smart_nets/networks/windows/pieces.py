"""A function of rows that know nothing of each other, computed a piece at a time by all cores.

Each core takes the next piece when it has finished one. The operators of torch share out every single operation
instead, and wait for the slowest core after each: on a machine that others use, too, that is most of the time.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor
from torch.autograd import Function
from torch.utils.checkpoint import checkpoint

Step = Callable[[Tensor, slice], Tensor]


def in_pieces(step: Step, x: Tensor, at_once: int | None, shared: Sequence[Tensor], keep: bool = True) -> Tensor:
    """step(x[rows], rows) for all rows, put together.

    Args:
        step: keeps the shape, draws no random numbers, and uses no tensors that need a gradient but those in `shared`.
        x: (R, ...).
        at_once: rows of a piece; None takes all.
        shared: what else gets a gradient.
        keep: whether what the backward pass needs is kept; else it is computed again: less memory, more time.
    """
    if at_once is not None and len(x) > at_once:
        rows = [slice(first, first + at_once) for first in range(0, len(x), at_once)]
        if x.device.type == "cpu":
            needed = torch.is_grad_enabled() and any(each.requires_grad for each in (x, *shared))
            return _Pieces.apply(step, rows, needed, keep, x, *shared)
        return torch.cat([_one(step, x[piece], piece, keep) for piece in rows])
    return _one(step, x, slice(None), keep)


def _one(step: Step, piece: Tensor, rows: slice, keep: bool) -> Tensor:
    if keep or not torch.is_grad_enabled():
        return step(piece, rows)
    return checkpoint(step, piece, rows, use_reentrant=False)


class _Pieces(Function):
    """Every piece has a graph of its own, made and run backward by one core."""

    @staticmethod
    def forward(
        ctx: Any, step: Step, rows: list[slice], needed: bool, keep: bool, x: Tensor, *shared: Tensor
    ) -> Tensor:
        ctx.step, ctx.rows, ctx.needs = step, rows, [each for each in shared if each.requires_grad]
        ctx.order = [each.requires_grad for each in shared]
        out = torch.empty_like(x)
        ctx.mode = _mode()
        graphs: list[Any] = [None] * len(ctx.rows)

        def one(i: int) -> None:
            piece = x[rows[i]].detach()
            with torch.set_grad_enabled(needed and keep):
                done = step(piece.requires_grad_(needed and keep), rows[i])
            out[rows[i]] = done.detach()
            graphs[i] = (piece, done) if needed and keep else None

        _on_all_cores(one, len(graphs), ctx.mode)
        ctx.graphs = graphs
        ctx.save_for_backward(x if needed else None)  # the pieces share its memory; for a second backward pass
        return out

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Any, ...]:
        (x,) = ctx.saved_tensors
        grad_x, of_shared = torch.empty_like(grad), _OrderedSum()

        def one(i: int) -> None:
            rows = ctx.rows[i]
            if ctx.graphs[i] is None:
                with torch.enable_grad():
                    piece = x[rows].detach().requires_grad_()
                    done = ctx.step(piece, rows)
            else:
                piece, done = ctx.graphs[i]
                ctx.graphs[i] = None
            found = torch.autograd.grad(done, [piece, *ctx.needs], grad[rows])
            grad_x[rows] = found[0]
            of_shared.add(i, found[1:])

        _on_all_cores(one, len(ctx.rows), ctx.mode)
        total = iter(of_shared.total)
        return None, None, None, None, grad_x, *[next(total) if needed else None for needed in ctx.order]


class _OrderedSum:
    """A sum over pieces in the order of their numbers, whichever core ends first: the same bits every time."""

    def __init__(self) -> None:
        self.lock, self.waiting, self.next = threading.Lock(), dict[int, tuple[Tensor, ...]](), 0
        self.total: list[Tensor] = []

    def add(self, number: int, tensors: tuple[Tensor, ...]) -> None:
        with self.lock:
            self.waiting[number] = tensors
            while self.next in self.waiting:
                found = self.waiting.pop(self.next)
                if self.next:
                    torch._foreach_add_(self.total, list(found))
                else:
                    self.total = [each.clone() for each in found]
                self.next += 1


def _on_all_cores(one: Callable[[int], None], count: int, mode: Callable[[], Any]) -> None:
    """one(0) ... one(count - 1), by as many threads as torch uses."""
    threads = torch.get_num_threads()
    if threads == 1:
        with mode():
            for i in range(count):
                one(i)
        return
    left, lock = iter(range(count)), threading.Lock()

    def work() -> None:
        with mode():
            while True:
                with lock:
                    i = next(left, None)
                if i is None:
                    return
                one(i)

    done = [_pool(threads).submit(work) for _ in range(min(threads, count))]
    for each in done:
        each.result()


_pools: dict[int, ThreadPoolExecutor] = {}
os.register_at_fork(after_in_child=_pools.clear)  # threads do not survive a fork


def _pool(threads: int) -> ThreadPoolExecutor:
    if threads not in _pools:
        _pools[threads] = ThreadPoolExecutor(threads, "pieces", _alone)
        barrier = threading.Barrier(threads)
        list(_pools[threads].map(lambda _: barrier.wait(), range(threads)))  # all have started and set their number
        torch.set_num_threads(threads)  # which was for threads to come, too
    return _pools[threads]


def _alone() -> None:
    """Makes torch's operators keep to this thread."""
    torch.get_num_threads()  # which takes the number that all threads have, once; then it can be another
    torch.set_num_threads(1)


def _mode() -> Callable[[], Any]:
    """A context that repeats in another thread what torch keeps per thread."""
    inference, cast = torch.is_inference_mode_enabled(), torch.is_autocast_enabled("cpu")
    dtype = torch.get_autocast_dtype("cpu")

    @contextmanager
    def same() -> Iterator[None]:
        with torch.inference_mode(inference), torch.autocast("cpu", dtype, enabled=cast):
            yield

    return same
