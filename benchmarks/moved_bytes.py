"""Counts the bytes that the operators of an encoder read and write, for step.py."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

CACHE = 4 * 2**20  # bytes of a tensor that a core's cache may keep


class Bytes(TorchDispatchMode):
    """Counts what operators read and write (views move nothing), and what is kept for the backward pass.

    `memory` is what no cache can hold: tensors larger than one, and smaller ones that are written now and read again
    only in the backward pass.
    """

    def __init__(self) -> None:
        super().__init__()
        self.all = self.memory = self.kept = 0
        self.seen: set[int] = set()

    def keep(self, x: Tensor) -> Tensor:
        if not isinstance(x, nn.Parameter) and x.untyped_storage().data_ptr() not in self.seen:
            self.seen.add(x.untyped_storage().data_ptr())
            self.kept += x.nbytes
            self.memory += 2 * x.nbytes if x.nbytes <= CACHE else 0
        return x

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        out = func(*args, **(kwargs or {}))
        if not func.is_view and "view" not in str(func) and "detach" not in str(func) and "empty" not in str(func):
            sizes = [x.nbytes for x in tree_leaves((args, kwargs, out)) if isinstance(x, Tensor)]
            self.all += sum(sizes)
            self.memory += sum(size for size in sizes if size > CACHE)
        return out


def moved() -> dict[str, Any]:
    """Bytes of one forward and backward of the encoder at 128^3, ours over MONAI's."""
    from speed import pair

    torch.set_num_threads(1)  # the count sees one thread only
    ours, theirs = pair("cpu")
    x, found = torch.rand(1, 1, 128, 128, 128), {}
    for name, run in {"ours": ours, "monai": lambda x: theirs(x, normalize=False)}.items():
        with Bytes() as count, torch.autograd.graph.saved_tensors_hooks(count.keep, lambda kept: kept):
            sum(each.mean() for each in run(x)).backward()
        found[name] = count
    own, monai = found["ours"], found["monai"]
    counted = ("all", "memory", "kept")
    gb = {what: {name: round(getattr(count, what) / 1e9, 1) for name, count in found.items()} for what in counted}
    return {what: {**gb[what], "ratio": round(getattr(own, what) / getattr(monai, what), 2)} for what in counted}
