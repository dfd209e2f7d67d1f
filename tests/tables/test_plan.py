"""What a table costs, which runs are left, and folders that hold other runs."""

from pathlib import Path

import pytest

from smart_nets.errors import ConfigError, InputError
from smart_nets.files import write_json
from smart_nets.tables.plan import KEYS, jobs_of, known_seconds, same_plan, seconds_of, told_plan


@pytest.mark.parametrize(
    ("text", "seconds"), [("6h", 21600), ("90 min", 5400), ("1.5h", 5400), ("45s", 45), ("2d", 172800)]
)
def test_lengths_of_time(text, seconds):
    assert seconds_of(text) == seconds


@pytest.mark.parametrize("text", ["", "6", "h", "six hours", "0h", "-1h", "6 weeks"])
def test_what_is_no_length_of_time(text):
    with pytest.raises(ConfigError, match="budget: is no length of time"):
        seconds_of(text)


def test_runs_that_tables_share_are_done_once_and_seed_by_seed(tmp_path):
    jobs = jobs_of(["1", "4a"], 2, tmp_path)
    names = [(job.seed, job.row.name) for job in jobs]
    assert len(names) == len(set(names)) == 2 * 7  # all four rows of 4a are among the seven of 1
    assert [seed for seed, _ in names] == [1] * 7 + [2] * 7


def test_a_table_with_crops_of_its_own_has_folders_of_its_own(tmp_path):
    five = jobs_of(["5"], 1, tmp_path)
    assert {job.folder.parent.name for job in five} == {f"sa_stage_{stage}_64" for stage in (1, 2, 3, 4)}
    assert all(job.options["crop_size"] == [64, 64, 64] for job in five)


def test_the_plan_in_words(tmp_path):
    jobs = jobs_of(["4a"], 3, tmp_path)
    write_json(jobs[0].result, dict.fromkeys(KEYS, 0) | {"seconds": 600})
    assert list(known_seconds(jobs)) == [600.0]
    lines = told_plan(jobs, 600, 2, 3600)
    assert lines[0] == "12 runs, 1 of them done; about 10 min a run, 2 at once"
    assert lines[1] == "left: 11 runs, about 1 h"
    assert len(lines) == 2, "an hour is just enough"
    assert "reaches for 6 of them" in told_plan(jobs, 600, 2, 1800)[2]


def test_a_folder_of_other_runs_is_refused(tmp_path):
    same_plan(tmp_path, {"preset": "tiny", "max_epochs": 2})
    same_plan(tmp_path, {"preset": "tiny", "max_epochs": 2})
    with pytest.raises(InputError, match=r"other settings.*max_epochs 2 there, 3 asked"):
        same_plan(tmp_path, {"preset": "tiny", "max_epochs": 3})


@pytest.mark.parametrize(("tables", "seeds"), [(["7"], 1), (["1"], 0), (["1"], 1.5)])
def test_what_is_no_table_or_seed(tables, seeds):
    with pytest.raises(ConfigError):
        jobs_of(tables, seeds, Path("work"))
