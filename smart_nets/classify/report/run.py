"""Reads what a classification run leaves behind: run.json, metrics.json, metrics.jsonl, predictions.csv, examples.npz.

Only metrics.json has to be there; of everything else that is missing the report says so.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from smart_nets.classify.report.evaluation import Results, read_results
from smart_nets.errors import InputError
from smart_nets.pages.metrics_log import LoggedSeries, read_metrics
from smart_nets.pages.record import read_about, read_arrays, read_json, record_of
from smart_nets.pages.words import are, count
from smart_nets.statistics.predictions import Predictions

CLASSES = ("negative", "positive")  # of a run that does not name its classes
VALUES: dict[str, Callable[[NDArray[Any]], NDArray[Any]]] = {  # of examples.npz: where they can be drawn
    "label": lambda values: np.isin(values, (0, 1)),
    "probability": lambda values: (values >= 0) & (values <= 1),
    "spacing": lambda values: np.isfinite(values) & (values > 0),
    "window": lambda values: np.isfinite(values) & (values[0] < values[1]),
    "overview_spacing": lambda values: np.isfinite(values) & (values > 0),
}


@dataclass(frozen=True)
class ClassifyRun:
    """A classification run in memory.

    Attributes:
        folder: where it was read from.
        results: of metrics.json.
        about: content of run.json, {} if there is none.
        classes: names of label 0 and label 1.
        series: metric name ("loss", "lr") -> Series, {} if there is no log.
        counter: what the series count, "step" or "epoch".
        predictions: of predictions.csv, or None.
        examples: arrays of examples.npz, {} if there are none; "window", "size_mm" and "overview" may be missing.
        notes: sentences a reader of the report must know.
    """

    folder: Path
    results: Results
    about: dict[str, Any]
    classes: tuple[str, str]
    series: dict[str, LoggedSeries]
    counter: str
    predictions: Predictions | None
    examples: dict[str, NDArray[Any]]
    notes: list[str]

    def facts(self, name: str) -> dict[str, Any]:
        """A table of run.json, {} if it is not there."""
        return self.about.get(name) or {}


def read_classify_run(folder: Path) -> ClassifyRun:
    """Read a run folder, or the folder eval inside it.

    Raises:
        InputError: no folder, no metrics.json, or a file of it is damaged or of another form.
    """
    if (folder / "eval").is_dir():
        folder = folder / "eval"
    if not folder.is_dir():
        raise InputError("is no run folder", where=folder, remedy="give the folder that holds eval/metrics.json")
    content, notes = read_json(folder / "metrics.json"), list[str]()
    with record_of("an evaluation", folder / "metrics.json"):
        results = read_results(content)
    about = read_about(folder / "run.json", notes)
    with record_of("a classification run", folder / "run.json"):
        about |= {name: dict(about[name]) for name in ("classify", "lesions") if about.get(name)}
        negative, positive = map(str, about.get("classes", CLASSES))
        if isinstance(about.get("classes"), str):
            raise ValueError("classes are no list of names")
    log, table = folder / "metrics.jsonl", folder / "predictions.csv"
    counter = _counter(log) if log.is_file() else "step"
    series = read_metrics(log, notes, counter) if log.is_file() else {}
    predictions = Predictions.read(table) if table.is_file() else None
    examples = _examples(folder / "examples.npz", notes)
    return ClassifyRun(folder, results, about, (negative, positive), series, counter, predictions, examples, notes)


def _counter(log: Path) -> str:
    """What numbers the lines of a log: "step", or "epoch" where a line stands for a whole epoch."""
    with log.open(encoding="utf-8", errors="replace") as file:
        return "step" if '"step"' in file.readline() else "epoch"


def _examples(path: Path, notes: list[str]) -> dict[str, NDArray[Any]]:
    arrays = read_arrays(path)
    if not arrays:
        return {}
    with record_of("examples", path):
        shape = arrays["crop"].shape  # (n, D, H, W)
        if len(shape) != 4 or 0 in shape[1:]:
            raise ValueError(f"crops {shape}, not (n, D, H, W)")
        shapes = {"attention": shape, "occlusion": shape, "spacing": (3,), "window": (2,), "overview_spacing": (3,)}
        shapes |= dict.fromkeys(("label", "probability", "row", "size_mm"), shape[:1])
        needed = {"label", "probability", "row"}
        if "overview" in arrays:
            shapes["overview"] = (*shape[:1], *arrays["overview"].shape[-3:])
            needed.add("overview_spacing")
        for name in sorted({*arrays, *needed}):
            if arrays[name].shape != shapes.get(name, arrays[name].shape):
                raise ValueError(f"{name} {arrays[name].shape} does not fit crops {shape}")
            if arrays[name].dtype.kind not in "biuf" or not VALUES.get(name, np.ones_like)(arrays[name]).all():
                raise ValueError(f"{name} holds values that cannot be: {arrays[name].ravel()[:5]}")
    for name in arrays.keys() & {"attention", "occlusion"}:
        bad = int((~np.isfinite(arrays[name])).sum())
        if bad:
            arrays[name] = np.nan_to_num(arrays[name], nan=0.0, posinf=0.0, neginf=0.0)
            notes.append(f"Examples: {count(bad, 'value')} of {name} {are(bad)} no number and drawn as 0.")
    if "occlusion" in arrays and (np.abs(arrays["occlusion"]) > 1).any():
        del arrays["occlusion"]  # of an earlier version: times an even share
        notes.append("Examples: the maps of occlusion hold no changes of probability and are not shown.")
    return arrays if shape[0] else {}
