from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest

from smart_nets.errors import InputError
from smart_nets.pages.metrics_log import LoggedSeries, read_metrics


def write(path: Path, *lines: object) -> Path:
    path.write_text("".join(line if isinstance(line, str) else json.dumps(line) + "\n" for line in lines))
    return path


def test_numbers_become_series_and_nested_names_are_joined(tmp_path: Path) -> None:
    notes: list[str] = []
    first = {"step": 1, "loss": 2.0, "teacher_entropy": {"aitd": 7.5}}
    path = write(tmp_path / "m.jsonl", first, {"step": 2, "loss": 1})
    series = read_metrics(path, notes)
    assert series["loss"].steps.tolist() == [1, 2] and series["loss"].values.tolist() == [2.0, 1.0]
    assert series["teacher_entropy/aitd"].steps.tolist() == [1]
    assert notes == []


def test_a_line_cut_off_by_a_kill_is_left_out_and_told(tmp_path: Path) -> None:
    notes: list[str] = []
    path = write(tmp_path / "m.jsonl", {"step": 1, "loss": 2.0}, '{"step": 2, "lo')
    assert read_metrics(path, notes)["loss"].steps.tolist() == [1]
    assert notes == ["The last line of metrics.jsonl was cut off, as happens when a run is killed; it is left out."]


def test_broken_lines_inside_are_counted(tmp_path: Path) -> None:
    notes: list[str] = []
    bad = ['{"step": 2, "lo\n', "[3]\n", '{"loss": 1}\n', '{"step": 4, "loss": "high"}\n', '{"step": null}\n']
    path = write(tmp_path / "m.jsonl", {"step": 1, "loss": 2.0}, *bad, {"step": 5, "loss": 1.0})
    assert read_metrics(path, notes)["loss"].steps.tolist() == [1, 5]
    assert notes == ["5 lines of metrics.jsonl could not be read and are left out (first: line 2)."]


def test_a_resumed_run_shows_the_later_value_in_order(tmp_path: Path) -> None:
    notes: list[str] = []
    steps = [(1, 9.0), (2, 8.0), (3, 7.0), (2, 6.0), (3, 5.0)]
    series = read_metrics(write(tmp_path / "m.jsonl", *({"step": s, "loss": v} for s, v in steps)), notes)
    assert series["loss"].steps.tolist() == [1, 2, 3] and series["loss"].values.tolist() == [9.0, 6.0, 5.0]
    assert notes == ["The run was resumed: 2 steps are logged twice, the later value is shown."]


@pytest.mark.parametrize("value", ["null", "NaN", "Infinity", "-Infinity"])
def test_what_is_no_number_is_a_gap_and_told(tmp_path: Path, value: str) -> None:
    notes: list[str] = []
    path = write(tmp_path / "m.jsonl", {"step": 1, "amip": 0.2}, f'{{"step": 2, "amip": {value}}}\n')
    values = read_metrics(path, notes)["amip"].values
    assert values[0] == 0.2 and math.isnan(values[1])
    assert notes == ["amip: no number at 1 step (first: step 2), shown as a gap."]


def test_a_name_that_is_not_logged_at_a_step_is_no_gap(tmp_path: Path) -> None:
    notes: list[str] = []
    path = write(tmp_path / "m.jsonl", {"step": 1, "loss": 1.0}, {"step": 2, "loss": 1.0, "grad_norm": 3.0})
    assert read_metrics(path, notes)["grad_norm"].steps.tolist() == [2]
    assert notes == []


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "is missing"),
        ("", "no readable line"),
        ("hello\n", "no readable line"),
        ('{"step": 1}\n', "without any number"),
    ],
)
def test_bad_files(tmp_path: Path, content: str | None, message: str) -> None:
    path = tmp_path / "m.jsonl"
    if content is not None:
        path.write_text(content)
    with pytest.raises(InputError, match=message):
        read_metrics(path, [])


def test_ends_are_means_of_the_first_and_last_two_percent() -> None:
    values = np.r_[4.0, 2.0, np.zeros(96), 1.0, 5.0, math.nan]  # 100 finite values: 2 % are 2
    assert LoggedSeries(np.arange(101), values).ends() == (3.0, 3.0)
    assert LoggedSeries(np.arange(2), np.array([7.0, 1.0])).ends() == (7.0, 1.0)
    assert all(math.isnan(end) for end in LoggedSeries(np.arange(1), np.array([math.nan])).ends())
