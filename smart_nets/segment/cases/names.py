"""What is outlined: the names of the network's channels, and the values that stand for them in label maps."""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from smart_nets.errors import ConfigError, InputError
from smart_nets.phantom import ORGANS
from smart_nets.settings import FROM_1

logger = logging.getLogger(__name__)
SIDES = re.compile(r"(?i)left|right|(?<![a-z])([lr]t?|sin|dex)(?![a-z])|(?<![a-z])[lr](lung|kid|kidney)")
Values = dict[str, list[int]]  # name -> values, in the order of the network's channels from 1
BACKGROUND = "background"
PLAN = "dataset.json"  # of a folder in nnU-Net's raw format
TUMOUR: Values = {"tumour": [1]}  # what nobody names
ORGANS_OF_PHANTOMS = ("liver", "spleen", "heart", "kidney_right", "kidney_left")
PHANTOM_LABELS: Values = {"tumour": [1]} | {name: [2 + place] for place, name in enumerate(ORGANS_OF_PHANTOMS)}
PHANTOM_VALUES = {"tumour": ORGANS["nodule"]} | {name: ORGANS[name] for name in ORGANS_OF_PHANTOMS}


def label_values(
    labels: Mapping[str, Any] | None, source: str | Path | None, unsourced: Mapping[str, Any] | None = None
) -> Values:
    """What the cases of a source show.

    Args:
        labels: as a user names them: {"liver": 1, "kidneys": [2, 3]}; several values become one class. None: as the source
            tells itself, in nnU-Net's dataset.json or under "labels" of a datalist; else value 1 is "tumour".
        source: as `find_cases` takes it; None for phantoms.
        unsourced: names without a source, where a server gives label maps; None for those of phantoms.

    Raises:
        ConfigError: no names, a value twice, the background, or no whole number. InputError: dataset.json is damaged.
    """
    told = None if source is None else _told(Path(source).expanduser())
    if labels is not None:
        given = checked_values(labels, "labels")
        _compare(given, told or {})
        return given
    if source is None:
        return PHANTOM_LABELS if unsourced is None else checked_values(unsourced, "unsourced_labels")
    return TUMOUR if told is None else told


def card_values(own: Mapping[str, Any], labels: Mapping[str, Any] | None, source: str | Path | None) -> Values:
    """What stands for a model's labels in the label maps of a source, where they may have other numbers.

    Args:
        own: of the model's card.
        labels, source: as for `label_values`.

    Raises:
        ConfigError: one of the model's names is not there.
    """
    card = checked_values(own, "card")
    if labels is None and (source is None or _told(Path(source).expanduser()) is None):
        return card
    there = label_values(labels, source)
    missing = [name for name in card if name not in there]
    if missing:
        found, remedy = ", ".join(there), "say what stands for each: --labels \"{'liver': 3}\""
        raise ConfigError("has other labels than the model", where=source or "labels", expected=", ".join(card), found=found,
                          remedy=remedy)  # fmt: skip
    return {name: there[name] for name in card}


def _told(path: Path) -> Values | None:
    """The labels that a source names itself, or None."""
    told = path / PLAN if (path / PLAN).is_file() else path
    if told.is_file() and told.suffix.lower() == ".json":
        content = read_json_object(told)
        if isinstance(content.get("labels"), Mapping):
            return checked_values(_named(content["labels"]), f"{told}, labels")
        if told.name == PLAN:
            remedy = "write them as nnU-Net does"
            raise InputError("names no labels", where=told, expected='"labels": {"tumour": 1}', remedy=remedy)
    return None


def _compare(given: Values, told: Values) -> None:
    """Say where a user's names are other than the source's for the same value."""
    names = {value: name for name, values in told.items() for value in values}
    for name, values in given.items():
        others = sorted({names[value] for value in values if value in names and names[value] != name})
        if len(values) == 1 and others:
            logger.warning("value %d is %s as asked, %s in the data set", values[0], name, others[0])


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
        if name.strip().lower() == "ignore":
            remedy = "leave out what is not outlined, or outline it"
            raise ConfigError(
                "voxels without a label cannot be left out", where=f"{where}, ignore", found=value, remedy=remedy
            )
        if name.strip() in found:
            raise ConfigError("is named twice", where=f"{where}, {name.strip()}", expected="each name once")
        if not values or not all(FROM_1.good(one) for one in values):
            remedy = "0 is the background, which is not named" if 0 in values else "write a number"
            raise ConfigError(
                "is no value of a label", where=f"{where}, {name}", expected="a whole number from 1, or several",
                found=repr(value), remedy=remedy,
            )  # fmt: skip
        found[name.strip()] = [int(one) for one in values]
    every = [one for values in found.values() for one in values]
    twice = sorted({one for one in every if every.count(one) > 1})
    if twice:
        remedy = "give each voxel one label: nnU-Net's overlapping regions are not known here"
        raise ConfigError("stands for two labels", where=where, expected="each value once", found=twice, remedy=remedy)
    if not found:
        raise ConfigError("there is nothing to outline", where=where, expected=expected, found=dict(labels))
    return found


def may_flip(values: Values) -> bool:
    """Whether left and right may be exchanged in training: not where a name tells them apart."""
    told = [name for name in values if SIDES.search(name)]
    if told:
        logger.info("left and right are not mirrored in training: %s", ", ".join(told[:3]))
    return not told


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
