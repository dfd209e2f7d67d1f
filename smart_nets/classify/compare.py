"""Several classification runs beside each other: all folds of a model together, models in pairs, and few-shot curves."""

from __future__ import annotations

import itertools
import logging
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from smart_nets.classify.evaluate import evaluate
from smart_nets.classify.finished_runs import Cell, FinishedRun, Group, check_same_lesions, read_finished_run
from smart_nets.errors import ConfigError, InputError
from smart_nets.statistics.delong import delong
from smart_nets.statistics.predictions import Predictions
from smart_nets.weights.beside import settings_beside

logger = logging.getLogger(__name__)


def compare(runs: Sequence[str | Path], rounds: int = 2000, seed: int = 0) -> dict[str, Any]:
    """Evaluate and compare finished runs.

    Runs of one name and train fraction are one model, trained for several folds and on several subsets: its AUC is the
    mean over these, and its lesions are counted once. Patients stay together over all of them in the bootstrap.

    Args:
        runs: run folders with eval/predictions.csv, and eval/run.json with "classify": {"name", "train_fraction", "fold",
            "subset_seed"}.
        rounds, seed: of the bootstrap, see `evaluate`.

    Returns:
        {"models": {name: {fraction as text: `evaluate`, with the real "folds" and "subset_seeds"}},
        "differences": [{"a", "b", "fraction", "folds", "subset_seeds", **`delong`}] of each pair, on the folds and subsets
        that both have (none in common: "why" instead of numbers),
        "few_shot": {name: {"fraction", "auc", "low", "high"}: lists from small to large},
        "beside": what differs beside the weights, a line each}.

    Raises:
        InputError: a file is missing or damaged, or a run holds lesions of one class only.
        ConfigError: no runs, run.json lacks a fact, a run occurs twice, or runs share a fold but not the same lesions.
    """
    if not runs:
        raise ConfigError("there are no runs to compare", where="runs", expected="run folders")
    groups: dict[Group, dict[Cell, FinishedRun]] = {}
    for run in map(read_finished_run, runs):
        group = groups.setdefault((run.name, run.fraction), {})
        twin = group.setdefault((run.fold, run.subset_seed), run)
        if twin is not run:
            remedy = "give it once, or train one of them under another --name"
            raise ConfigError("is the same run again", where=run.folder, found=twin.folder, remedy=remedy)
    check_same_lesions([run for group in groups.values() for run in group.values()])
    if len({tuple(_cells(group)["folds"]) for group in groups.values()}) > 1:
        logger.warning("not all models have the same folds: their AUCs are of different lesions, their differences not")
    groups = dict(sorted(groups.items(), key=lambda entry: entry[0][1]))
    models: dict[str, dict[str, Any]] = {}
    few_shot: dict[str, dict[str, list[float]]] = {}
    for (name, fraction), group in groups.items():
        found = {**evaluate(_joined(group), rounds=rounds, seed=seed), **_cells(group)}
        models.setdefault(name, {})[f"{fraction:g}"] = found
        curve = few_shot.setdefault(name, {"fraction": [], "auc": [], "low": [], "high": []})
        auc = found["metrics"]["auc"]
        for key, value in (("fraction", fraction), ("auc", auc["value"]), ("low", auc["low"]), ("high", auc["high"])):
            curve[key].append(value)
    settings = {name: next(iter(group.values())).settings for (name, _), group in groups.items()}
    beside = settings_beside(settings)
    for group in groups.values():
        beside += settings_beside({f"fold {fold}, {seed}": run.settings for (fold, seed), run in group.items()})
    return {"models": models, "differences": _differences(groups), "few_shot": few_shot, "beside": beside}


def _joined(group: dict[Cell, FinishedRun], cells: Sequence[Cell] | None = None) -> Predictions:
    """Predictions of the cells (all if None), one fold number per cell: each is a model of its own."""
    chosen = [group[cell].predictions for cell in (sorted(group) if cells is None else cells)]
    numbered = [replace(part, folds=np.full(len(part), number)) for number, part in enumerate(chosen)]
    return Predictions.joined(numbered).sorted()


def _cells(cells: Sequence[Cell] | dict[Cell, FinishedRun]) -> dict[str, list[int]]:
    return {"folds": sorted({fold for fold, _ in cells}), "subset_seeds": sorted({seed for _, seed in cells})}


def _differences(groups: dict[Group, dict[Cell, FinishedRun]]) -> list[dict[str, Any]]:
    """Every pair of models of the same train fraction."""
    told = []
    for ((a, fraction), ours), ((b, other), theirs) in itertools.combinations(groups.items(), 2):
        if fraction != other:
            continue
        pair = {"a": a, "b": b, "fraction": fraction}
        shared = sorted(ours.keys() & theirs.keys())
        if not shared:
            told.append({**pair, "why": "no fold and subset seed in common"})
            continue
        x, y = _joined(ours, shared), _joined(theirs, shared)
        try:
            test = delong(x.labels, x.probabilities, y.probabilities, x.patients, x.folds)
        except InputError as error:
            test = {"why": str(error)}
        told.append({**pair, **_cells(shared), **test})
    return told
