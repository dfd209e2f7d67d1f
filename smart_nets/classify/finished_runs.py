"""Folders of finished classification runs, read so that they can be compared."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from smart_nets.errors import ConfigError, InputError
from smart_nets.settings import NAME, UP_TO_1, WHOLE
from smart_nets.statistics.metrics import check_both_classes
from smart_nets.statistics.predictions import Predictions

Cell = tuple[int, int]  # fold and subset seed: one trained model
Group = tuple[str, float]  # name and share of the training set
SAME = "split the same list of lesions in the same way for all runs"
FACTS = {"name": NAME, "train_fraction": UP_TO_1, "fold": WHOLE, "subset_seed": WHOLE}


@dataclass(frozen=True)
class FinishedRun:
    """One trained model and what it said of the lesions of its fold."""

    folder: Path
    name: str
    fraction: float
    fold: int
    subset_seed: int
    predictions: Predictions
    settings: Mapping[str, Any]


def read_finished_run(folder: str | Path) -> FinishedRun:
    """A run folder, or the folder eval inside it; errors as of `compare`."""
    given = Path(folder)
    inside = given / "eval" if (given / "eval").is_dir() else given
    record = inside / "run.json"
    if not record.is_file():
        raise InputError("there is no such file", where=record, remedy="give the folder of a finished run")
    try:
        about = json.loads(record.read_text(encoding="utf-8"))
        facts = about["classify"]
        name, fraction, fold, subset_seed = (facts[key] for key in FACTS)
    except ValueError as error:
        raise InputError(f"is damaged ({error})", where=record, remedy="repeat the run") from error
    except (KeyError, TypeError) as error:
        what, expected = f"does not tell what was run ({error})", f'"classify" with {", ".join(FACTS)}'
        raise ConfigError(what, where=record, expected=expected, remedy="give finished runs") from error
    for key, rule in FACTS.items():
        rule.check(f"{record}, {key}", facts[key])
    predictions = Predictions.read(inside / "predictions.csv")
    others = np.setdiff1d(predictions.folds, [fold])
    if len(others):
        what = "predictions are of another fold than run.json says"
        raise ConfigError(what, where=given, expected=fold, found=others.tolist())
    check_both_classes(predictions.labels, given)
    return FinishedRun(given, name, float(fraction), fold, subset_seed, predictions, about.get("settings") or {})


def check_same_lesions(runs: Sequence[FinishedRun]) -> None:
    """Runs of a fold must have the same lesions, and a lesion must be the same one in all runs."""
    first: dict[int, tuple[FinishedRun, set[tuple[int, str, int]]]] = {}
    owner: dict[int, tuple[FinishedRun, tuple[int, str, int]]] = {}
    for run in runs:
        said = run.predictions
        lesions = set(zip(said.rows.tolist(), said.patients.tolist(), said.labels.tolist(), strict=True))
        other, expected = first.setdefault(run.fold, (run, lesions))
        if lesions != expected:
            what = f"has other lesions in fold {run.fold} than {other.folder}"
            found = f"{len(lesions & expected)} of them"
            raise ConfigError(what, where=run.folder, expected=f"{len(expected)} lesions", found=found, remedy=SAME)
        for lesion in sorted(lesions):
            other, known = owner.setdefault(lesion[0], (run, lesion))
            if lesion != known:
                what = f"has another lesion in row {lesion[0]} than {other.folder}"
                raise ConfigError(what, where=run.folder, remedy=SAME)
