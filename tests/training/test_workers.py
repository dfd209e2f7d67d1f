"""Shared memory is looked at before workers start."""

import os
from types import SimpleNamespace

import pytest

from smart_nets.errors import ConfigError
from smart_nets.training.workers import check_shared_memory

NEED = 2 * 2 * 3 * 2 * 10 * 10 * 10 * 4  # workers, batches ahead, scans, crops, voxels, bytes


@pytest.mark.parametrize(("free", "workers", "fits"), [(NEED, 2, True), (NEED - 1, 2, False), (0, 0, True)])
def test_batches_under_way_must_fit(monkeypatch, free, workers, fits):
    monkeypatch.setattr(os, "statvfs", lambda place: SimpleNamespace(f_bavail=free, f_frsize=1))
    if fits:
        check_shared_memory(workers, 3, [10, 10, 10], 2)
    else:
        with pytest.raises(ConfigError, match=r"/dev/shm: is too small .*--num_workers 0.*--shm-size"):
            check_shared_memory(workers, 3, [10, 10, 10], 2)


def test_where_there_is_no_such_place_nothing_is_said(tmp_path):
    check_shared_memory(10**6, 10**6, [512] * 3, place=tmp_path / "none")
