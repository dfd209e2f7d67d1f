"""Reads what a segmentation run leaves behind: metrics.json, and what there is of run.json, the log, cases and examples."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from smart_nets.errors import InputError
from smart_nets.pages.measures import Measure, measure_of
from smart_nets.pages.metrics_log import LoggedSeries, read_metrics
from smart_nets.pages.record import read_about, read_arrays, read_json, record_of
from smart_nets.segment.report.slices import examples_in

TEXTS = ("patient", "class")


@dataclass(frozen=True)
class SegmentRun:
    """A segmentation run in memory.

    Attributes:
        folder: where it was read from.
        metrics: of metrics.json.
        about: of run.json, {} if there is none.
        rows: of cases.csv, numbers or NaN, [] if there is none.
        series: metric name -> values, {} if there is no log.
        examples: cases whose slices were kept.
        notes: sentences a reader must know.
    """

    folder: Path
    metrics: dict[str, Any]
    about: dict[str, Any]
    rows: list[dict[str, Any]]
    series: dict[str, LoggedSeries]
    examples: list[dict[str, NDArray[Any]]]
    notes: list[str]

    @property
    def names(self) -> list[str]:
        """What is outlined."""
        return list(self.metrics["classes"])

    def measure(self, name: str, key: str) -> Measure:
        """ "dice", "nsd" or "hd95" of a name."""
        return measure_of(self.metrics["classes"][name][key])

    def of(self, name: str) -> list[dict[str, Any]]:
        """Rows of a name, case by case."""
        return [row for row in self.rows if row["class"] == name]


def read_segment_run(folder: Path) -> SegmentRun:
    """Read a run folder, or the folder eval inside it.

    Raises:
        InputError: no folder, no metrics.json, or a file of it is damaged or of another form.
    """
    folder = folder / "eval" if (folder / "eval").is_dir() else folder
    if not folder.is_dir():
        raise InputError("is no run folder", where=folder, remedy="give the folder that holds eval/metrics.json")
    metrics, notes = read_json(folder / "metrics.json"), list[str]()
    with record_of("a segmentation", folder / "metrics.json"):
        for told in metrics["classes"].values():
            for key in ("dice", "nsd", "hd95"):
                measure_of(told[key])
            measure_of(told["lesions"]["recall"])
        measure_of(metrics["mean_dice"])
        int(metrics["cases"]), int(metrics["patients"])
    about = read_about(folder / "run.json", notes)
    log = folder / "metrics.jsonl"
    series = read_metrics(log, notes) if log.is_file() else {}
    examples = examples_in(read_arrays(folder / "examples.npz"))
    return SegmentRun(folder, metrics, about, read_rows(folder / "cases.csv"), series, examples, notes)


def read_rows(path: Path) -> list[dict[str, Any]]:
    """The rows of cases.csv, [] without one. InputError: it is damaged."""
    if not path.is_file():
        return []
    with record_of("a segmentation", path), path.open(encoding="utf-8", newline="") as file:
        return [
            {name: cell if name in TEXTS else float(cell or "nan") for name, cell in row.items()}
            for row in csv.DictReader(file)
        ]
