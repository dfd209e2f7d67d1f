"""Misspelt overrides: MONAI takes any `--name value`, so `--dataset_dri /my/cts` would quietly train on something else."""

from __future__ import annotations

import ast
import difflib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from smart_nets.errors import ConfigError

OWN = {
    "run_id",
    "init_id",
    "final_id",
    "config_file",
    "meta_file",
    "logging_file",
    "tracking",
    "args_file",
    "workflow_name",
}
TRUTHS = ("True", "False", "true")  # "false" is a text and would count as true


def check_overrides(arguments: Sequence[str]) -> None:
    """Compare the names on a `monai.bundle run` command line with the keys of its configuration files.

    What is true or false in a file must be so on the command line: `--frozen false` would reach the program as a text,
    and any text counts as true.

    Args:
        arguments: sys.argv; without a `--config_file` among them (a call from Python) nothing is checked.

    Raises:
        ConfigError: a name that is no key, with the nearest key; or another word where True or False belongs.
    """
    given = _values(arguments)
    if "config_file" not in given:
        return
    keys: dict[str, Any] = {}
    for path in _config_files(arguments):
        keys |= _paths(json.loads(Path(path).read_text(encoding="utf-8")))
    for name, value in given.items():
        path = name.replace("::", "#")
        if name not in OWN and path not in keys:
            near = difflib.get_close_matches(path, keys, n=1)
            remedy = f"perhaps --{near[0]} is meant" if near else "see the table of keys in docs/README.md"
            raise ConfigError("is no key of the configuration", where=f"--{name}", remedy=remedy)
        if isinstance(keys.get(path), bool) and value not in TRUTHS:
            raise ConfigError("is neither true nor false", where=f"--{name}", expected="True or False", found=value,
                              remedy="write them with a capital letter")  # fmt: skip


def _values(arguments: Sequence[str]) -> dict[str, str]:
    """Name -> value of `--name value`, `--name=value` and, as "True", of a `--name` alone."""
    found = {}
    for part, after in zip(arguments, [*arguments[1:], "--"], strict=True):
        if part.startswith("--"):
            name, _, value = part[2:].partition("=")
            found[name] = value if "=" in part else "True" if after.startswith("--") else after
    return found


def _config_files(arguments: Sequence[str]) -> list[str]:
    index = next(i for i, part in enumerate(arguments) if part.split("=", 1)[0] == "--config_file")
    value = arguments[index].split("=", 1)[1] if "=" in arguments[index] else arguments[index + 1]
    return ast.literal_eval(value) if value.startswith("[") else [value]


def _paths(content: Any, prefix: str = "") -> dict[str, Any]:
    """Every key of nested tables and lists, joined by "#", and its value."""
    pairs = content.items() if isinstance(content, dict) else enumerate(content) if isinstance(content, list) else ()
    found: dict[str, Any] = {}
    for name, value in pairs:
        found |= {f"{prefix}{name}": value} | _paths(value, f"{prefix}{name}#")
    return found
