"""compare.json, several classification runs side by side, checked once so that no page stumbles later."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from smart_nets.classify.report.results import Curve, Results, read_curve, read_folds, read_results
from smart_nets.errors import InputError
from smart_nets.pages.measures import Measure, measure

Models = dict[str, dict[float, Results]]


@dataclass(frozen=True)
class Difference:
    """AUC of a less AUC of b on the same lesions, both trained on the same fraction and tested in the same folds."""

    a: str
    b: str
    fraction: float
    gain: Measure
    p: float
    folds: tuple[int, ...]


@dataclass(frozen=True)
class Comparison:
    """compare.json in memory; few_shot holds AUC over fraction per model."""

    models: Models
    differences: list[Difference]
    few_shot: dict[str, Curve]

    @property
    def fractions(self) -> list[float]:
        return sorted({fraction for found in self.models.values() for fraction in found})


def read_comparison(content: Any, where: Path) -> Comparison:
    """The content of compare.json; only "models" has to be there. InputError if a part has another form."""
    given = content.get("models") if isinstance(content, Mapping) else None
    if (
        not isinstance(given, Mapping)
        or not given
        or not all(isinstance(one, Mapping) and one for one in given.values())
    ):
        raise InputError("holds no comparison", where=where, expected='"models" by name and fraction', found=given)
    models = {
        str(name): {_fraction(text, where): read_results(found, where) for text, found in by_fraction.items()}
        for name, by_fraction in given.items()
    }
    differences, few_shot = content.get("differences") or [], content.get("few_shot") or {}
    if not isinstance(differences, list) or not all(isinstance(one, Mapping) for one in differences):
        raise InputError("differences are not a list of tables", where=where, found=differences)
    if not isinstance(few_shot, Mapping):
        raise InputError("few_shot is not a table", where=where, found=few_shot)
    shots = {str(name): read_curve(entry, "fraction", "auc", where) for name, entry in few_shot.items()}
    return Comparison(
        models, [_difference(one, where) for one in differences], {n: c for n, c in shots.items() if c and len(c.x)}
    )


def _fraction(text: Any, where: Path) -> float:
    try:
        value = float(text)
    except (TypeError, ValueError):
        value = math.nan
    if not 0 < value <= 1:
        raise InputError("training fraction is not in (0, 1]", where=where, found=text, remedy="compare the runs again")
    return value


def _difference(entry: Mapping[str, Any], where: Path) -> Difference:
    if not isinstance(entry.get("a"), str) or not isinstance(entry.get("b"), str):
        raise InputError("a difference does not name its models", where=where, found=dict(entry))
    parts = {"value": entry.get("difference"), **{name: entry.get(name) for name in ("low", "high", "why")}}
    p = measure(entry.get("p"), "p", where).value
    fraction, folds = _fraction(entry.get("fraction"), where), read_folds(entry.get("folds"), where)
    return Difference(entry["a"], entry["b"], fraction, measure(parts, "difference", where), p, folds)
