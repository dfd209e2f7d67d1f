"""Many scans on the workers of a dask cluster, which all see the same disk.

Batches are handed out a few at a time and their results taken as they come. When a worker dies, dask gives its batches to
others; a batch that takes three workers along is told by name.
"""

from __future__ import annotations

import asyncio
import json
import logging
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import smart_nets
from smart_nets.allocator import keep_freed_memory
from smart_nets.errors import ConfigError, InputError
from smart_nets.lists.engines.processes import scans_at_once
from smart_nets.optional import needed

T = TypeVar("T")
R = TypeVar("R")
ADDRESS = re.compile(r"((tcp|tls|ws|wss|ucx)://)?(\[[0-9a-fA-F:.]+\]|[\w.-]+)(:\d{1,5})?", re.ASCII)
WAIT = 5  # seconds for a scheduler to answer, and for a first worker
BATCH = 64  # scans at once, where there are many: a message on a cluster costs more than one between processes
AHEAD = 4  # batches that wait on each thread, so that none is idle
GOES_ON = "the same command goes on where it was"


def on_dask(address: str, task: Callable[[T], R], items: Sequence[T], seen: Sequence[Path]) -> Iterator[tuple[int, R]]:
    """(position, result) of every item, as they come.

    Args:
        address: of the scheduler, such as tcp://node1:8786, or the file that `dask scheduler --scheduler-file` wrote.
        task: of a module of this project, which the workers have too.
        items: what is worked on.
        seen: paths that every worker must see.

    Raises:
        ConfigError: dask is not installed, no scheduler answers, it has no workers, or a worker has another version, lacks
            the project, or does not see the data.
        InputError: a batch has killed its workers, or the scheduler went away.
    """
    if not items:
        return
    with _client(address) as client:
        _check_workers(client, seen)
        yield from _results(client, partial(_batch, task, seen, smart_nets.__version__), items)


@contextmanager
def _client(address: str) -> Iterator[Any]:
    distributed = needed("distributed", "--scheduler", instead="pip install 'smart-nets[dask]'")
    try:
        client = distributed.Client(_address(address), timeout=WAIT, set_as_default=False)
    except (OSError, asyncio.TimeoutError, ValueError, TypeError) as error:  # closed connections are OSErrors
        what, expected = "no scheduler answers", "the address that `dask scheduler` prints, such as tcp://node1:8786"
        remedy = "start it, or leave --scheduler out"
        found = f"nothing in {WAIT} s" if isinstance(error, (OSError, asyncio.TimeoutError)) else error
        raise ConfigError(
            what, where=f"--scheduler {address}", expected=expected, found=found, remedy=remedy
        ) from error
    library = logging.getLogger("distributed.client")
    level = library.level
    library.setLevel(logging.CRITICAL)  # what it tells of a lost scheduler in fifty lines, `_result` tells in one
    try:
        yield client
    finally:
        client.close(timeout=WAIT)
        library.setLevel(level)


def _address(text: str) -> str:
    """The address itself, or that in a scheduler file. ConfigError of what can be neither: dask would try it for minutes."""
    path = Path(text).expanduser()
    if not path.is_file():
        if not ADDRESS.fullmatch(text):
            what, expected = "is no address of a scheduler", "what `dask scheduler` prints, such as tcp://node1:8786"
            raise ConfigError(what, where="--scheduler", expected=expected, found=text, remedy="or the file it wrote")
        return text
    try:
        return str(json.loads(path.read_text(encoding="utf-8"))["address"])
    except (ValueError, KeyError, TypeError, OSError) as error:
        what, expected = "is no scheduler file", "what dask scheduler --scheduler-file writes"
        raise ConfigError(what, where=f"--scheduler {text}", expected=expected, found=error) from error


def _check_workers(client: Any, seen: Sequence[Path]) -> None:
    """ConfigError unless there is a worker, and all have this version and see the data."""
    try:
        client.wait_for_workers(1, timeout=WAIT)
    except (TimeoutError, asyncio.TimeoutError) as error:  # two errors until Python 3.11
        what, remedy = "the scheduler has no workers", "start some: dask worker ADDRESS --nthreads 1"
        raise ConfigError(
            what, where="--scheduler", expected="1 or more", found=f"0 in {WAIT} s", remedy=remedy
        ) from error
    told: Mapping[str, Any] = client.run(_facts, [*map(str, seen)], on_error="return")
    for worker, one in told.items():
        if isinstance(one, BaseException):
            what, remedy = "a worker lacks this project", "install it where the workers run"
            raise ConfigError(
                what, where=worker, expected=f"smart_nets {smart_nets.__version__}", found=one, remedy=remedy
            )
        _check_facts(worker, one, smart_nets.__version__)


def _facts(seen: Sequence[str]) -> tuple[str, str]:
    """On a worker: its version, and the first path that it does not see."""
    return smart_nets.__version__, next((path for path in seen if not Path(path).exists()), "")


def _check_facts(worker: str, told: tuple[str, str], wanted: str) -> None:
    version, missing = told
    if version != wanted:
        what, remedy = "a worker has another version of smart_nets", "install the same everywhere"
        raise ConfigError(what, where=worker, expected=wanted, found=version, remedy=remedy)
    if missing:
        what, remedy = "a worker does not see the data", "mount it at the same path everywhere"
        raise ConfigError(what, where=worker, expected=missing, found="nothing there", remedy=remedy)


def _batch(task: Callable[[T], R], seen: Sequence[Path], version: str, items: Sequence[T]) -> list[R]:
    """On a worker, which may have come after the others were looked at."""
    keep_freed_memory()  # dask has its workers give it back at once
    _check_facts("a worker that came later", _facts([*map(str, seen)]), version)
    return list(map(task, items))


def _results(client: Any, task: Callable[[Sequence[T]], list[R]], items: Sequence[T]) -> Iterator[tuple[int, R]]:
    """Results of batches as they come, some batches ahead of the workers."""
    distributed = needed("distributed", "--scheduler")
    size = scans_at_once(len(items), max(1, sum(client.ncores().values())), BATCH)
    starts = iter(range(0, len(items), size))
    running: dict[Any, int] = {}  # future -> first position
    done = distributed.as_completed(loop=client.loop)

    def hand_out() -> None:
        most = AHEAD * max(1, sum(client.ncores().values()))  # workers come and go
        while len(running) < most and (start := next(starts, None)) is not None:
            future = client.submit(task, items[start : start + size], pure=False)
            running[future] = start
            done.add(future)

    hand_out()
    for future in done:
        start = running.pop(future)
        yield from enumerate(_result(future, items[start], distributed), start)
        hand_out()


def _result(future: Any, first: object, distributed: Any) -> list[Any]:
    try:
        found: list[Any] = future.result()
        return found
    except distributed.KilledWorker as error:
        what = "a batch of scans has killed every worker that took it"
        remedy = f"most likely for want of memory: give workers more, or find the scan; {GOES_ON}"
        raise InputError(
            what, where=f"batch from {getattr(first, 'name', first)}", found=error, remedy=remedy
        ) from error
    except (distributed.client.FutureCancelledError, OSError) as error:
        raise InputError("the scheduler went away", where="--scheduler", found=error, remedy=GOES_ON) from error
