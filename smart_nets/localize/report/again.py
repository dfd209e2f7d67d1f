"""How to make a report of attention again: the command, with the settings that the run was given."""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping
from typing import Any

ATTEND = "python -m smart_nets attend /path/to/scan --output_dir /path/to/output"
LOCALISE = "python -m smart_nets zeroshot evaluate"
LOOKING = ("percentile", "region", "components", "smallest_ml", "overlap", "head", "block")
JUDGING = ("percentile", "region", "components", "smallest_ml", "overlap", "head", "block", "spacing", "crop_size")


def attend_again(record: Mapping[str, Any]) -> str:
    """The verb `attend` with the settings of the last scan and its models by name; places of files are to be filled in."""
    if not record["scans"]:
        return ATTEND
    scan = record["scans"][-1]
    models = list(dict.fromkeys(str(one["model"]) for one in scan["maps"]))
    told = [f"--model {shlex.quote(','.join(_weights(name) for name in models))}"]
    for name, key in (("spacing", "spacing"), ("crop", "crop_size")):  # of a cube, which is what the verb takes
        sides = set(scan["settings"].get(key) or [])
        told += [f"--{name} {sides.pop():g}"] if len(sides) == 1 else []
    told += ["--tumour /path/to/tumour"] if any("figures" in one for one in scan["maps"]) else []
    return " \\\n  ".join([ATTEND, *told, *_options(scan["settings"], LOOKING)])


def localise_again(content: Mapping[str, Any]) -> str:
    """The evaluation of zero-shot localisation with the settings of localize.json; without data it draws phantoms."""
    return " \\\n  ".join([LOCALISE, *_options(content["settings"], JUDGING)])


def _options(settings: Mapping[str, Any], names: tuple[str, ...]) -> list[str]:
    told = []
    for name in names:
        value = settings.get(name)
        if value is None or value == "mean":  # over heads, as without the option
            continue
        told.append(f"--{name} {shlex.quote(json.dumps(value) if isinstance(value, list) else str(value))}")
    return told


def _weights(name: str) -> str:
    return name if name == "random" else f"{name}=/path/to/{name}.pt"
