"""A file of frozen features, probed and written as a run folder that reports and comparisons read."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from smart_nets.classify.evaluate import evaluate
from smart_nets.classify.probe.extract import chosen_feature
from smart_nets.classify.probe.linear_probe import knn_probe, knn_transfer, linear_probe, linear_transfer
from smart_nets.errors import InputError
from smart_nets.files import write_json
from smart_nets.settings import one_of
from smart_nets.statistics.features import IN_WORDS, Features, read_features
from smart_nets.training.run_record import versions

Kind = Literal["linear", "knn"]
PROBES = {"linear": linear_probe, "knn": knn_probe}
TRANSFERS = {"linear": linear_transfer, "knn": knn_transfer}


def probe_features(
    features: str | Path,
    output_dir: str | Path,
    kind: Kind = "linear",
    feature: str | None = None,
    folds: int = 3,
    seed: int = 0,
    test: str | Path | None = None,
) -> dict[str, Any]:
    """Cross-validate a probe, or judge it on another list; writes predictions.csv, metrics.json, run.json; returns the metrics.

    Args:
        features: a file of `save_features` with labels.
        feature: "cls", "pooled" or "stages"; when None, the first of these that the file holds.
        folds, seed: see `linear_probe`.
        test: another such file, of the same model and of other patients, to judge the probe on instead of folds.

    Raises:
        InputError: the file is damaged or has no labels. ConfigError: an unknown kind or feature, or impossible folds.
    """
    one_of("kind", kind, get_args(Kind))
    table, other = _labelled(features), None if test is None else _labelled(test)
    name = chosen_feature(table, feature)
    given = _columns(table, name)
    if other is None:
        predictions = PROBES[kind](*given, folds, seed, table.rows, table.sizes)
    else:
        _same_model(table, other, str(test))
        asked = _columns(other, chosen_feature(other, name))
        predictions = TRANSFERS[kind](given, asked, seed, other.rows, other.sizes)
    found = {"feature": name, **evaluate(predictions, seed=seed)}
    folder = Path(output_dir)
    folder.mkdir(parents=True, exist_ok=True)
    predictions.write(folder / "predictions.csv")
    write_json(folder / "metrics.json", found)
    judged = {"folds": folds} if test is None else {"test": Path(test).name}
    settings = {**judged, "seed": seed, "kind": kind, "feature": name}
    facts = {"title": f"{kind} probe of frozen features: {IN_WORDS[name]}", "settings": settings}
    write_json(folder / "run.json", {**facts, "model": dict(table.card), "versions": versions()})
    return found


def _labelled(path: str | Path) -> Features:
    table = read_features(path)
    if table.labels is None:
        remedy = "run the verb features on a table of lesions"
        raise InputError("has no labels to probe with", where=path, remedy=remedy)
    return table


def _same_model(table: Features, other: Features, where: str) -> None:
    """InputError unless one model made both, at one spacing, crop and window."""
    for name in ("sha256", "spacing", "crop_size", "hu_window", "read"):
        ours, theirs = (list(v) if isinstance(v := one.card.get(name), (list, tuple)) else v for one in (table, other))
        if ours != theirs or (name == "sha256" and ours is None):
            remedy = "make both files with one model and the same settings"
            raise InputError(f"features differ in {name}", where=where, expected=ours, found=theirs, remedy=remedy)


def _columns(table: Features, name: str) -> tuple[NDArray[np.float32], NDArray[np.int64], list[str]]:
    """Features (n, C), labels and patients (n,), which `_labelled` has seen."""
    assert table.labels is not None
    return table.vectors[name], table.labels, table.patients.tolist()
