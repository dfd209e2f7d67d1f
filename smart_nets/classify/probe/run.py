"""A file of frozen features, probed and written as a run folder that reports and comparisons read."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal, get_args

from smart_nets.classify.evaluate import evaluate
from smart_nets.classify.probe.extract import chosen_feature
from smart_nets.classify.probe.linear_probe import knn_probe, linear_probe
from smart_nets.errors import InputError
from smart_nets.files import write_json
from smart_nets.settings import one_of
from smart_nets.statistics.features import IN_WORDS, read_features
from smart_nets.training.run_record import versions

Kind = Literal["linear", "knn"]
PROBES = {"linear": linear_probe, "knn": knn_probe}


def probe_features(
    features: str | Path,
    output_dir: str | Path,
    kind: Kind = "linear",
    feature: str | None = None,
    folds: int = 3,
    seed: int = 0,
) -> dict[str, Any]:
    """Cross-validate a probe; writes predictions.csv, metrics.json and run.json, and returns what metrics.json holds.

    Args:
        features: a file of `save_features` with labels.
        feature: "cls", "pooled" or "stages"; when None, the first of these that the file holds.
        folds, seed: see `linear_probe`.

    Raises:
        InputError: the file is damaged or has no labels. ConfigError: an unknown kind or feature, or impossible folds.
    """
    one_of("kind", kind, get_args(Kind))
    table = read_features(features)
    if table.labels is None:
        remedy = "run the verb features on a table of lesions"
        raise InputError("has no labels to probe with", where=features, remedy=remedy)
    name = chosen_feature(table, feature)
    given = (table.vectors[name], table.labels, table.patients.tolist())
    predictions = PROBES[kind](*given, folds, seed, table.rows, table.sizes)
    found = {"feature": name, **evaluate(predictions, seed=seed)}
    folder = Path(output_dir)
    folder.mkdir(parents=True, exist_ok=True)
    predictions.write(folder / "predictions.csv")
    write_json(folder / "metrics.json", found)
    settings = {"folds": folds, "seed": seed, "kind": kind, "feature": name}
    facts = {"title": f"{kind} probe of frozen features: {IN_WORDS[name]}", "settings": settings}
    write_json(folder / "run.json", {**facts, "model": dict(table.card), "versions": versions()})
    return found
