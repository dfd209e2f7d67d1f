"""How the GNU C library gives memory to this process, and what it does with what is freed."""

from __future__ import annotations

import ctypes
import os
import platform

# Of mallopt in malloc.h: the parameter, and its value. Blocks above 32 MB, the most that is possible, still go back.
KEEP = {"M_MMAP_THRESHOLD": (-3, 32 * 2**20), "M_TRIM_THRESHOLD": (-1, 2**31 - 1), "M_TOP_PAD": (-2, 64 * 2**20)}
# What dask sets for its workers: whatever is free goes back at once, and a small scan takes 3.5 times as long to check.
DASK = {"MALLOC_TRIM_THRESHOLD_": "65536"}


def keep_freed_memory() -> bool:
    """Lets the GNU C library keep freed memory: else every step returns and gets anew gigabytes, page by page.

    Only this process is concerned, and only what it would ask for again. Does nothing, and returns False, with another
    C library, with another allocator preloaded, and where MALLOC_ variables or GLIBC_TUNABLES already say something.
    """
    if allocator() != "glibc" or chosen():
        return False
    library = ctypes.CDLL(None)
    taken = [library.mallopt(parameter, value) for parameter, value in KEEP.values()]  # all, whatever the first says
    return all(taken)


def allocator() -> str:
    """Who gives this process its memory: "glibc", the file that was preloaded instead, or "unknown"."""
    preloaded = [path for path in os.environ.get("LD_PRELOAD", "").replace(":", " ").split() if "malloc" in path]
    if preloaded:
        return os.path.basename(preloaded[0])
    return "glibc" if platform.libc_ver()[0] == "glibc" else "unknown"


def chosen() -> bool:
    """Whether somebody has set the GNU allocator already; what dask sets for all its workers, nobody has chosen."""
    told = {name: value for name, value in os.environ.items() if name.startswith("MALLOC_")}
    return "GLIBC_TUNABLES" in os.environ or bool(told.items() - DASK.items())
