"""Logging files that a stranger could send: `fileConfig` would evaluate them, so lint passes only what is spelt out."""

from __future__ import annotations

import os

import pytest

from smart_nets.zoo.lint.bundle import lint

SAYS = "says what it may not"
GIVEN = "are not what this handler may be given"
CONSOLE = "class=StreamHandler\nargs=(sys.stderr,)"
HANDLERS = [
    ("class=FileHandler\nargs=('canary.log', 'w')", GIVEN),
    ("class=FileHandler\nargs=('../canary.log', 'a')", GIVEN),
    ("class=FileHandler\nargs=('/tmp/canary.log', 'a')", GIVEN),
    ("class=FileHandler\nargs=('configs/train.json', 'a')", GIVEN),
    ("class=FileHandler\nargs=(*['canary.log'], 'a')", GIVEN),
    ("class=FileHandler\nargs=('a' 'b.log', 'a')", GIVEN),
    ("class=StreamHandler\nargs=(open('canary', 'w'),)", GIVEN),
    ("class=StreamHandler\nargs=(sys.stderr, os.system('touch canary'))", GIVEN),
    ("class=StreamHandler\nargs=[sys.modules['os'].system('touch canary')]", GIVEN),
    ("class=StreamHandler\nargs=(sys.stderr,)\nkwargs={'stream': open('canary', 'w')}", "may not be set"),
    ("class=StreamHandler\nargs=%(evil)s\nevil=()", "may not be set"),
    ("class=logging.handlers.SocketHandler\nargs=('localhost', 9)", SAYS),
    ("class=handlers.HTTPHandler\nargs=('x', '/')", SAYS),
    ("class=handlers.SMTPHandler\nargs=('x', 'a', 'b', 'c')", SAYS),
    ("class=handlers.RotatingFileHandler\nargs=('canary.log',)", SAYS),
    ("class=logging.FileHandler.__init__\nargs=()", SAYS),
    ("class=(lambda *_: open('canary', 'w'))\nargs=()", SAYS),
    ("class=os.system\nargs=('touch canary',)", SAYS),
    ("args=(sys.stderr,)", "is missing"),
]
FORMATS = [
    ("format=%(message)s\nclass=canary.Formatter", SAYS),
    ("format={0.__class__.__init__.__globals__}", SAYS),
    ("format=$message", SAYS),
    ("format=%(message)s\nstyle={", "may not be set"),
    ("format=%(message)s\nvalidate=False", "may not be set"),
    ("format=%(message)s\ndefaults={'x': open('canary', 'w')}", "may not be set"),
    ("format=%(message)s\ndatefmt={x}", SAYS),
]
SECTIONS = [
    ("[DEFAULT]\nargs=(open('canary', 'w'),)", "is a default for other sections"),
    ("[filters]\nkeys=x", "is no section of a logging configuration"),
    ("[handler_]\nclass=x", "is no section of a logging configuration"),
    ("[logger_a]\nhandlers=console\nqualname=a\nlevel=1", SAYS),
    ("[logger_a]\nhandlers=console\nqualname=a\nfilter=x", "may not be set"),
]


def told(text: str, copy, tmp_path, monkeypatch) -> list[str]:
    folder = copy("smart_zeroshot_seg")
    monkeypatch.chdir(tmp_path)
    (folder / "configs" / "logging.conf").write_text(text)
    faults = [str(fault) for fault in lint(folder)]
    assert os.listdir(tmp_path) == ["bundles"]
    return faults


def conf(handler: str = CONSOLE, formatter: str = "format=%(levelname)s %(message)s", more: str = "") -> str:
    return (
        "[loggers]\nkeys=root\n[handlers]\nkeys=console\n[formatters]\nkeys=plain\n"
        f"[logger_root]\nlevel=INFO\nhandlers=console\n[handler_console]\nlevel=INFO\nformatter=plain\n{handler}\n"
        f"[formatter_plain]\n{formatter}\n{more}\n"
    )


@pytest.mark.parametrize(
    ("text", "says"),
    [
        *((conf(handler=one), says) for one, says in HANDLERS),
        *((conf(formatter=one), says) for one, says in FORMATS),
        *((conf(more=one), says) for one, says in SECTIONS),
    ],
)
def test_hostile_logging(text, says, copy, tmp_path, monkeypatch):
    faults = told(text, copy, tmp_path, monkeypatch)
    assert any(says in fault for fault in faults), faults


@pytest.mark.parametrize(
    "text",
    [
        conf(),
        conf(handler="class=logging.StreamHandler\nargs=(sys.stdout,)"),
        conf(handler="class=FileHandler\nargs=('eval/run.log', 'a')"),
        conf(formatter="format=%(asctime)s %(name)-8s: 100%% %(message)s\ndatefmt=%Y-%m-%d %H:%M:%S"),
        conf(more="[logger_a]\nlevel=DEBUG\nhandlers=\nqualname=smart_nets.lists\npropagate=0"),
    ],
)
def test_plain_logging_passes(text, copy, tmp_path, monkeypatch):
    assert told(text, copy, tmp_path, monkeypatch) == []
