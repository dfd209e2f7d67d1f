"""Asked to stop, a run finishes its step, keeps its state, and ends with the code that clusters expect."""

import os
import signal

import pytest
from faults.small_run import STEPS, lines, same, start, stuck, wait_for

from smart_nets.training.checkpoint import newest_state
from smart_nets.training.signals import Stopped, StopSignals


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130), (signal.SIGUSR1, 0)])
@pytest.mark.parametrize("workers", [0, 2])
def test_a_signal_saves_and_ends(undisturbed, tmp_path, number, code, workers):
    child = start(tmp_path, workers=workers, minutes=60)  # the signal brings the state of this very step
    wait_for(child, tmp_path, 3)
    os.killpg(child.pid, number)  # as a terminal or a cluster does: to workers, too
    child.join(30)
    assert child.exitcode == code
    done = len(lines(tmp_path))
    assert 3 <= done < 2 * STEPS and newest_state(tmp_path / "eval" / "training_state.pt")["iteration"] == done
    if number == signal.SIGTERM:
        child = start(tmp_path, workers=workers)
        child.join()
        assert child.exitcode == 0 and same(tmp_path, undisturbed)


def test_ranks_stop_after_the_same_step(tmp_path):
    ranks = [start(tmp_path, rank=rank, ranks=2, meet=str(tmp_path / "meet"), minutes=60) for rank in (0, 1)]
    wait_for(ranks[0], tmp_path, 2)
    os.kill(ranks[1].pid, signal.SIGTERM)  # one of them is enough
    for each in ranks:
        each.join(30)
    assert [each.exitcode for each in ranks] == [143, 143]
    assert newest_state(tmp_path / "eval" / "training_state.pt")["iteration"] == len(lines(tmp_path))


def test_a_second_signal_ends_at_once(tmp_path):
    child = start(tmp_path, before=stuck)
    wait_for(child, tmp_path, 1)
    for _ in range(2):
        os.kill(child.pid, signal.SIGTERM)
        child.join(0.5)
    child.join(10)
    assert child.exitcode == -signal.SIGTERM


def test_signals_do_what_they_did_when_nobody_listens():
    before = signal.getsignal(signal.SIGTERM)
    signals = StopSignals()
    signals.listen()
    assert signal.getsignal(signal.SIGTERM) != before and not signals.wanted()
    os.kill(os.getpid(), signal.SIGTERM)
    assert signals.wanted()
    with pytest.raises(Stopped, match="SIGTERM: stopped after step 3") as caught:
        signals.stop("stopped after step 3")
    assert caught.value.code == 143 and signal.getsignal(signal.SIGTERM) == before
