"""Bundles that would keep lint busy for hours, or end it with a traceback: each is told of in seconds."""

from __future__ import annotations

import json
import time

import pytest

from smart_nets.zoo.lint.bundle import lint

SECONDS = 10
CHAIN = {f"a{number}": f"$@a{number + 1}" for number in range(1500)} | {"a1500": 1}
DOUBLED = {f"a{number}": f"$@a{number - 1} + @a{number - 1}" for number in range(1, 36)} | {"a0": "x"}
PHANTOM = {"_target_": "smart_nets.phantom.make_dataset", "folder": "@a35"}
ADDED = [
    ({**DOUBLED, "w": PHANTOM}, "writes outside of the folder of results"),
    ({f"a{number}": f"@nothing{number}" for number in range(2000)}, "was not looked at"),
    (
        {f"a{number}": {"_target_": f"Nothing{number}"} for number in range(1200)},
        "builds what a configuration must not",
    ),
    ({**CHAIN, "initialize": [f"$@a{number}" for number in range(1500)]}, None),
    ({**CHAIN, "a1500": "@network_def", "initialize": ["$@a0"]}, "needs network_def"),
    ({"big": ["x"] * 2000} | {f"a{number}": "%big" for number in range(1500)}, "brings too much"),
    ({f"a{number}": "$@marking" for number in range(20_000)}, "is too large"),
    ({"a": [1] * 15_000}, "has too many entries"),
    ({"a": "$@marking" + ".get(1)" * 250}, "is nested too deeply"),
    ({"a": "$@marking" + ".to" * 2000}, "has more than 2,000 letters"),
    ({"a": "$1" + "+1" * 900}, "is nested too deeply"),
    ({"a": "$\ud800"}, "is no Python expression"),
]
FILES = [
    ("x.json", '{"a": ' + "1" * 5000 + "}", "is no JSON"),
    ("logging.conf", "[loggers]\nkeys=root\n[formatter_a]\nformat=%(a)" + "0" * 15_000, "says what it may not"),
    ("logging.conf", "[loggers]\nkeys=" + "a," * 20_000, "is too large"),
]


def told(folder) -> list[str]:
    start = time.process_time()
    faults = [str(fault) for fault in lint(folder)]
    assert time.process_time() - start < SECONDS
    return faults


@pytest.mark.parametrize(("added", "says"), ADDED, ids=lambda one: json.dumps(one)[:40])
def test_much_in_a_configuration(added, says, copy):
    folder = copy("smart_zeroshot_seg")
    path = folder / "configs" / "inference.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | added))
    faults = told(folder)
    assert any(says in fault for fault in faults) if says else faults == []


@pytest.mark.parametrize(("name", "content", "says"), FILES)
def test_much_in_a_file(name, content, says, copy):
    folder = copy("smart_lidc_classify")
    (folder / "configs" / name).write_text(content)
    faults = told(folder)
    assert any(says in fault for fault in faults), faults


def test_many_files(copy):
    folder = copy("smart_lidc_classify")
    path = folder / "configs" / "train.json"
    more = {f"a{number}": "$[@device.get(1), 2]" for number in range(2000)}
    path.write_text(json.dumps(json.loads(path.read_text()) | more))
    for number in range(40):
        (folder / "configs" / f"x{number}.json").write_text("{}")
    assert any("holds too many configurations" in fault for fault in told(folder))
