"""A rank that dies or hangs does not keep the others waiting for ever; started again, they go on."""

import os
import signal
import time
from pathlib import Path

import pytest
from faults.small_run import STEPS, lines, start, told, wait_for

from smart_nets.errors import lost_rank, lost_worker


@pytest.mark.parametrize(("number", "within"), [(signal.SIGKILL, 20), (signal.SIGSTOP, 40)])
def test_the_others_end_within_the_timeout(tmp_path, number, within):
    ranks = [start(tmp_path / str(rank), rank=rank, ranks=2, meet=str(tmp_path / "meet")) for rank in (0, 1)]
    wait_for(ranks[0], tmp_path / "0", 2)
    os.kill(ranks[1].pid, number)
    begun = time.monotonic()
    ranks[0].join(within)
    assert ranks[0].exitcode == 1 and time.monotonic() - begun < within
    last = RuntimeError(told(tmp_path / "0"))
    assert "another process of this training hangs or has died" in str(lost_rank(last))
    ranks[1].kill()
    ranks[1].join()
    assert 2 <= len(lines(tmp_path / "0")) < 2 * STEPS


def test_a_worker_that_dies_is_told_and_the_run_ends(tmp_path):
    child = start(tmp_path, workers=2)
    wait_for(child, tmp_path, 2)
    workers = Path(f"/proc/{child.pid}/task/{child.pid}/children").read_text().split()
    os.kill(int(workers[-1]), signal.SIGKILL)
    child.join(30)
    assert child.exitcode == 1 and "DataLoader worker" in told(tmp_path)
    assert "a process that loads data has died" in str(lost_worker(RuntimeError(told(tmp_path))))


@pytest.mark.parametrize("told", ["something else", "not in HU"])
def test_other_errors_are_not_taken_for_it(told):
    assert lost_rank(RuntimeError(told)) is None and lost_worker(RuntimeError(told)) is None
