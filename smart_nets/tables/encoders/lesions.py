"""The same lesions judged by a linear probe of each encoder's frozen features, beside what their diameter alone tells."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from smart_nets.classify.evaluate import evaluate
from smart_nets.classify.probe.extract import opened_features
from smart_nets.classify.probe.linear_probe import linear_probe
from smart_nets.errors import InputError
from smart_nets.statistics.bootstrap import intervals
from smart_nets.statistics.draws import Floats, PatientBootstrap
from smart_nets.statistics.metrics import FoldRankings, roc_auc
from smart_nets.statistics.predictions import Predictions
from smart_nets.tables.encoders.contenders import Contender, pairs_of

SIZE = "size alone"


def lesion_table(
    contenders: Sequence[Contender],
    lesions: str | Path,
    cache_dir: str | Path,
    folds: int = 3,
    rule: str = "median",
    coordinates: str = "RAS",
    rounds: int = 2000,
    seed: int = 0,
) -> dict[str, Any]:
    """{"protocol", "rows": name -> {"auc": {"value", "low", "high"}}, "differences": [{"a", "b", "measure": "auc", ...}]}.

    Each encoder sees the crop of its own card, in the same folds of patients.

    Args:
        lesions, rule, coordinates: see `features_of`.
        cache_dir: for prepared voxels.
        folds, seed: of the probe. rounds: of the bootstrap over patients.

    Raises:
        InputError: no labels. Others as `features_of` and `linear_probe`.
    """
    said: dict[str, Predictions] = {}
    for one in contenders:
        sides = [*one.card["spacing"], *one.card["crop_size"]]
        place = Path(cache_dir) / "_".join(f"{float(side):g}" for side in sides)
        table = opened_features(
            one.encoder, one.card, one.model, lesions, place, rule=rule, feature=one.feature, coordinates=coordinates
        )
        if table.labels is None:
            raise InputError("has no labels to probe with", where=lesions, remedy="give lesions with labels")
        given = (table.vectors[one.feature], table.labels, table.patients.tolist())
        said[one.name] = linear_probe(*given, folds, seed, table.rows, table.sizes).sorted()
    first = next(iter(said.values()))
    found = {name: evaluate(one, rounds=rounds, seed=seed) for name, one in said.items()}
    rows = {name: {"auc": one["metrics"]["auc"]} for name, one in found.items()}
    told = auc_differences(said, rounds, seed)
    size = next(iter(found.values()))["size_only"]
    if size is not None:
        rows[SIZE] = {"auc": size["auc"]}
        known = ~np.isnan(first.sizes)
        told += against_size({name: one.where(known) for name, one in said.items()}, rounds, seed)
    counts = next(iter(found.values()))
    protocol = {name: counts[name] for name in ("cases", "patients", "positives")} | {"folds": folds, "rounds": rounds}
    return {"protocol": protocol, "rows": rows, "differences": told}


def auc_differences(said: Mapping[str, Predictions], rounds: int, seed: int) -> list[dict[str, Any]]:
    """Of every two models that judged the same lesions in the same order: the AUC of one less that of the other, paired."""
    scores = {name: one.probabilities for name, one in said.items()}
    return _differences(next(iter(said.values())), scores, pairs_of(list(said)), rounds, seed)


def against_size(said: Mapping[str, Predictions], rounds: int, seed: int) -> list[dict[str, Any]]:
    """Of each model: its AUC less that of the diameter, which is known of all these lesions."""
    first = next(iter(said.values()))
    scores = {**{name: one.probabilities for name, one in said.items()}, SIZE: first.sizes}
    return _differences(first, scores, [(name, SIZE) for name in said], rounds, seed)


def _differences(
    lesions: Predictions, scores: Mapping[str, Floats], pairs: Sequence[tuple[str, str]], rounds: int, seed: int
) -> list[dict[str, Any]]:
    rankings = {name: FoldRankings(lesions.labels, score, lesions.folds) for name, score in scores.items()}

    def statistics(weights: Floats) -> dict[str, Floats]:
        aucs = {name: ranking.mean(roc_auc, weights) for name, ranking in rankings.items()}
        # intervals are made for [0, 1], so differences are moved there
        return {str(number): (aucs[a] - aucs[b] + 1) / 2 for number, (a, b) in enumerate(pairs)}

    fewer = min(lesions.patient_count(lesions.labels == 0), lesions.patient_count(lesions.labels == 1))
    behind = {str(number): fewer for number in range(len(pairs))}
    found = intervals(statistics, PatientBootstrap(lesions.patients, lesions.folds, rounds, seed), behind)
    return [
        {"a": a, "b": b, "measure": "auc", **{key: _back(one) for key, one in found[str(number)].as_dict().items()}}
        for number, (a, b) in enumerate(pairs)
    ]


def _back(value: Any) -> Any:
    return round(2 * value - 1, 12) if isinstance(value, float) else value
