"""What differs beside the weights: between runs that are compared, and between an encoder's card and how it is used."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from typing import Any

logger = logging.getLogger(__name__)
NAMED = ("fold", "train_fraction", "subset_seed", "seed")  # settings that a name or a fold tells of


def settings_beside(runs: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """A line for each setting that all runs tell and not all share, so that nobody takes another spacing for another encoder.

    Args:
        runs: name -> settings of its run.json; an evaluation tells fewer than a training.
    """
    told = []
    names = [key for key in next(iter(runs.values()), {}) if all(key in one for one in runs.values())]
    for setting in (name for name in names if name not in NAMED):
        values = {name: settings[setting] for name, settings in runs.items()}
        if any(value != next(iter(values.values())) for value in values.values()):
            told.append(
                f"{setting}: " + ", ".join(f"{_short(value, values)} in “{name}”" for name, value in values.items())
            )
    return told


def outside_card(card: Mapping[str, Any], spacing: Sequence[float], hu_window: Sequence[float]) -> list[str]:
    """A sentence for the log and the report for each way in which an encoder is used unlike its card says."""
    told = []
    for what, unit, own, used in (
        ("voxels", "mm", card["spacing"], spacing),
        ("the window", "HU", card["hu_window"], hu_window),
    ):
        if (numbers := _numbers(used)) is not None and _numbers(own) != numbers:
            told.append(
                f"The encoder was trained with {what} of {_sides(own)} {unit} and is used with {_sides(numbers)} {unit}."
            )
    for one in told:
        logger.warning("%s", one)
    return told


def _numbers(values: Any) -> list[float] | None:
    """None of what is no list of numbers: whoever uses it refuses it by name."""
    try:
        return [float(one) for one in values]
    except (TypeError, ValueError):
        return None


def _sides(values: Sequence[float]) -> str:
    return " x ".join(f"{one:g}" for one in values) if len(values) == 3 else " to ".join(f"{one:g}" for one in values)


def _short(value: Any, values: Mapping[str, Any]) -> Any:
    """Of a table, only what not all of them share."""
    if not all(isinstance(one, Mapping) for one in values.values()):
        return value
    return {key: one for key, one in value.items() if any(other.get(key) != one for other in values.values())}
