"""How to make a pretraining run again: the command, with the settings that it had."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from typing import Any

COMMAND = "python -m smart_nets pretrain"


def pretrain_again(about: Mapping[str, Any]) -> str:
    """The command of the run that `about` (run.json) tells of, an option per line; places of files are to be filled in.

    Settings bear the names of the bundle's keys in run.json. Lists and tables are written as Python writes them, which is how
    the command line reads them: JSON's null and true would become texts.
    """
    data, settings = about.get("data", {}), about.get("settings", {})
    options: dict[str, Any] = {"preset": about["preset"]} if about.get("preset") else {}
    source = str(data.get("source") or "")
    if source and "phantom" not in source.lower():
        options["dataset_dir"] = f"/path/to/{source}"
    elif data.get("used"):
        options["phantoms"] = data["used"]
    if settings.get("pretrained"):
        options["pretrained"] = f"/path/to/{settings['pretrained']}"
    options |= {name: value for name, value in settings.items() if value is not None and name not in options}
    return " \\\n  ".join([COMMAND, *(f"--{name} {shlex.quote(str(value))}" for name, value in options.items())])
