"""Folders of finished classification runs, read so that they can be compared."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from smart_nets.errors import ConfigError, InputError
from smart_nets.statistics.predictions import Predictions

Cell = tuple[int, int]  # fold and subset seed: one trained model
Group = tuple[str, float]  # name and share of the training set
FACTS = ("name", "train_fraction", "fold", "subset_seed")


@dataclass(frozen=True)
class Run:
    """One trained model and what it said of the lesions of its fold."""

    folder: Path
    name: str
    fraction: float
    fold: int
    subset_seed: int
    predictions: Predictions


def read_run(folder: str | Path) -> Run:
    """A run folder, or the folder eval inside it; errors as of `compare`."""
    given = Path(folder)
    inside = given / "eval" if (given / "eval").is_dir() else given
    record = inside / "run.json"
    if not record.is_file():
        raise InputError("there is no such file", where=record, remedy="give the folder of a finished run")
    try:
        facts = json.loads(record.read_text(encoding="utf-8"))["classify"]
        name, fraction, fold, subset_seed = (facts[key] for key in FACTS)
    except ValueError as error:
        raise InputError(f"is damaged ({error})", where=record, remedy="repeat the run") from error
    except (KeyError, TypeError) as error:
        raise ConfigError(f"does not tell what was run ({error})", where=record,
                          expected=f'"classify" with {", ".join(FACTS)}',
                          remedy="give runs of the classification bundle") from error  # fmt: skip
    numbers = isinstance(fraction, (int, float)) and isinstance(fold, int) and isinstance(subset_seed, int)
    if not (isinstance(name, str) and name and numbers and 0 < fraction <= 1):
        raise ConfigError('"classify" makes no sense', where=record, found=facts,
                          expected="a name, a train_fraction above 0 up to 1, whole numbers")  # fmt: skip
    predictions = Predictions.read(inside / "predictions.csv")
    others = np.setdiff1d(predictions.folds, [fold])
    if len(others):
        raise ConfigError("predictions are of another fold than run.json says", where=given, expected=fold,
                          found=others.tolist(), remedy="give one folder per fold")  # fmt: skip
    if len(np.unique(predictions.labels)) < 2:
        raise InputError("has lesions of one class only, so that there is no AUC", where=given,
                         remedy="use fewer folds, stratified by label")  # fmt: skip
    return Run(given, name, float(fraction), fold, subset_seed, predictions)


def check_lesions(runs: Sequence[Run]) -> None:
    """Runs of a fold must have the same lesions, and a lesion must be the same one in all runs."""
    first: dict[int, tuple[Run, set[tuple[int, str, int]]]] = {}
    owner: dict[int, tuple[Run, tuple[int, str, int]]] = {}
    for run in runs:
        said = run.predictions
        lesions = set(zip(said.rows.tolist(), said.patients.tolist(), said.labels.tolist(), strict=True))
        other, expected = first.setdefault(run.fold, (run, lesions))
        if lesions != expected:
            raise ConfigError(f"has other lesions in fold {run.fold} than {other.folder}", where=run.folder,
                              expected=f"{len(expected)} lesions", found=f"{len(lesions & expected)} of them",
                              remedy="split the same list in the same way for all runs")  # fmt: skip
        for lesion in sorted(lesions):
            other, known = owner.setdefault(lesion[0], (run, lesion))
            if lesion != known:
                raise ConfigError(f"has another lesion in row {lesion[0]} than {other.folder}", where=run.folder,
                                  remedy="use the same list of lesions for all runs")  # fmt: skip
