"""What is outlined: the names of the network's channels, and the values that stand for them in label maps."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from smart_nets.errors import ConfigError, InputError
from smart_nets.phantom import ORGANS
from smart_nets.settings import FROM_1

Values = dict[str, list[int]]  # name -> values, in the order of the network's channels from 1
BACKGROUND = "background"
PLAN = "dataset.json"  # of a folder in nnU-Net's raw format
TUMOUR: Values = {"tumour": [1]}  # what nobody names
ORGANS_OF_PHANTOMS = ("liver", "spleen", "heart", "kidney_right", "kidney_left")
PHANTOM_LABELS: Values = {"tumour": [1]} | {name: [2 + place] for place, name in enumerate(ORGANS_OF_PHANTOMS)}
PHANTOM_VALUES = {"tumour": ORGANS["nodule"]} | {name: ORGANS[name] for name in ORGANS_OF_PHANTOMS}


def label_values(labels: Mapping[str, Any] | None, source: str | Path | None) -> Values:
    """What the cases of a source show.

    Args:
        labels: as a user names them: {"liver": 1, "kidneys": [2, 3]}; several values become one class. None: as the source
            tells itself, in nnU-Net's dataset.json or under "labels" of a datalist; else value 1 is "tumour".
        source: as `find_cases` takes it; None for phantoms.

    Raises:
        ConfigError: no names, a value twice, the background, or no whole number. InputError: dataset.json is damaged.
    """
    if labels is not None:
        return checked_values(labels, "labels")
    if source is None:
        return PHANTOM_LABELS
    path = Path(source).expanduser()
    told = path / PLAN if (path / PLAN).is_file() else path
    if told.is_file() and told.suffix.lower() == ".json":
        content = read_json_object(told)
        if isinstance(content.get("labels"), Mapping):
            return checked_values(_named(content["labels"]), f"{told}, labels")
        if told.name == PLAN:
            remedy = "write them as nnU-Net does"
            raise InputError("names no labels", where=told, expected='"labels": {"tumour": 1}', remedy=remedy)
    return TUMOUR


def checked_values(labels: Any, where: str) -> Values:
    """Names and values in order, the background left out. ConfigError: see `label_values`."""
    expected = '{"liver": 1, "kidneys": [2, 3]}'
    if not isinstance(labels, Mapping):
        raise ConfigError("are no names of labels", where=where, expected=expected, found=labels)
    found: Values = {}
    for name, value in labels.items():
        if not isinstance(name, str) or not name.strip():
            raise ConfigError("is no name of a label", where=where, expected=expected, found=name)
        values = list(value) if isinstance(value, (list, tuple)) else [value]
        if name.strip().lower() == BACKGROUND and values == [0]:
            continue
        if not values or not all(FROM_1.good(one) for one in values):
            remedy = "0 is the background, which is not named"
            raise ConfigError("is no value of a label", where=f"{where}, {name}", expected="a whole number from 1, or several",
                              found=value, remedy=remedy)  # fmt: skip
        found[name.strip()] = [int(one) for one in values]
    every = [one for values in found.values() for one in values]
    twice = sorted({one for one in every if every.count(one) > 1})
    if twice:
        remedy = "give each voxel one label: nnU-Net's overlapping regions are not known here"
        raise ConfigError("stands for two labels", where=where, expected="each value once", found=twice, remedy=remedy)
    if not found:
        raise ConfigError("there is nothing to outline", where=where, expected=expected, found=dict(labels))
    return found


def channels(values: Values) -> list[str]:
    """Names of the network's channels, the background first."""
    return [BACKGROUND, *values]


def read_json_object(path: Path) -> dict[str, Any]:
    """A JSON file with a table in it. InputError: it is none."""
    try:
        content = json.loads(path.read_text(encoding="utf-8-sig"))
    except (ValueError, RecursionError, OSError) as error:
        raise InputError("is no JSON", where=path, found=error, remedy="correct the file") from error
    return content if isinstance(content, dict) else {}


def _named(labels: Mapping[str, Any]) -> Mapping[str, Any]:
    """{"1": "spleen"}, as the Medical Segmentation Decathlon writes it, as {"spleen": 1}."""
    if all(str(key).isdigit() and isinstance(name, str) for key, name in labels.items()):
        return {name: int(key) for key, name in labels.items()}
    return labels
