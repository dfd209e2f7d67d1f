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


def check_overrides(arguments: Sequence[str]) -> None:
    """Compare the names on a `monai.bundle run` command line with the keys of its configuration files.

    Args:
        arguments: sys.argv; without a `--config_file` among them (a call from Python) nothing is checked.

    Raises:
        ConfigError: a name that is no key, with the nearest key.
    """
    flags = [part[2:] for part in arguments if part.startswith("--")]
    names = [flag.split("=", 1)[0] for flag in flags]
    if "config_file" not in names:
        return
    keys: set[str] = set()
    for path in _config_files(arguments):
        keys |= _paths(json.loads(Path(path).read_text(encoding="utf-8")))
    for name in names:
        path = name.replace("::", "#")
        if name not in OWN and path not in keys:
            near = difflib.get_close_matches(path, keys, n=1)
            remedy = f"perhaps --{near[0]} is meant" if near else "see the table of keys in docs/README.md"
            raise ConfigError("is no key of the configuration", where=f"--{name}", remedy=remedy)


def _config_files(arguments: Sequence[str]) -> list[str]:
    index = next(i for i, part in enumerate(arguments) if part.split("=", 1)[0] == "--config_file")
    value = arguments[index].split("=", 1)[1] if "=" in arguments[index] else arguments[index + 1]
    return ast.literal_eval(value) if value.startswith("[") else [value]


def _paths(content: Any, prefix: str = "") -> set[str]:
    """Every key of nested tables and lists, joined by "#"."""
    pairs = content.items() if isinstance(content, dict) else enumerate(content) if isinstance(content, list) else ()
    found = set()
    for name, value in pairs:
        found |= {f"{prefix}{name}"} | _paths(value, f"{prefix}{name}#")
    return found
