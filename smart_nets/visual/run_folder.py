"""Reads what a pretraining run leaves behind: metrics.jsonl, run.json, snapshots.npz.

A run that was killed, resumed, or had no kNN test is still a run: what is odd about it becomes a note, not an error.
"""

from __future__ import annotations

import json
import math
import re
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from smart_nets.errors import InputError
from smart_nets.evaluation.features import KINDS
from smart_nets.visual.run_metrics import Series, are, count, read_metrics

TESTS = ("knn", *(f"knn_{name}" for name in KINDS))


@dataclass(frozen=True)
class Run:
    """A run folder in memory.

    Attributes:
        folder: where it was read from.
        series: metric name ("loss", "teacher_entropy/ampd") -> Series.
        about: content of run.json, {} if there is none.
        snapshots: arrays of snapshots.npz, {} if there is none.
        notes: sentences a reader of the report must know.
    """

    folder: Path
    series: dict[str, Series]
    about: dict[str, Any]
    snapshots: dict[str, NDArray[Any]]
    notes: list[str]

    @property
    def steps(self) -> int:
        return int(max(series.steps[-1] for series in self.series.values()))


def read_run(folder: Path) -> Run:
    """Read a run folder.

    Raises:
        InputError: no folder, no metrics.jsonl or none of its lines readable, run.json or snapshots.npz damaged.
    """
    if not folder.is_dir():
        raise InputError("is no run folder", where=folder, remedy="give the folder that holds metrics.jsonl")
    notes: list[str] = []
    series = read_metrics(folder / "metrics.jsonl", notes)
    about = read_about(folder / "run.json", notes)
    return Run(folder, series, about, _read_snapshots(folder / "snapshots.npz", notes), notes)


def read_about(path: Path, notes: list[str]) -> dict[str, Any]:
    """run.json without folder names, {} and a note if there is none; InputError if it is damaged."""
    if not path.is_file():
        notes.append("There is no run.json: settings, versions, hardware and data of this run are not known.")
        return {}
    try:
        about = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise InputError("is not valid JSON", where=path, found=error, remedy="write it again") from error
    if not isinstance(about, dict):
        raise InputError("holds no settings", where=path, expected="a JSON object", found=type(about).__name__)
    about = _without_folders(about)
    if isinstance(about.get("data"), dict) and about["data"].get("source"):
        about["data"]["source"] = _last_name(str(about["data"]["source"]))
    _check(about, path)
    return about


def _check(about: dict[str, Any], path: Path) -> None:
    """Refuse a record whose parts have another form than a run writes."""
    for name in ("settings", "versions", "data", "model", "weights", *TESTS):
        if not isinstance(about.get(name, {}), dict):
            raise InputError(f"{name} is not a table", where=path, expected="a JSON object", found=about[name])
    for when, result in (pair for name in TESTS for pair in about.get(name, {}).items()):
        if not isinstance(result, dict):
            raise InputError(f"knn {when} is not a table", where=path, expected="a JSON object", found=result)
        for name in ("accuracy", "low", "high", "crops", "classes"):
            _check_number(result.get(name), f"knn {when} {name}", path)
    for table, name in ((about, "seconds"), *((about.get("data", {}), name) for name in ("given", "used", "rejected"))):
        if name in table:
            _check_number(table[name], name, path)
    window = about.get("model", {}).get("window", [0, 1])
    if not isinstance(window, list) or len(window) != 2:
        raise InputError("model window is no window", where=path, expected="[low, high] in HU", found=window)
    for end in window:
        _check_number(end, "model window", path)


def _check_number(value: Any, name: str, path: Path) -> None:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
        raise InputError(f"{name} is not a number", where=path, found=value, remedy="correct run.json")


def _without_folders(value: Any) -> Any:
    """The same record with only the last name of every absolute path: folders may name a user or a patient."""
    if isinstance(value, dict):
        return {name: _without_folders(entry) for name, entry in value.items()}
    if isinstance(value, list):
        return [_without_folders(entry) for entry in value]
    absolute = isinstance(value, str) and re.match(r"[/~\\]|[A-Za-z]:[/\\]|\w+://", value)
    return _last_name(value) if absolute else value


def _last_name(path: str) -> str:
    return re.split(r"[/\\]", path.rstrip("/\\"))[-1]


def read_arrays(path: Path) -> dict[str, NDArray[Any]]:
    """The arrays of an .npz file, {} if there is no file; InputError if it is damaged."""
    if not path.is_file():
        return {}
    try:
        with np.load(path, allow_pickle=False) as archive:
            return {name: archive[name] for name in archive.files}
    except (ValueError, OSError, EOFError, KeyError, zipfile.BadZipFile) as error:
        raise InputError("cannot be read", where=path, found=error, remedy="delete it or make it again") from error


def _read_snapshots(path: Path, notes: list[str]) -> dict[str, NDArray[Any]]:
    arrays = read_arrays(path)
    if not arrays:
        return {}
    image = arrays.get("image")
    if image is None or image.ndim != 4 or 0 in image.shape:
        raise InputError("has no probe crops", where=path, expected="image (n, D, H, W)",
                         found="no image" if image is None else image.shape)  # fmt: skip
    shapes = {"reconstruction": image.shape, "spacing": (3,)}
    for name in arrays.keys() & {"mask", "dropped", "attention_before", "attention_after", *shapes}:
        found, wanted = arrays[name].shape, shapes.get(name)
        if found != wanted if wanted else (len(found) != 4 or found[0] != len(image)):
            expected = wanted or (len(image), "g", "g", "g")
            raise InputError(f"{name} does not fit the image", where=path, expected=expected, found=found,
                             remedy="take the snapshots again")  # fmt: skip
    return {name: _plain(name, array, notes) for name, array in arrays.items()}


def _plain(name: str, array: NDArray[Any], notes: list[str]) -> NDArray[Any]:
    """Masks as bool, the rest as float32 with 0 for what is not a number, which is told."""
    if name in ("mask", "dropped"):
        return array.astype(bool)
    numbers = array.astype(np.float32)
    bad = int((~np.isfinite(numbers)).sum())
    if bad:
        notes.append(f"Snapshots: {count(bad, 'value')} of {name} {are(bad)} no number and drawn as 0.")
    return np.nan_to_num(numbers, nan=0.0, posinf=0.0, neginf=0.0)
