"""Reads what a classification run leaves behind: run.json, metrics.json, metrics.jsonl, predictions.csv, examples.npz.

Only metrics.json has to be there; of everything else that is missing the report says so.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from smart_nets.classify.report.results import Results, read_results
from smart_nets.errors import InputError
from smart_nets.pages.record import read_about, read_arrays, read_json
from smart_nets.pages.series import Series, read_metrics
from smart_nets.pages.words import are, count
from smart_nets.statistics.predictions import Predictions

CLASSES = ("negative", "positive")  # of a run that does not name its classes
PER_CASE = ("label", "probability", "row", "size_mm")  # of examples.npz


@dataclass(frozen=True)
class ClassifyRun:
    """A classification run in memory.

    Attributes:
        folder: where it was read from.
        results: of metrics.json.
        about: content of run.json, {} if there is none.
        series: metric name ("loss", "lr") -> Series, {} if there is no log.
        counter: what the series count, "step" or "epoch".
        predictions: of predictions.csv, or None.
        examples: arrays of examples.npz, {} if there are none; "window" and "size_mm" may be missing.
        notes: sentences a reader of the report must know.
    """

    folder: Path
    results: Results
    about: dict[str, Any]
    series: dict[str, Series]
    counter: str
    predictions: Predictions | None
    examples: dict[str, NDArray[Any]]
    notes: list[str]

    @property
    def classes(self) -> tuple[str, str]:
        """Names of label 0 and label 1."""
        names = self.about.get("classes", CLASSES)
        return str(names[0]), str(names[1])

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
    results = read_results(read_json(folder / "metrics.json"), folder / "metrics.json")
    notes: list[str] = []
    about = read_about(folder / "run.json", notes)
    _check(about, folder / "run.json")
    log, table = folder / "metrics.jsonl", folder / "predictions.csv"
    counter = _counter(log) if log.is_file() else "step"
    series = read_metrics(log, notes, counter) if log.is_file() else {}
    predictions = Predictions.read(table) if table.is_file() else None
    examples = _examples(folder / "examples.npz", notes)
    return ClassifyRun(folder, results, about, series, counter, predictions, examples, notes)


def _counter(log: Path) -> str:
    """What numbers the lines of a log: "step", or "epoch" where a line stands for a whole epoch."""
    with log.open(encoding="utf-8", errors="replace") as file:
        return "step" if '"step"' in file.readline() else "epoch"


def _check(about: dict[str, Any], path: Path) -> None:
    """Refuse a record whose parts have another form than a classification run writes."""
    for name in ("classify", "lesions"):
        if not isinstance(about.get(name) or {}, dict):
            raise InputError(f"{name} is not a table", where=path, expected="a JSON object", found=about[name])
    for name in ("training", "validation", "left_out"):
        part = (about.get("lesions") or {}).get(name) or {}
        if not isinstance(part, dict) or not all(_is_count(number) for number in part.values()):
            raise InputError(f"lesions {name} is not a table of counts", where=path, found=part)
    for name in ("given", "used"):
        number = (about.get("lesions") or {}).get(name, 0)
        if not _is_count(number):
            raise InputError(f"lesions {name} is not a count", where=path, found=number)
    names = about.get("classes", CLASSES)
    if not isinstance(names, (list, tuple)) or len(names) != 2 or not all(isinstance(name, str) for name in names):
        raise InputError("classes are not two names", where=path, expected='["benign", "malignant"]', found=names)


def _is_count(number: Any) -> bool:
    return isinstance(number, int) and not isinstance(number, bool) and number >= 0


def _examples(path: Path, notes: list[str]) -> dict[str, NDArray[Any]]:
    arrays = read_arrays(path)
    if not arrays:
        return {}
    crop = arrays.get("crop")
    if crop is None or crop.ndim != 4 or 0 in crop.shape[1:]:
        raise InputError("has no crops", where=path, expected="crop (n, D, H, W) in HU",
                         found="no crop" if crop is None else crop.shape)  # fmt: skip
    wanted = {
        "attention": crop.shape,
        "occlusion": crop.shape,
        "spacing": (3,),
        "window": (2,),
        **dict.fromkeys(PER_CASE, (len(crop),)),
    }
    for name, shape in wanted.items():
        if name not in arrays and name in ("label", "probability", "row"):
            raise InputError(f"has no {name}", where=path, remedy="evaluate the run again")
        if name in arrays and arrays[name].shape != shape:
            raise InputError(f"{name} does not fit the crops", where=path, expected=shape, found=arrays[name].shape)
        if name in arrays and arrays[name].dtype.kind not in "biuf":
            raise InputError(f"{name} holds no numbers", where=path, found=arrays[name].dtype)
    _check_values(arrays, path)
    for name in arrays.keys() & {"attention", "occlusion"}:
        bad = int((~np.isfinite(arrays[name])).sum())
        if bad:
            arrays[name] = np.nan_to_num(arrays[name], nan=0.0, posinf=0.0, neginf=0.0)
            notes.append(f"Examples: {count(bad, 'value')} of {name} {are(bad)} no number and drawn as 0.")
    return arrays if len(crop) else {}


def _check_values(arrays: dict[str, NDArray[Any]], path: Path) -> None:
    chances = arrays["probability"]
    if not ((chances >= 0) & (chances <= 1)).all():
        raise InputError("probability is outside [0, 1]", where=path, found=chances.tolist())
    if not np.isin(arrays["label"], (0, 1)).all():
        raise InputError("label is neither 0 nor 1", where=path, found=arrays["label"].tolist())
    spacing, window = arrays.get("spacing", np.ones(3)), arrays.get("window", np.arange(2))
    if not (np.isfinite(spacing) & (spacing > 0)).all():
        raise InputError("spacing is no voxel size", where=path, expected="3 lengths in mm", found=spacing.tolist())
    if not np.isfinite(window).all() or window[0] >= window[1]:
        raise InputError("window is empty", where=path, expected="[low, high] in HU", found=window.tolist())
