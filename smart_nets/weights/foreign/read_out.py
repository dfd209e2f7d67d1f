"""From whatever a network returns to one feature of each crop."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from smart_nets.errors import ConfigError

SHAPES = "(B, C), (B, N, C) or (B, C, d, h, w)"


def read_feature(output: Any, words: str, batch: int, where: object) -> Tensor:
    """The feature (B, C) in the output of a network.

    Args:
        output: a tensor, a list or tuple of them, or a table or object with named ones (of `transformers`).
        words: "NAME", "NAME:mean" or "NAME:cls". NAME is "tensor" where the output is one, the number of one in a list, or
            the name of one. A tensor (B, C) is taken as it is, of (B, N, C) the mean over tokens, or with "cls" the
            first of them, of (B, C, d, h, w) the mean over space.
        batch: B. where: whose output it is.

    Raises:
        ConfigError: there is no such output, it is of another shape, or it holds NaN or infinity.
    """
    name, _, how = words.partition(":")
    found = _named(output, name, where)
    if not (isinstance(found, Tensor) and found.is_floating_point()):
        what = str(found.dtype) if isinstance(found, Tensor) else type(found).__name__
        expected = f"a tensor of numbers, or one of {_names(output)}"
        raise ConfigError("is no feature", where=f"{where}, output {name}", expected=expected, found=what,
                          remedy="name another output in feature of its card")  # fmt: skip
    shape, dims = tuple(found.shape), {"": (2, 3, 5), "mean": (3, 5), "cls": (3,)}[how]
    if found.dim() not in dims or shape[0] != batch or not found.numel():
        expected = {"": SHAPES, "mean": "(B, N, C) or (B, C, d, h, w)", "cls": "(B, N, C)"}[how] + f" with B = {batch}"
        raise ConfigError("has another shape", where=f"{where}, output {words}", expected=expected, found=shape,
                          remedy="name another output in feature of its card, or correct axes")  # fmt: skip
    if found.dim() == 3:  # (B, N, C) -> (B, C)
        found = found[:, 0] if how == "cls" else found.mean(1)
    elif found.dim() == 5:  # (B, C, d, h, w) -> (B, C)
        found = found.mean((2, 3, 4))
    broken = int((~torch.isfinite(found)).any(1).sum())
    if broken:
        raise ConfigError("gives features that are no numbers", where=where, expected="finite numbers",
                          found=f"NaN or infinity in {broken} of {batch} crops",
                          remedy="look at its weights, and at input_range of its card")  # fmt: skip
    return found


def _named(output: Any, name: str, where: object) -> Any:
    found = None
    if name == "tensor":
        found = output
    elif name.lstrip("-").isdigit():
        if isinstance(output, (list, tuple)) and -len(output) <= int(name) < len(output):
            found = output[int(name)]
    elif isinstance(output, Mapping):
        found = output.get(name)
    elif not isinstance(output, Tensor):
        found = getattr(output, name, None)
    if found is None:
        raise ConfigError("gives no such output", where=where, expected=_names(output), found=name,
                          remedy="name one of them in feature of its card")  # fmt: skip
    return found


def _names(output: Any) -> str:
    """The outputs that there are, as a card names them."""
    if isinstance(output, Mapping):
        return ", ".join(str(name) for name, one in output.items() if one is not None) or "nothing"
    if hasattr(output, "_fields"):
        return ", ".join(output._fields)
    if isinstance(output, (list, tuple)):
        return f"a number from 0 to {len(output) - 1}"
    return "tensor" if isinstance(output, Tensor) else type(output).__name__
