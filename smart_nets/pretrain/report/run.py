"""Reads what a pretraining run leaves behind: metrics.jsonl, run.json, snapshots.npz.

A run that was killed, resumed, or had no kNN test is still a run: what is odd about it becomes a note, not an error.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from smart_nets.errors import InputError
from smart_nets.pages.metrics_log import LoggedSeries, read_metrics
from smart_nets.pages.record import check_number, read_about, read_arrays
from smart_nets.pages.words import are, count
from smart_nets.statistics.features import KINDS

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
    series: dict[str, LoggedSeries]
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
    _check(about, folder / "run.json")
    return Run(folder, series, about, read_snapshots(folder / "snapshots.npz", notes), notes)


def _check(about: dict[str, Any], path: Path) -> None:
    """Refuse a record whose parts have another form than a run writes."""
    for name in TESTS:
        if not isinstance(about.get(name, {}), dict):
            raise InputError(f"{name} is not a table", where=path, expected="a JSON object", found=about[name])
    for when, result in (pair for name in TESTS for pair in about.get(name, {}).items()):
        if not isinstance(result, dict):
            raise InputError(f"knn {when} is not a table", where=path, expected="a JSON object", found=result)
        for name in ("accuracy", "low", "high", "crops", "classes"):
            check_number(result.get(name), f"knn {when} {name}", path)
    window = about.get("model", {}).get("window", [0, 1])
    if not isinstance(window, list) or len(window) != 2:
        raise InputError("model window is no window", where=path, expected="[low, high] in HU", found=window)
    for end in window:
        check_number(end, "model window", path)


def read_snapshots(path: Path, notes: list[str]) -> dict[str, NDArray[Any]]:
    """Arrays of snapshots.npz, {} if there is none; notes tell of values that are no numbers.

    Raises:
        InputError: the file is damaged, or an array does not fit the image.
    """
    arrays = read_arrays(path)
    if not arrays:
        return {}
    image = arrays.get("image")
    if image is None or image.ndim != 4 or 0 in image.shape:
        shape = "no image" if image is None else image.shape
        raise InputError("has no probe crops", where=path, expected="image (n, D, H, W)", found=shape)
    shapes = {"reconstruction": image.shape, "spacing": (3,)}
    for name in arrays.keys() & {"mask", "dropped", "attention_before", "attention_after", *shapes}:
        found, wanted = arrays[name].shape, shapes.get(name)
        if found != wanted if wanted else (len(found) != 4 or found[0] != len(image)):
            what, expected = f"{name} does not fit the image", wanted or (len(image), "g", "g", "g")
            raise InputError(what, where=path, expected=expected, found=found, remedy="take the snapshots again")
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
