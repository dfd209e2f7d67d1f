"""Packages that training and inference can do without: imported where they are needed, named where they are missing."""

from __future__ import annotations

import contextlib
import functools
import importlib
import logging
import sys
import time
from collections.abc import Iterable, Iterator, Sized
from typing import Any, TypeVar

from smart_nets.errors import ConfigError

logger = logging.getLogger(__name__)
NAMES = {"PIL": "pillow", "sklearn": "scikit-learn"}  # on PyPI, where it is not the module's
LONG = 3.0  # seconds that pass unnoticed
T = TypeVar("T")


def needed(module: str, where: str, instead: str = "") -> Any:
    """A module of an optional package, imported now.

    Args:
        module: such as "scipy.ndimage".
        where: what needs it.
        instead: what can be done without it.

    Raises:
        ConfigError: its package is not installed.
    """
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        name = _package(module)
        remedy = f"pip install {name}" + (f", or {instead}" if instead else "")
        raise ConfigError(f"needs {name}", where=where, remedy=remedy) from error


def absent(what: str, *modules: str, later: str = "") -> bool:
    """Whether a package is missing, so that `what` has to be left out; the log tells it once, and what to do `later`."""
    missing = [_package(module) for module in modules if not _is_installed(module)]
    if missing:
        _tell(what, ", ".join(missing), later)
    return bool(missing)


def bar(items: Iterable[T], what: str, total: int | None = None) -> Iterable[T]:
    """The items, with a progress bar where there is a terminal to show it and tqdm to draw it; else a line in the log.

    Args:
        total: how many there are, where `items` does not tell.
    """
    if not sys.stderr.isatty() or absent("progress bars", "tqdm"):
        return _told(items, what if total is None else f"{what}, {total:,}")
    shown: Iterable[T] = needed("tqdm", "progress bars").tqdm(items, desc=what, leave=False, total=total)
    return shown


@contextlib.contextmanager
def phase(what: str) -> Iterator[None]:
    """Tell the log what begins, and how long it took where a user had to wait for it."""
    logger.info("%s ...", what)
    begin = time.perf_counter()
    yield
    if (seconds := time.perf_counter() - begin) > LONG:
        logger.info("%s: %.0f s", what, seconds)


def _told(items: Iterable[T], what: str) -> Iterator[T]:
    with phase(f"{what}, {len(items):,}" if isinstance(items, Sized) else what):
        yield from items


@functools.cache
def _tell(what: str, missing: str, later: str) -> None:
    logger.warning("left out: %s (not installed: %s)%s", what, missing, f"; {later}" if later else "")


def _is_installed(module: str) -> bool:
    try:
        importlib.import_module(module)
    except ModuleNotFoundError:
        return False
    return True


def _package(module: str) -> str:
    root = module.partition(".")[0]
    return NAMES.get(root, root)
