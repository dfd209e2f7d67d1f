"""One run at a time in a folder; what killed ones left half is removed, and nothing else."""

import pytest

from smart_nets.errors import InputError
from smart_nets.training.run_folder import LOCK, RunFolder


def test_a_second_run_is_kept_out_until_the_first_ends(tmp_path):
    first, second = RunFolder(tmp_path / "new"), RunFolder(tmp_path / "new")
    first.claim()
    with pytest.raises(InputError, match="another run is at work here; wait until it ends, or give another output_dir"):
        second.claim()
    first.leave()
    second.claim()
    second.leave()
    second.leave()  # twice is no harm


def test_only_drafts_are_removed(tmp_path):
    names = (".run.json.12.0123abcd.part", ".run.json.part", "run.json", ".hidden", "x.12.0123abcd.part")
    for name in names:
        (tmp_path / name).touch()
    folder = RunFolder(tmp_path)
    folder.claim()
    folder.leave()
    assert {path.name for path in tmp_path.iterdir()} == {*names[1:], LOCK}


def test_places_that_are_no_folder(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match="cannot hold results"):
        RunFolder(tmp_path / "file" / "eval").claim()
    (tmp_path / LOCK).symlink_to(tmp_path / "file")
    with pytest.raises(InputError, match="cannot be written"):
        RunFolder(tmp_path).claim()
