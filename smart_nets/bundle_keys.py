"""What may be set of a bundle: the table of its docs, beside what its configuration has."""

from __future__ import annotations

import json
import re
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

WIDTH = 110
INTERNAL = {"imports", "run", "roots", "bundle_root", "presets", "device", "network", "optimizer"}
FOLDERS = ("dataset_dir", "output_dir", "cache_dir", "model_path")  # told whatever their default is made of
ROW = re.compile(r"^\| (`.+?) \| (.*?) \| (.*) \|$", re.MULTILINE)


class Key(NamedTuple):
    """Names that belong together, their default and what they mean."""

    names: tuple[str, ...]
    default: str
    meaning: str


def told_keys(bundle: Path) -> list[Key]:
    """The rows of "What you may change" in the docs of a bundle."""
    text = (bundle / "docs" / "README.md").read_text(encoding="utf-8").partition("## What you may change")[2]
    section = text.partition("\n## ")[0]
    return [
        Key(tuple(re.findall(r"`(\w+)`", names)), default, meaning) for names, default, meaning in ROW.findall(section)
    ]


def keys_of(bundle: Path, name: str) -> str:
    """All keys of a configuration as a text: those that the bundle's docs explain, then those that stand for themselves.

    Args:
        name: of the configuration, such as "train".
    """
    file = bundle / "configs" / f"{name}.json"
    config = json.loads(file.read_text(encoding="utf-8"))
    rows = [
        Key(tuple(one for one in row.names if one in config), row.default, row.meaning) for row in told_keys(bundle)
    ]
    rows = [row for row in rows if row.names]
    lines = [f"{bundle.name}, {file.name}: give any of them as --name value", ""]
    for row in rows:
        lines.append(f"  {', '.join(f'--{name}' for name in row.names)} [{row.default.replace('`', '')}]")
        lines += textwrap.wrap(row.meaning.replace("`", ""), WIDTH, initial_indent=" " * 6, subsequent_indent=" " * 6)
    known = {name for row in rows for name in row.names}
    lines += ["", "also:"]
    lines += [f"  --{name} [{default}]" for name, default in _plain(config) if name not in known | INTERNAL]
    presets = {name: table for name, table in config.get("presets", {}).items() if isinstance(table, dict)}
    for name, table in presets.items():
        told = ", ".join(f"{key} {json.dumps(value)}" for key, value in table.items())
        lines += ["", *textwrap.wrap(f"preset {name}: {told}", WIDTH, subsequent_indent=" " * 4)]
    return "\n".join(lines)


def _plain(config: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """Top-level keys with a value of their own: no comment, no component, no expression."""
    for name, value in config.items():
        simple = not isinstance(value, dict) and not (isinstance(value, str) and value[:1] in "$@%")
        if name in FOLDERS or (simple and not name.startswith("_")):
            yield name, json.dumps(value) if simple else "below the folder of results"
