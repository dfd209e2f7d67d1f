"""Bundles are read, never run; what is wrong with them is listed in one go."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from smart_nets.errors import InputError
from smart_nets.zoo.lint.bundle import lint
from smart_nets.zoo.lint.fault import Fault

BUNDLES = Path(__file__).parents[3] / "bundles"
NAMES = ("smart_lidc_classify", "smart_organ_cluster", "smart_pretrain", "smart_segment", "smart_zeroshot_seg")
PLAIN = "smart_zeroshot_seg"


@pytest.mark.parametrize("name", NAMES)
def test_clean(name):
    assert [str(fault) for fault in lint(BUNDLES / name)] == []


def test_all_bundles_in_less_than_two_seconds_without_torch():
    """Seconds of the processor in a process of its own, from its start: other work on the machine does not count."""
    code = (
        "import sys, time; from smart_nets.zoo.lint.bundle import lint; "
        f"assert lint({str(BUNDLES)!r}) == []; assert time.process_time() < 2, time.process_time(); "
        "assert not {'torch', 'monai', 'numpy'} & set(sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    "value",
    [
        "$__import__('os').system('touch canary')",
        "$import canary",
        {"_target_": "os.system", "command": "touch canary"},
        {"_target_": "canary.Canary"},
    ],
)
def test_canary(value, copy, edit, tmp_path, monkeypatch):
    """Neither an expression, nor an import, nor a component of a damaged bundle runs."""
    folder = copy(PLAIN)
    (tmp_path / "canary.py").write_text("open('canary', 'w').close()\nclass Canary: pass")
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    path = folder / "configs" / "inference.json"
    edit(path, "overlap", value)
    faults = lint(folder)
    assert faults and {fault.file for fault in faults} == {path}
    assert all(fault.key in ("overlap", "overlap#_target_") for fault in faults)
    assert not (tmp_path / "canary").exists() and "canary" not in sys.modules


def test_all_at_once(copy, edit):
    """Ten faults in five files of two bundles."""
    first, second = copy("smart_pretrain"), copy(PLAIN)
    (first / "LICENSE").unlink()
    (second / "scripts").mkdir()
    (second / "scripts" / "net.py").write_text("")
    train, metadata = first / "configs" / "train.json", first / "configs" / "metadata.json"
    edit(train, "seed", "$open('seed')")
    edit(train, "resume", "@resumes")
    edit(train, "cache_dir", "/scratch")
    edit(train, "train#inferer#_target_", "os.system")
    edit(metadata, "references", "Jiang J. et al.")
    edit(metadata, "version", "0.1.1")
    inference = second / "configs" / "inference.json"
    edit(inference, "imports#+", "$import glob")
    inference.write_text(inference.read_text().replace('"head": null', '"head": null, "head": 1', 1))
    found = [(fault.file, fault.key) for fault in lint(first.parent)]
    assert sorted(found) == sorted(
        [
            (first / "LICENSE", ""),
            *[(train, key) for key in ("seed", "resume", "cache_dir", "train#inferer#_target_")],
            *[(metadata, key) for key in ("references", "changelog")],
            (second / "scripts" / "net.py", ""),
            *[(inference, key) for key in ("head", f"imports#{len(json.loads(inference.read_text())['imports']) - 1}")],
        ]
    )


@pytest.mark.parametrize("name", ["LICENSE", "configs/metadata.json", "configs/inference.json", "docs/README.md"])
def test_missing_file(name, copy):
    path = copy(PLAIN) / name
    path.unlink()
    assert [(fault.file, fault.key, fault.what) for fault in lint(path.parents[name.count("/")])] == [
        (path, "", "is missing")
    ]


@pytest.mark.parametrize(
    ("name", "what"),
    [
        ("net.py", "is code in a bundle"),
        ("scripts/__init__.py", "is code in a bundle"),
        ("docs/smart_nets/x.py", "is code in a bundle"),
        ("models/net.so", "is code in a bundle"),
        ("configs/train.yaml", "is not checked"),
        ("configs/extra/train.json", "is not checked"),
    ],
)
def test_file_too_many(name, what, copy):
    folder = copy(PLAIN)
    path = folder / name
    path.parent.mkdir(exist_ok=True)
    path.write_text("{}")
    (fault,) = lint(folder)
    assert fault.what == what and path.is_relative_to(fault.file)


def test_vendored_package(copy, edit):
    """The bundle's own copy of smart_nets decides which classes there are."""
    folder = copy(PLAIN)
    package = folder / "smart_nets"
    shutil.copytree(BUNDLES.parent / "smart_nets", package, ignore=shutil.ignore_patterns("__pycache__"))
    assert lint(folder) == []
    source = package / "localize" / "marking.py"
    source.write_text(source.read_text().replace("class Marking:", "class Marker:"))
    keys = [(fault.file.name, fault.key) for fault in lint(folder)]
    assert keys == [("evaluate.json", "marking#_target_"), ("inference.json", "marking#_target_")]
    source.write_text("class Marking(")
    assert {(fault.file.name, fault.key) for fault in lint(folder)} > set(keys)  # nothing of the file is there


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (b'{"a": 1,\n "b": }', "is no JSON at line 2, column 7 (found Expecting value)"),
        (b"", "is no JSON at line 1, column 1"),
        (b'{"a": 1}}', "is no JSON at line 1, column 9 (found Extra data)"),
        ('{"a": "Größe"}'.encode("latin-1"), "is no JSON (expected UTF-8 text"),
        (b"[1, 2]", "is no table of settings (expected {...}, found list)"),
        (b'{"a": ' * 60 + b"1" + b"}" * 60, "is nested too deeply (expected 50 levels, found 59 or more)"),
        (b'{"a": ' * 10_000, "is nested too deeply"),
    ],
)
@pytest.mark.parametrize("name", ["train.json", "linear_probe.json", "metadata.json"])
def test_no_json(name, text, says, copy):
    path = copy("smart_lidc_classify") / "configs" / name
    path.write_bytes(text)
    (fault,) = lint(path.parents[1])
    assert str(fault).startswith(f"{path}: {says}")


@pytest.mark.parametrize(
    ("old", "new", "key"),
    [
        ('"overlap": 0.5', '"overlap": 0.5, "overlap": 0.5', "overlap"),
        ('"percentile": "@percentile"', '"percentile": 90, "percentile": "@percentile"', "marking#percentile"),
        ('{"_target_": "EnsureTyped"', '{"keys": "x", "_target_": "EnsureTyped"', "preprocessing#transforms#3#keys"),
    ],
)
def test_doubled_key(old, new, key, copy):
    path = copy(PLAIN) / "configs" / "inference.json"
    path.write_text(path.read_text().replace(old, new, 1))
    assert [(fault.file, fault.key, fault.what) for fault in lint(path.parents[1])] == [
        (path, key, "stands twice in one table")
    ]


@pytest.mark.parametrize(
    ("section", "old", "new", "key"),
    [
        ("handler_console", "class=StreamHandler", "class=os.system", "class"),
        ("handler_console", "class=StreamHandler", "class=eval", "class"),
        ("handler_console", "class=StreamHandler", "class=logging.getLogger", "class"),
        ("handler_console", "class=StreamHandler", "class=logging.Logger", "class"),
        ("handler_console", "class=StreamHandler", "class=logging.handlers.os.system", "class"),
        ("handler_console", "class=StreamHandler", "class=logging.handlers.SocketHandler", "class"),
        ("handler_console", "args=(sys.stderr,)", "args=('smart.log', 'w')", "args"),
        ("handler_console", "args=(sys.stderr,)", "args=[open('x', 'w')]", "args"),
        ("handler_console", "args=(sys.stderr,)", "args=(sys.stderr,)\nstream=x", "stream"),
        ("handler_console", "level=INFO\nfor", "level=INFO if open('x', 'w') else 0\nfor", "level"),
        ("formatter_plain", "format=%(asctime)s", "format={0.__class__}", "format"),
        ("formatter_plain", "datefmt=", "style={\ndatefmt=", "style"),
        ("formatter_plain", "datefmt=", "class=os.system\ndatefmt=", "class"),
        ("handler_console", "args=(sys.stderr,)", "args=(os.path.join('a', 'b'),)", "args"),
        ("handler_console", "args=(sys.stderr,)", "args=(sys.stdin,)", "args"),
        ("handler_console", "args=(sys.stderr,)", "args=(", "args"),
        ("handler_console", "args=(sys.stderr,)", "args=('/var/log/smart.log',)", "args"),
        ("handler_console", "args=(sys.stderr,)", "args=()\nkwargs={'stream': open('x')}", "kwargs"),
        ("formatter_plain", "datefmt=", "defaults={'a': open('x')}\ndatefmt=", "defaults"),
    ],
)
def test_logging(section, old, new, key, copy):
    path = copy(PLAIN) / "configs" / "logging.conf"
    path.write_text(path.read_text().replace(old, new))
    assert [(fault.file, fault.key) for fault in lint(path.parents[1])] == [(path, f"{section}#{key}")]


@pytest.mark.parametrize(
    "new",
    [
        "class=FileHandler\nargs=('smart.log', 'a')",
        "class=logging.StreamHandler\nargs=(sys.stdout,)",
        "class=StreamHandler",
    ],
)
def test_logging_that_passes(new, copy):
    path = copy(PLAIN) / "configs" / "logging.conf"
    path.write_text(path.read_text().replace("class=StreamHandler\n", "").replace("args=(sys.stderr,)", new))
    assert lint(path.parents[1]) == []


@pytest.mark.parametrize("text", ["no section", "[a]\nx=1\n[a]\n"])
def test_logging_that_is_none(text, copy):
    path = copy(PLAIN) / "configs" / "logging.conf"
    path.write_text(text)
    assert [(fault.file, fault.what) for fault in lint(path.parents[1])] == [(path, "is no logging configuration")]


def test_one_line():
    path = Path("bundles", "x", "configs", "train.json")
    fault = Fault(path, "train#trainer", "is missing", "a trainer", "nothing", "add it")
    assert (
        str(fault)
        == "bundles/x/configs/train.json: train#trainer: is missing (expected a trainer, found nothing); add it."
    )
    assert str(Fault(path, "", "is missing")) == "bundles/x/configs/train.json: is missing."
    assert str(Fault(path, "a\nb", "is \x1b[31mred", found="x" * 101)).endswith(
        f"a b: is \\x1b[31mred (found {'x' * 100}...)."
    )


@pytest.mark.parametrize("make", [None, "configs", "smart_pretrain/docs", "smart_pretrain/configs"])
def test_no_bundle(make, tmp_path):
    """No folder, or none with a folder configs: here it is a file."""
    folder = tmp_path / "bundles"
    if make is not None:
        (folder / make).parent.mkdir(parents=True)
        (folder / make).write_text("")
    with pytest.raises(InputError, match="holds no bundle"):
        lint(folder)


@pytest.mark.parametrize(
    "row",
    [
        {"_row_": "$import canary", "seed": 1},
        {"_row_": "%/etc/passwd.json#x", "seed": 1},
        {"_target_": "os.system", "seed": 1},
        {"_note_": "$__import__('os').system('id')", "seed": 1},
        {"seed": "$import canary"},
        {"output_dir": "elsewhere/../.."},
    ],
)
def test_a_row_of_methods_hides_nothing(row, copy, tmp_path):
    """Rows of numbers are not laid over train.json; whatever else stands in a row is looked at."""
    folder = copy("smart_pretrain")
    (folder / "configs" / "methods" / "row.json").write_text(json.dumps(row))
    assert any("methods" in str(fault.file) for fault in lint(folder)), row


def test_rows_have_names_of_their_own(copy):
    folder = copy("smart_pretrain")
    (folder / "configs" / "methods" / "train.json").write_text('{"seed": 1}')
    assert any("has a name of configs" in str(fault) for fault in lint(folder))
