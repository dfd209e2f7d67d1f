"""The commands of README and docs: each can be typed as it stands; verbs, configurations and names are there."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from fixtures.commands import ROOT, every_command

from smart_nets.cli.bundles import BUNDLES
from smart_nets.cli.parse import parse
from smart_nets.cli.verbs import VERBS, read_verb

CONFIG = re.compile(r"[\w./$-]*configs/[\w/]+\.json")
OWN = {"config_file", "run_id", "tracking", "args_file", "bundle_root", "meta_file", "logging_file"}  # MONAI's
INSIDE = re.compile(r"#|^_")  # names of parts of components


OF_BUNDLES = re.compile(r"(^|\s)(smart-nets|-m smart_nets|-m monai\.bundle run) ")
EVERY = [command for command in every_command() if OF_BUNDLES.search(command.line)]


@pytest.mark.parametrize("command", EVERY, ids=lambda one: f"{Path(one.page).stem}-{one.line[-50:]}")
def test_a_command_can_be_typed(command):
    words = command.words
    if "run" in words and any("monai.bundle" in word for word in words):
        check_run(words, command.bundle)
        return
    at = next(n for n, word in enumerate(words) if word in ("smart-nets", "smart_nets"))
    rest = words[at + 1 :]
    if rest[:1] in (["--help"], ["--version"]):
        return
    verb = next(" ".join(rest[:n]) for n in (2, 1) if " ".join(rest[:n]) in VERBS)
    given = rest[len(verb.split()) :]
    if "--help" in given or not given:
        return
    if verb in BUNDLES:
        flags = [word for word in given if word.startswith("--")]
        check_names(
            flags, ROOT / "bundles" / BUNDLES[verb] / "configs", ["train.json", "evaluate.json", "inference.json"]
        )
    else:
        parse(read_verb(verb), given)


def check_run(words: list[str], bundle: str) -> None:
    """The files are there, and all names are keys of one of them or of an overlay."""
    files = CONFIG.findall(words[words.index("--config_file") + 1]) if "--config_file" in words else []
    if not files:
        return  # part of a sentence
    named = next((one.name for one in (ROOT / "bundles").iterdir() for file in files if one.name in file), bundle)
    folder = ROOT / "bundles" / (named or "smart_pretrain") / "configs"
    names = [file.partition("configs/")[2] for file in files]
    assert not [name for name in names if not (folder / name).is_file()]
    check_names([word for word in words[words.index("run") :] if word.startswith("--")], folder, names)


def check_names(flags: list[str], folder: Path, names: list[str]) -> None:
    """Each flag is a key of a configuration, by itself or of a part."""
    known = {key for name in names if (folder / name).is_file() for key in json.loads((folder / name).read_text())}
    flat = {flag.lstrip("-").partition("=")[0] for flag in flags} - OWN
    unknown = [flag for flag in flat if flag not in known and flag.lstrip("+") not in known and not INSIDE.search(flag)]
    assert not unknown, f"{unknown} are no keys of {', '.join(names)} in {folder.parent.name}"


def test_there_are_commands():
    assert len(EVERY) > 60
