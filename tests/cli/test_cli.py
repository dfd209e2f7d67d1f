"""What all verbs have in common: arguments that are told before anything is done, and texts that stay texts."""

from __future__ import annotations

import sys
from typing import Any

import pytest

from smart_nets import cli
from smart_nets.cli.look import _models
from smart_nets.errors import ConfigError


@pytest.fixture
def call(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Run a verb that only notes what it is called with."""
    seen: dict[str, Any] = {}

    def note(scan: str, output_dir: str, percentile: float = 90, strict: bool = False) -> None:
        seen.update(scan=scan, output_dir=output_dir, percentile=percentile, strict=strict)

    def call(*arguments: str) -> dict[str, Any]:
        monkeypatch.setattr(cli, "VERBS", {"note": ("note", "note")})
        monkeypatch.setattr(cli, "_function", lambda module, name: note)
        monkeypatch.setattr(sys, "argv", ["smart_nets", "note", *arguments])
        monkeypatch.setattr(sys, "excepthook", sys.excepthook)  # `main` sets its own
        cli.main()
        return seen

    call.seen = seen
    return call


@pytest.mark.parametrize("name", ["2024_01", "007", "1e3", "a,b", "[1]"])
def test_a_path_stays_as_it_was_typed(call, name):
    assert call(name, "--output_dir", name) == {**{"scan": name, "output_dir": name, "percentile": 90, "strict": False}}


def test_numbers_and_truths_are_still_understood(call):
    assert call("a", "b", "--percentile=80", "--strict")["percentile"] == 80
    assert call("a", "b", "--nostrict")["strict"] is False
    assert call("a", "b", "--strict", "false")["strict"] is False and call("a", "b", "--strict=True")["strict"] is True


def test_what_is_neither_true_nor_false_is_told(call):
    with pytest.raises(ConfigError, match=r"--strict: is no truth .expected true or false, found maybe"):
        call("a", "b", "--strict", "maybe")


@pytest.mark.parametrize(
    ("flag", "says"),
    [
        ("--percentle", r"note --percentle: is no argument .*; perhaps --percentile is meant"),
        ("--output-dri=x", r"note --output_dri: is no argument .*; perhaps --output_dir is meant"),
        ("--zzz", r"note --zzz: is no argument .*; see --help"),
        ("-percentle", r"note --percentle: is no argument .*; perhaps --percentile is meant"),
    ],
)
def test_a_misspelt_flag_is_told_before_the_work(call, flag, says):
    with pytest.raises(ConfigError, match=says):
        call("a", "b", flag, "80")


@pytest.mark.parametrize("words", [("--help",), ("a", "--help"), ("a", "b", "--help"), ("a", "b", "--percentile", "-h"),
                                   ("a", "--zzz", "--", "--help")])  # fmt: skip
def test_help_after_arguments_shows_help_and_does_nothing_else(call, capsys, words):
    with pytest.raises(SystemExit) as ended:
        call(*words)
    assert ended.value.code == 0
    assert "--percentile" in "".join(capsys.readouterr())
    assert not call.seen


def test_more_values_than_arguments_are_told_before_the_work(call):
    with pytest.raises(ConfigError, match="note: has more values than arguments"):
        call("a", "b", "80", "False", "surplus")
    assert not call.seen


@pytest.mark.parametrize("name", ["a:b", "", "..", "x" * 41, "a\\b", "<b>"])
def test_a_name_that_no_file_could_have(name):
    with pytest.raises(ConfigError, match=r"model: (cannot be the name|is neither)"):
        _models(f"{name}=random")


def test_models_are_told_apart_whatever_the_case():
    with pytest.raises(ConfigError, match="models have the same name"):
        _models("A=random,a=random")


def test_home_is_spelt_out(monkeypatch):
    monkeypatch.setenv("HOME", "/home/somebody")
    assert _models("own=~/m.pt,~/run/models/model.pt") == {
        "own": "/home/somebody/m.pt",
        "run": "/home/somebody/run/models/model.pt",
    }
