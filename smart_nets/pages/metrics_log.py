"""Reads metrics.jsonl, a line per step, as one series per logged number; forgiving to kills, restarts and NaN."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from smart_nets.errors import InputError
from smart_nets.pages.words import are, count


@dataclass(frozen=True)
class LoggedSeries:
    """One logged number over the run: steps (n,) ascending, values (n,) with NaN where it was not a number."""

    steps: NDArray[np.int64]
    values: NDArray[np.float64]

    def ends(self) -> tuple[float, float]:
        """Mean of the first and of the last 2 % of the finite values (at least one each); NaN if there are none."""
        finite = self.values[np.isfinite(self.values)]
        k = max(1, len(finite) // 50)
        return (float(finite[:k].mean()), float(finite[-k:].mean())) if len(finite) else (math.nan, math.nan)


def read_metrics(path: Path, notes: list[str], counter: str = "step") -> dict[str, LoggedSeries]:
    """Metric name ("loss", "teacher_entropy/ampd") -> Series; what a reader must know is added to `notes`.

    Args:
        path: of metrics.jsonl.
        notes: gets a sentence for every oddity.
        counter: the name that numbers the lines, "step" or "epoch".

    Raises:
        InputError: there is no file, or no line in it that can be read.
    """
    if not path.is_file():
        raise InputError("is missing", where=path, remedy="give the folder of a run that has logged at least one step")
    lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    records: dict[int, dict[str, float]] = {}
    broken, repeated = [], 0
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        record = _record(line, counter)
        if record is None:
            broken.append(number)
            continue
        step = int(record[counter])
        repeated += step in records
        records[step] = record  # a resumed run writes some steps again: the later value belongs to the weights
    if not records:
        remedy = f"log one {counter} first"
        raise InputError("has no readable line", where=path, found=f"{len(lines)} lines", remedy=remedy)
    if broken == [len(lines)]:
        notes.append("The last line of metrics.jsonl was cut off, as happens when a run is killed; it is left out.")
    elif broken:
        what = f"{count(len(broken), 'line')} of metrics.jsonl could not be read and {are(len(broken))} left out"
        notes.append(f"{what} (first: line {broken[0]}).")
    if repeated:
        twice = f"{count(repeated, counter)} {are(repeated)} logged twice"
        notes.append(f"The run was resumed: {twice}, the later value is shown.")
    series = _columns(records, counter)
    if not series:
        raise InputError(f"holds {counter}s without any number", where=path, remedy="log at least the loss")
    notes.extend(_gaps(series, counter))
    return series


def _record(line: str, counter: str) -> dict[str, float] | None:
    """One line as name -> number, nested names joined by "/"; None if it is cut off or not what the log writes."""
    try:
        record = json.loads(line)
        flat = dict(_flatten(record)) if isinstance(record, dict) else {}
    except (ValueError, TypeError):
        return None
    return flat if math.isfinite(flat.get(counter, math.nan)) else None


def _flatten(record: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, float]]:
    for name, value in record.items():
        if isinstance(value, dict):
            yield from _flatten(value, f"{prefix}{name}/")
        else:
            yield prefix + name, math.nan if value is None else float(value)


def _columns(records: dict[int, dict[str, float]], counter: str) -> dict[str, LoggedSeries]:
    """A step that does not log a name (a loss switched off, gradient accumulation) is no point of its series."""
    order = sorted(records)
    names = {name: None for step in order for name in records[step] if name != counter}
    columns = {}
    for name in names:
        steps = [step for step in order if name in records[step]]
        values = np.array([records[step][name] for step in steps], dtype=np.float64)
        columns[name] = LoggedSeries(np.array(steps, dtype=np.int64), np.where(np.isfinite(values), values, np.nan))
    return columns


def _gaps(series: dict[str, LoggedSeries], counter: str) -> Iterator[str]:
    for name, one in series.items():
        bad = one.steps[np.isnan(one.values)]
        if len(bad):
            yield f"{name}: no number at {count(len(bad), counter)} (first: {counter} {bad[0]:,}), shown as a gap."
