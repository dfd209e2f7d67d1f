"""The commands of README and docs: each can be typed as it stands; verbs, configurations and names are there."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest

from smart_nets.cli.bundles import BUNDLES
from smart_nets.cli.parse import parse
from smart_nets.cli.verbs import VERBS, read_verb

ROOT = Path(__file__).parents[1]
PAGES = sorted([ROOT / "README.md", *ROOT.glob("docs/*.md"), *ROOT.glob("bundles/*/docs/*.md")])
CONFIG = re.compile(r"[\w./$-]*configs/[\w/]+\.json")
OWN = {"config_file", "run_id", "tracking", "args_file", "bundle_root", "meta_file", "logging_file"}  # MONAI's
INSIDE = re.compile(r"#|^_")  # names of parts of components


def commands(page: Path) -> Iterator[tuple[str, str]]:
    """(what is typed, the bundle it is typed for) of the code blocks and the tables of a page."""
    text = page.read_text(encoding="utf-8")
    bundle = page.parents[1].name if page.parent.name == "docs" and page.parents[2].name == "bundles" else ""
    blocks = [block.replace("\\\n", " ") for block in re.findall(r"```\w*\n(.*?)```", text, re.DOTALL)]
    inline = re.findall(r"`([^`\n]+)`", re.sub(r"```.*?```", "", text, flags=re.DOTALL))
    for line in (line.strip() for one in blocks + inline for line in one.splitlines()):
        line = line.replace("... --config_file", "python -m monai.bundle run --config_file")
        if (
            re.search(r"(^|\s)(smart-nets|-m smart_nets|-m monai\.bundle run) ", line)
            and "VERB" not in line
            and "smart_nets ..." not in line
        ):
            yield line, bundle


EVERY = [(page, *one) for page in PAGES for one in commands(page)]


def told(line: str) -> list[str]:
    """The words of a command, without a comment and without dots that stand for more."""
    return [word for word in shlex.split(line.replace("…", "..."), comments=True) if word not in ("...", "[...]")]


@pytest.mark.parametrize(
    ("page", "line", "bundle"), EVERY, ids=[f"{page.stem}-{line[-50:]}" for page, line, _ in EVERY]
)
def test_a_command_can_be_typed(page, line, bundle):
    words = told(line)
    if "run" in words and any("monai.bundle" in word for word in words):
        check_run(words, bundle)
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
