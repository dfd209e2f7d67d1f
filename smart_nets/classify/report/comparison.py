"""compare.json, several classification runs side by side."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from smart_nets.classify.report.evaluation import Curve, Results, read_curve, read_results
from smart_nets.pages.measures import Measure, measure_of

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
    """compare.json in memory; few_shot holds AUC over fraction per model, beside what differs beside the weights."""

    models: Models
    differences: list[Difference]
    few_shot: dict[str, Curve]
    beside: list[str]

    @property
    def fractions(self) -> list[float]:
        return sorted({fraction for found in self.models.values() for fraction in found})


def read_comparison(content: Mapping[str, Any]) -> Comparison:
    """The content of compare.json; only "models" has to be there. Errors as of `read_results`."""
    models = {
        name: {float(fraction): read_results(found) for fraction, found in by_fraction.items()}
        for name, by_fraction in content["models"].items()
    }
    if not models or not all(models.values()):
        raise ValueError("no models")
    shots = {name: read_curve(entry, "fraction", "auc") for name, entry in (content.get("few_shot") or {}).items()}
    differences = [_difference(entry) for entry in content.get("differences") or []]
    beside = [str(one) for one in content.get("beside") or []]
    curves = {name: curve for name, curve in shots.items() if curve and len(curve.x)}
    return Comparison(models, differences, curves, beside)


def _difference(entry: Mapping[str, Any]) -> Difference:
    return Difference(
        entry["a"],
        entry["b"],
        float(entry["fraction"]),
        measure_of({**entry, "value": entry.get("difference")}),
        measure_of(entry.get("p")).value,
        tuple(entry.get("folds") or ()),
    )
