"""A network that the user's own code makes: package.module:factory."""

from __future__ import annotations

import importlib
import os
import re
import sys
from typing import Any

import torch
from torch import nn

from smart_nets.errors import CheckpointError, ConfigError

PLACE = re.compile(r"[A-Za-z_][\w.]*:[A-Za-z_]\w*", re.ASCII)
SEED = 0  # of a factory that draws its weights: the same network every time


def is_factory(text: str) -> bool:
    """Whether a text is written as package.module:factory."""
    return PLACE.fullmatch(text) is not None


def call_factory(place: str) -> nn.Module:
    """The module that a callable without arguments returns, in evaluation mode.

    The module is looked for where Python looks, and last in the folder that one is in. Chance is seeded while it is made.

    Raises:
        CheckpointError: no such module or callable, or what it returns is no Module. ConfigError: it raises something.
    """
    name, _, attribute = place.partition(":")
    factory = getattr(_module(name, place), attribute, None)
    if not callable(factory):
        found = "nothing of that name" if factory is None else type(factory).__name__
        remedy = "give package.module:factory"
        raise CheckpointError(
            "is no callable", where=place, expected=f"{attribute} in {name}", found=found, remedy=remedy
        )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(SEED)
        try:
            network: Any = factory()
        except Exception as error:  # the user's code may raise anything
            told = f"{type(error).__name__} {error}"[:160]
            remedy = "call it without arguments in Python"
            raise ConfigError("raises an error", where=place, found=told, remedy=remedy) from error
    if not isinstance(network, nn.Module):
        raise CheckpointError("returns no network", where=place, expected="a torch.nn.Module",
                              found=type(network).__name__, remedy="return the network itself")  # fmt: skip
    return network.eval()


def _module(name: str, place: str) -> Any:
    here = os.getcwd()
    added = here not in sys.path and "" not in sys.path
    if added:
        sys.path.append(here)  # last, so that nothing in it stands for another package
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        remedy = "put its folder on PYTHONPATH, or go there"
        raise CheckpointError("cannot be imported", where=place, found=str(error), remedy=remedy) from error
    except Exception as error:  # whatever the user's module does when it is imported
        told = f"{type(error).__name__} {error}"[:160]
        raise ConfigError("cannot be imported", where=place, found=told, remedy="import it in Python") from error
    finally:
        if added:
            sys.path.remove(here)
