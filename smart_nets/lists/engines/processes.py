"""Many scans on the cores of this machine."""

from __future__ import annotations

import multiprocessing
import os
import signal
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from typing import TypeVar

from smart_nets.errors import InputError

T = TypeVar("T")
R = TypeVar("R")
BATCH = 16  # scans at once, where there are many: one after the other costs more than a tiny scan does


def scans_at_once(items: int, workers: int, most: int = BATCH) -> int:
    """Scans of a batch, up to `most`: few enough that all workers end together."""
    return max(1, min(most, items // (4 * workers)))


def in_processes(task: Callable[[T], R], items: Sequence[T], workers: int | None = None) -> Iterator[tuple[int, R]]:
    """(position, result) of every item, in their order.

    Args:
        task: of a module, so that another process finds it.
        workers: processes, by default one per core; one does the work in this process.

    Raises:
        InputError: a process was killed.
    """
    workers = min(workers or os.cpu_count() or 1, max(len(items), 1))
    if workers == 1:
        yield from enumerate(map(task, items))
        return
    # forked workers share the imported libraries; a spawned one would import a gigabyte again
    context = multiprocessing.get_context("fork" if "fork" in multiprocessing.get_all_start_methods() else None)
    # Ctrl-C ends the workers at once, and without a word: what they were at is done again
    pool = ProcessPoolExecutor(workers, context, initializer=signal.signal, initargs=(signal.SIGINT, signal.SIG_DFL))
    try:
        yield from enumerate(pool.map(task, items, chunksize=scans_at_once(len(items), workers)))
    except BrokenProcessPool as error:
        remedy = "most likely for want of memory: start again with fewer workers; finished scans are kept"
        raise InputError("a process was killed", where=f"{workers} workers", remedy=remedy) from error
    finally:
        pool.shutdown(cancel_futures=True)
