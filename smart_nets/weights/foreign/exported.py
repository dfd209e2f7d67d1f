"""Networks that were exported: TorchScript (*.ts) and programs of torch.export (*.pt2). Both are code: open your own only."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from pathlib import Path

import torch
from torch import nn

from smart_nets.errors import CheckpointError


def load_torchscript(path: Path) -> nn.Module:
    """The module of a TorchScript file, in evaluation mode. CheckpointError: a damaged one."""

    def load() -> nn.Module:
        return torch.jit.load(str(path), map_location="cpu").eval()

    return _loaded(path, load, "a TorchScript file, of torch.jit.save")


def load_program(path: Path) -> nn.Module:
    """The module of a torch.export program. CheckpointError: a damaged one."""

    def load() -> nn.Module:
        return torch.export.load(str(path)).module()

    return _loaded(path, load, "a program, of torch.export.save")


def _loaded(path: Path, load: Callable[[], nn.Module], expected: str) -> nn.Module:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # torch would rather have the other format
            return load()
    except MemoryError:
        raise
    except Exception as error:  # a damaged archive can raise anything
        said = (str(error) or type(error).__name__).splitlines()[0][:120]
        remedy = "copy the file again, or export it with this version of torch"
        raise CheckpointError("cannot be opened", where=path, expected=expected, found=said, remedy=remedy) from error
