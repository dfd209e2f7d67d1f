"""Killed anywhere, a run goes on from its last state and ends as if nothing had happened: bit by bit."""

import os
import random
import signal
import time

import pytest
from faults.small_run import STEPS, lines, same, start, wait_for

KILLS = int(os.environ.get("SMART_KILLS", "4"))  # `make test-faults` asks for 50


def kill(*children) -> None:
    for child in children:
        if child.is_alive():
            os.killpg(child.pid, signal.SIGKILL)
        child.join()


@pytest.mark.parametrize("workers", [0, 2])
def test_killed_in_the_middle_of_an_epoch(undisturbed, tmp_path, workers):
    for step in (3, STEPS + 4):
        child = start(tmp_path, workers=workers)
        wait_for(child, tmp_path, step)
        kill(child)
        assert step <= len(lines(tmp_path)) < 2 * STEPS
    child = start(tmp_path, workers=workers)
    child.join()
    assert child.exitcode == 0 and same(tmp_path, undisturbed)


def test_killed_at_random_moments(undisturbed, tmp_path):
    """Whether the network is built, a step computed or a state written: each run goes on, and at most one step is lost."""
    chance, kills, run = random.Random(3), 0, 0
    while kills < KILLS:
        folder = tmp_path / str(run)
        child = start(folder)
        time.sleep(chance.uniform(0.1, 4))
        done = len(lines(folder))
        if child.is_alive():
            kill(child)
            kills += 1
        else:
            assert child.exitcode == 0 and same(folder, undisturbed)
            run += 1
        assert len(lines(folder)) >= done - 1
    child = start(folder)
    child.join()
    assert child.exitcode == 0 and same(folder, undisturbed)


def test_two_ranks_are_killed_and_go_on(tmp_path):
    """The order of an epoch is shared out among ranks, and each draws its own chance."""
    for name, stops in (("undisturbed", []), ("killed", [STEPS // 2, STEPS + 3])):
        folder = tmp_path / name
        for number, stop in enumerate([*stops, None]):
            meet = str(tmp_path / f"{name}{number}")
            ranks = [start(folder, rank=rank, ranks=2, meet=meet) for rank in (0, 1)]
            if stop:
                wait_for(ranks[0], folder, stop)
                kill(*ranks)
                (folder / "eval" / "training_state.pt").write_bytes(b"damaged, so that both take the one before")
            for each in ranks:
                each.join()
        assert [each.exitcode for each in ranks] == [0, 0]
    assert len(lines(tmp_path / "killed")) == 2 * STEPS and same(tmp_path / "killed", tmp_path / "undisturbed")
