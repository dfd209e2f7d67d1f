"""Processes of this machine: results with their positions, in one process or several; a killed one is a sentence."""

import os

import pytest

from smart_nets.errors import InputError
from smart_nets.lists.engines.processes import in_processes, scans_at_once


@pytest.mark.parametrize("workers", [1, 2])
def test_each_result_has_its_position(workers):
    assert list(in_processes(abs, [-3, -1, -2], workers)) == [(0, 3), (1, 1), (2, 2)]
    assert list(in_processes(abs, [], workers)) == []


@pytest.mark.parametrize(("items", "workers", "size"), [(0, 1, 1), (7, 2, 1), (24, 2, 3), (100_000, 64, 16)])
def test_sizes_of_batches(items, workers, size):
    assert scans_at_once(items, workers) == size


def test_a_killed_process_is_told():
    with pytest.raises(InputError, match="a process was killed"):
        list(in_processes(os._exit, [1, 1], 2))
