"""A full or vanished disk, damaged and planted files: one sentence, the old state intact, nothing half left behind."""

import json
import resource
from pathlib import Path

import pytest
import torch
from faults.small_run import lines, same, start, told, wait_for

from smart_nets.errors import CheckpointError
from smart_nets.training.checkpoint import newest_state, previous_of


@pytest.fixture
def begun(undisturbed, tmp_path) -> Path:
    """A run that was killed in its first epoch."""
    child = start(tmp_path)
    wait_for(child, tmp_path, 5)
    child.kill()
    child.join()
    return tmp_path


def small_files(trainer) -> None:
    """For `before`: files larger than 1 MB cannot be written, as on a full disk; the state of the run has 7 MB."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (10**6, 10**6))


def test_a_state_that_finds_no_room(begun, undisturbed):
    state = begun / "eval" / "training_state.pt"
    before = {path: path.read_bytes() for path in (state, previous_of(state))}
    child = start(begun, before=small_files)
    child.join()
    assert child.exitcode == 1 and "training_state.pt: cannot be written (found File too large)" in told(begun)
    assert "make room for 8 MB or choose another place" in told(begun)
    assert {path: path.read_bytes() for path in before} == before
    assert not list(begun.rglob("*.part"))
    child = start(begun)  # with room
    child.join()
    assert child.exitcode == 0 and same(begun, undisturbed)


def tiny_files(trainer) -> None:
    """For `before`: room for a line or two of the log."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (2000, 2000))


def test_a_log_that_finds_no_room(tmp_path):
    child = start(tmp_path, before=tiny_files, resume="never")
    child.join()
    assert child.exitcode == 1 and "metrics.jsonl: cannot be written (found File too large)" in told(tmp_path)
    first, *_ = (tmp_path / "eval" / "metrics.jsonl").read_text().splitlines()
    assert json.loads(first)["step"] == 1


def test_drafts_of_killed_runs_are_removed_at_the_next_start(begun, undisturbed):
    for name in (".training_state.pt.4711.0123abcd.part", ".report.html.1.0123abcd.part"):
        (begun / "eval" / name).write_bytes(b"half")
    (begun / "eval" / ".somebody.part").touch()
    child = start(begun)
    child.join()
    assert [path.name for path in begun.rglob("*.part")] == [".somebody.part"]
    assert same(begun, undisturbed)


@pytest.mark.parametrize("damage", ["cut", "flipped", "zeros", "missing", "other"])
def test_a_damaged_state_gives_way_to_the_one_before(begun, undisturbed, damage):
    state = begun / "eval" / "training_state.pt"
    content = bytearray(state.read_bytes())
    content[len(content) // 2] ^= 1
    if damage == "missing":
        state.unlink()
    else:
        other = {"cut": content[:-100], "flipped": content, "zeros": bytes(len(content)), "other": b"no state"}
        state.write_bytes(other[damage])
    done = len(lines(begun))
    child = start(begun)
    child.join()
    assert child.exitcode == 0 and told(begun).count("the state before the last is taken") == 1
    assert done >= 5 and same(begun, undisturbed)


def test_where_both_states_are_damaged_nothing_starts_from_zero(begun):
    state = begun / "eval" / "training_state.pt"
    for path in (state, previous_of(state)):
        path.write_bytes(path.read_bytes()[:-100])
    child = start(begun)
    child.join()
    assert child.exitcode == 1 and "training_state.pt: cannot be read as weights" in told(begun)
    assert len(lines(begun)) >= 5


def test_states_with_objects_are_refused_and_not_run(tmp_path):
    class Bad:
        def __reduce__(self):
            return Path.touch, (tmp_path / "canary",)

    torch.save({"network": Bad()}, tmp_path / "training_state.pt")
    with pytest.raises(CheckpointError, match="cannot be read as weights"):
        newest_state(tmp_path / "training_state.pt")
    assert not (tmp_path / "canary").exists()


@pytest.mark.parametrize("name", ["run.json", "metrics.jsonl", "training_state.pt", ".running"])
def test_planted_links_do_not_lead_to_other_files(undisturbed, tmp_path, name):
    """In a folder that others may write to, a link in the place of a result must not let it overwrite what is behind."""
    behind = tmp_path / "precious"
    behind.write_text("precious")
    (tmp_path / "out" / "eval").mkdir(parents=True)
    (tmp_path / "out" / "eval" / name).symlink_to(behind)
    child = start(tmp_path / "out", epochs=1, resume=False)
    child.join()
    assert behind.read_text() == "precious"
    assert child.exitcode == (1 if name == ".running" else 0)
