"""The command's own settings: what is no list, what it sets itself, and runs that fail without costing the others."""

import importlib.util
import sys
from argparse import Namespace
from pathlib import Path

import pytest

from smart_nets.errors import ConfigError, InputError
from smart_nets.tables.plan import jobs_of, known_seconds

FILE = Path(__file__).parents[2] / "benchmarks" / "paper_tables.py"


@pytest.fixture(scope="module")
def command():
    spec = importlib.util.spec_from_file_location("paper_tables", FILE)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["paper_tables"] = module
    spec.loader.exec_module(module)
    return module


def args(tmp_path, **more) -> Namespace:
    return Namespace(**{"preset": "tiny", "data": "scans", "work": tmp_path, "epochs": 1, "set": ""} | more)


def test_what_every_run_is_given(command, tmp_path):
    found = command.settings_of(args(tmp_path, set="--batch_size 4 --places 1"))
    assert found == {
        "preset": "tiny", "dataset_dir": "scans", "max_epochs": 1, "batch_size": "4", "places": "1",
        "cache_dir": str(tmp_path / "cache"),
    }  # fmt: skip


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ("--batch_size", "is no list of settings"),
        ("batch_size 4", "is no list of settings"),
        ("'--x 1", "cannot be read"),
        ("--seed 7", "is set by the command itself"),
        ("--preset base", "is set by the command itself"),
    ],
)
def test_settings_that_cannot_be(command, tmp_path, words, says):
    with pytest.raises(ConfigError, match=says):
        command.settings_of(args(tmp_path, set=words))


def test_a_row_that_fails_costs_nothing_but_itself(command, tmp_path, monkeypatch, capsys):
    jobs = jobs_of(["4a"], 1, tmp_path)

    def fails(job, *_):
        raise InputError("run failed", where=job.row.name)

    monkeypatch.setattr(command, "train_run", fails)
    assert not command.ended(jobs[0], {}, None, 1)
    assert "smit, seed 1 failed: smit: run failed." in capsys.readouterr().out


def test_places_of_files_are_not_told(command):
    assert command.told("/home/doe/scans.json") == "scans.json"
    assert command.told("--pretrained /home/doe/secret/model.pt --x 1") == "--pretrained model.pt --x 1"


@pytest.mark.parametrize("text", ["", "{", "[1]", "{}"])
def test_a_damaged_result_is_told(tmp_path, text):
    jobs = jobs_of(["4a"], 1, tmp_path)
    jobs[0].folder.mkdir(parents=True)
    jobs[0].result.write_text(text)
    with pytest.raises(InputError, match=r"result\.json.*delete it"):
        list(known_seconds(jobs))
