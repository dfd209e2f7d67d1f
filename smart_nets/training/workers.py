"""Worker processes hand batches over in shared memory, of which containers have little."""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from pathlib import Path

from smart_nets.errors import ConfigError

AHEAD = 2  # batches that torch lets each worker prepare before they are fetched


def check_shared_memory(
    workers: int, batch: int, crop: Sequence[int], crops: int = 1, place: str | Path = "/dev/shm"
) -> None:
    """Tell before training that batches do not fit: torch would kill a worker in the middle of it, or hang.

    Args:
        workers: processes of the data loader.
        batch: scans in a batch.
        crop: sides in voxels; each has float32.
        crops: of each scan.

    Raises:
        ConfigError: less is free than the batches that are under way need.
    """
    try:
        disk = os.statvfs(place)
    except (OSError, AttributeError):  # another system, which shares memory in another way
        return
    free, need = disk.f_bavail * disk.f_frsize, workers * AHEAD * batch * crops * math.prod(crop) * 4
    if need > free:
        raise ConfigError("is too small for the batches of the worker processes", where=place,
                          expected=f"{need / 1e6:,.1f} MB", found=f"{free / 1e6:,.1f} MB",
                          remedy="give --num_workers 0, or start the container with --shm-size=8g")  # fmt: skip
