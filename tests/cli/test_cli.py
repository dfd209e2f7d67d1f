"""What all verbs have in common: arguments that are told before anything is done, and texts that stay texts."""

from __future__ import annotations

import ast
import json
import re
import subprocess
import sys
from inspect import signature
from pathlib import Path
from typing import Any

import pytest

from smart_nets import cli
from smart_nets.bundle_keys import told_keys
from smart_nets.cli.bundles import BUNDLES, _file, settings
from smart_nets.cli.completion import completion
from smart_nets.cli.look import _models
from smart_nets.cli.parse import help_of
from smart_nets.cli.verbs import VERBS, Verb, read_verb, verb_of
from smart_nets.errors import ConfigError, cause
from smart_nets.files import bundles_folder

NOTE = """
def note(scan: str, output_dir: str, percentile: float = 90, strict: bool = False, kind: Literal["cls", "knn"] = "cls") -> None:
    \"\"\"Note what it is called with.

    More about it.

    Args:
        scan: a file,
            or a folder.
        output_dir, percentile: where to write, and how much.
    \"\"\"
"""


@pytest.fixture
def call(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Run a verb that only notes what it is called with."""
    seen: dict[str, Any] = {}
    verb = verb_of(ast.parse(NOTE).body[0], "note", "note")

    def call(*arguments: str) -> dict[str, Any]:
        monkeypatch.setattr(cli, "VERBS", {"note": ("note", "note")})
        monkeypatch.setattr(cli, "read_verb", lambda name: verb)
        monkeypatch.setattr(Verb, "load", lambda verb: lambda **named: seen.update(named))
        monkeypatch.setattr(sys, "argv", ["smart_nets", "note", *arguments])
        monkeypatch.setattr(sys, "excepthook", sys.excepthook)  # `main` sets its own
        cli.main()
        return seen

    call.seen = seen
    return call


@pytest.mark.parametrize("name", ["2024_01", "007", "1e3", "a,b", "[1]"])
def test_a_path_stays_as_it_was_typed(call, name):
    assert call(name, "--output_dir", name) == {"scan": name, "output_dir": name}
    assert call("--output-dir", name, name) == {
        "scan": name,
        "output_dir": name,
    }  # after a flag, and as others spell it


def test_numbers_and_truths_are_still_understood(call):
    assert call("a", "b", "--percentile=80", "--strict")["percentile"] == 80
    assert call("a", "b", "--nostrict")["strict"] is False
    assert call("--strict", "a", "b") == {"scan": "a", "output_dir": "b", "percentile": 80, "strict": True}
    assert call("--", "-a.nii", "b")["scan"] == "-a.nii"
    assert call("a", "b", "--strict", "false")["strict"] is False and call("a", "b", "--strict=True")["strict"] is True


def test_what_is_neither_true_nor_false_is_told(call):
    with pytest.raises(ConfigError, match=r"--strict: cannot be .expected true or false, found maybe"):
        call("a", "b", "--strict=maybe")
    with pytest.raises(ConfigError, match=r"--strict: cannot be .expected true or false, found yes"):
        call("a", "b", "--strict", "yes")


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("a", "b", "--percentile", "much"), r"--percentile: cannot be .expected a number, found much"),
        (("a", "b", "--kind", "tree"), r"--kind: cannot be .expected cls or knn, found tree"),
        (
            ("a", "b", "--percentile"),
            r"note: argument --percentile: expected one argument; give a value that begins with",
        ),
        (
            ("a", "b", "--kind", "cls", "--kind", "knn"),
            r"--kind: is given twice; give it once; several are joined by commas",
        ),
        (("--strict", "a", "--", "-b.nii", "c"), r"note: has more values than arguments"),
        (("a",), r"note --output_dir: is not given; see note --help"),
    ],
)
def test_what_a_value_can_be_is_told_before_the_work(call, words, says):
    with pytest.raises(ConfigError, match=says):
        call(*words)
    assert not call.seen


@pytest.mark.parametrize(
    ("flag", "says"),
    [
        ("--percentle", r"note --percentle: is no argument .*; perhaps --percentile is meant"),
        ("--output-dri=x", r"note --output_dri: is no argument .*; perhaps --output_dir is meant"),
        ("--zzz", r"note --zzz: is no argument .*; see --help"),
        ("-percentle", r"note --percentle: is no argument .*; perhaps --percentile is meant"),
        ("--percent", r"note --percent: is no argument .*; perhaps --percentile is meant"),  # no abbreviations
    ],
)
def test_a_misspelt_flag_is_told_before_the_work(call, flag, says):
    with pytest.raises(ConfigError, match=says):
        call("a", "b", flag, "80")


@pytest.mark.parametrize("words", [("--help",), ("a", "--help"), ("a", "b", "--help"), ("a", "b", "--percentile", "-h"),
                                   ("a", "--zzz", "--", "--help")])  # fmt: skip
def test_help_after_arguments_shows_help_and_does_nothing_else(call, capsys, words):
    call(*words)
    text = capsys.readouterr().out
    assert "usage: smart-nets note --scan SCAN --output_dir OUTPUT_DIR [--percentile] [--strict] [--kind]" in text
    assert (
        "More about it." in text and "a file, or a folder." in text and "[default 90]" in text and "(cls, knn)" in text
    )
    assert not call.seen


def test_more_values_than_arguments_are_told_before_the_work(call):
    with pytest.raises(ConfigError, match="note: has more values than arguments"):
        call("a", "b", "80", "False", "surplus")
    assert not call.seen


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["atend"], "atend: is no verb; perhaps attend is meant"),
        (["zoo", "lnt"], "zoo lnt: is no verb; perhaps zoo lint is meant"),
        (["--zzz"], "--zzz: is no verb; see smart-nets --help"),
        (["settings", "pretain"], "pretain: is no task .expected pretrain, classify"),
        (["segment", "from_scrach"], "from_scrach: is no configuration .expected a file, or evaluate, few_shot"),
        (
            ["segment", "--dataset_dir", "x", "frozen"],
            "frozen: belongs to no name; quote a value that has spaces; configurations stand before",
        ),
        (["compare", "--runs", "a"], "compare --runs: is no argument .expected output_dir.; give them without a name"),
        (
            ["segment", "inference", "--modl_path", "x"],
            "--modl_path: is no key of the configuration; perhaps --model_path",
        ),
    ],
)
def test_a_word_that_is_no_verb_task_or_file(words, says, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["smart-nets", *words])
    monkeypatch.setattr(sys, "excepthook", sys.excepthook)
    with pytest.raises((ConfigError, RuntimeError)) as caught:
        cli.main()
    assert re.search(says, str(cause(caught.value)))


def test_help_and_version_import_nothing_heavy():
    """Fresh processes: what they import decides how long a user waits."""
    for words in (
        ["--help"],
        ["--version"],
        ["attend", "--help"],
        ["zoo", "--help"],
        ["completion"],
        ["settings", "segment"],
    ):
        code = (
            f"import sys; sys.argv = ['smart-nets', *{words}]; from smart_nets.cli import main; main(); "
            "print(sorted({'torch', 'monai', 'numpy', 'fire'} & set(sys.modules)))"
        )
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
        *text, imported = done.stdout.splitlines()
        assert imported == "[]" and text, words


def test_whoever_reads_the_help_may_stop():
    done = subprocess.run(
        ["bash", "-c", f"{sys.executable} -m smart_nets --help | head -1"], capture_output=True, text=True
    )
    assert done.stdout.startswith("usage: smart-nets VERB") and "Traceback" not in done.stderr


def test_every_verb_is_told_as_it_is():
    for name in VERBS:
        verb = read_verb(name)
        taken = signature(verb.load()).parameters
        assert [one.name for one in verb.arguments] == [one for one in taken if one != "told"], name
        assert verb.summary.endswith((".", ":", "rc (zsh: bashcompinit first).")) and help_of(verb), name
        assert all(one.told for one in verb.arguments), name


def test_a_shell_completes_verbs_and_names():
    script = (
        completion()
        + """
COMP_WORDS=(smart-nets at); COMP_CWORD=1; _smart_nets; echo "${COMPREPLY[@]}"
COMP_WORDS=(smart-nets zoo verify --k); COMP_CWORD=3; _smart_nets; echo "${COMPREPLY[@]}"
"""
    )
    done = subprocess.run(["bash", "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["attend", "--key"]


def test_settings_are_listed_with_default_and_meaning():
    text = settings("segment")
    assert "--learning_rate, --decoder_learning_rate [preset]" in text and "of the pretrained encoder" in text
    assert "--overlap" in text and "preset tiny: " in text
    assert settings("smart_pretrain") == settings("pretrain") and "--dataset_dir" in settings("pretrain")
    assert "inference.json" in settings("zeroshot") and "--random_encoders" not in settings("zeroshot")
    assert "--random_encoders" in settings("zeroshot", "evaluate")
    with pytest.raises(ConfigError, match=r"--config: .*expected evaluate or inference, found train"):
        settings("zeroshot", "train")


def test_a_file_of_ones_own_comes_before_the_bundles(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    folder = {"train": Path("/bundle/train.json")}
    assert _file("train.json", folder) == Path("/bundle/train.json")
    Path("train.json").write_text("{}")
    assert _file("train.json", folder) == tmp_path / "train.json" and _file("train", folder) == Path(
        "/bundle/train.json"
    )


@pytest.mark.parametrize("bundle", BUNDLES.values())
def test_what_the_docs_explain_is_a_key_of_the_bundle(bundle):
    folder = bundles_folder() / bundle
    known = {key for path in (folder / "configs").glob("*.json") for key in json.loads(path.read_text())}
    told = [name for key in told_keys(folder) for name in key.names]
    assert told and not [name for name in told if name not in known]


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
