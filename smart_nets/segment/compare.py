"""Segmentation runs side by side, on the same cases: paired differences, patient by patient."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from smart_nets.errors import ConfigError, InputError
from smart_nets.pages.record import read_json
from smart_nets.segment.paired import dice_by_patient, dice_difference
from smart_nets.segment.place import KEY, place_means
from smart_nets.segment.report.run import read_rows
from smart_nets.segment.scores import means_of_cases
from smart_nets.weights.beside import settings_beside

Row = dict[str, Any]


@dataclass(frozen=True)
class SegmentedRun:
    """A finished run: its name, what it said of each case, and the settings it ran with."""

    folder: Path
    name: str
    rows: list[Row]
    settings: Mapping[str, Any]


def is_segmentation(folder: str | Path) -> bool:
    """Whether a finished run is one of segmentation."""
    path = _inside(folder) / "run.json"
    return path.is_file() and isinstance(read_json(path), dict) and "segment" in read_json(path)


def read_segmented(folder: str | Path) -> SegmentedRun:
    """A run folder, or the folder eval inside it. InputError: a file is missing or damaged."""
    inside = _inside(folder)
    about, rows = read_json(inside / "run.json"), read_rows(inside / "cases.csv")
    told = about.get("segment") if isinstance(about, dict) else None
    if not isinstance(told, dict) or not isinstance(told.get("name"), str) or not rows:
        remedy = "give the folder of a finished run of smart_segment"
        raise InputError("is no finished segmentation", where=inside, expected="run.json and cases.csv", remedy=remedy)
    share = told.get("train_fraction", 1.0)
    name = told["name"] if share == 1.0 else f"{told['name']}, {share:.0%} of the patients"
    return SegmentedRun(Path(folder), name, rows, about.get("settings") or {})


def compare_segmentations(folders: Sequence[str | Path]) -> dict[str, Any]:
    """Evaluate and compare finished runs; runs of one name are the folds of one model.

    Returns:
        {"models": {name: `summary`}, "differences": [{"a", "b", "class" ("mean" of all), "value", "low", "high", "p",
        "patients", "better"}], "beside": ["spacing: 2 in a, 1.5 in b", ...], what differs beside the weights,
        "place": `place_means` of the first model's runs, where these have it}.

    Raises:
        ConfigError: no runs, a fold of a model occurs twice, or two did not see the same cases with the same names.
    """
    if not folders:
        raise ConfigError("there are no runs to compare", where="runs", expected="run folders")
    groups: dict[str, list[SegmentedRun]] = {}
    for run in map(read_segmented, folders):
        groups.setdefault(run.name, []).append(run)
    joined = {name: _joined(name, runs) for name, runs in groups.items()}
    names = _names(joined)
    for name, rows in joined.items():
        if _keys(rows) != _keys(next(iter(joined.values()))):
            first = next(iter(joined))
            what, remedy = f"was not judged on the cases of “{first}”", "train both on the same folds of the same data"
            expected = f"{len(_keys(joined[first]))} rows of cases.csv, of the same patients, folds and names"
            found = f"{len(_keys(rows))}, of which {len(_keys(rows) & _keys(joined[first]))} are the same"
            raise ConfigError(what, where=name, expected=expected, found=found, remedy=remedy)
    models = {name: means_of_cases(*_numbered(rows, names)) for name, rows in joined.items()}
    differences = [
        one for a, b in itertools.combinations(joined, 2) for one in _differences(a, joined[a], b, joined[b], names)
    ]
    numbered = _numbered(next(iter(joined.values())), names)
    floor = {"place": place_means(*numbered)} if all(KEY in row for row in numbered[0]) else {}
    return {
        **floor,
        "models": models,
        "differences": differences,
        "beside": settings_beside({name: runs[0].settings for name, runs in groups.items()})
        + [
            f"within “{name}”, {line}"
            for name, runs in groups.items()
            for line in settings_beside({one.folder.name: one.settings for one in runs})
        ],
    }


def _inside(folder: str | Path) -> Path:
    given = Path(folder)
    return given / "eval" if (given / "eval").is_dir() else given


def _joined(name: str, runs: Sequence[SegmentedRun]) -> list[Row]:
    """The rows of all folds of a model. ConfigError: a fold is there twice, or folds outline other things."""
    owner: dict[int, SegmentedRun] = {}
    first, remedy = runs[0], "give each run once, and each model its own --name"
    for run in runs:
        for fold in sorted({int(row["fold"]) for row in run.rows}):
            if (other := owner.setdefault(fold, run)) is not run:
                what, expected = f"gives fold {fold} of “{name}” a second time", "each fold of a model once"
                raise ConfigError(what, where=run.folder, expected=expected, found=other.folder, remedy=remedy)
        if {row["class"] for row in run.rows} != {row["class"] for row in first.rows}:
            what, expected = f"outlines other things than another fold of “{name}”", _classes(first)
            raise ConfigError(what, where=run.folder, expected=expected, found=_classes(run), remedy=remedy)
    rows = [row for run in runs for row in run.rows]
    if len(_keys(rows)) < len(rows):
        raise ConfigError("holds a case twice", where=runs[-1].folder, expected="each case in one fold", remedy=remedy)
    return rows


def _classes(run: SegmentedRun) -> str:
    return ", ".join(dict.fromkeys(row["class"] for row in run.rows))


def _keys(rows: Sequence[Row]) -> set[tuple[str, int, int, str]]:
    return {(row["patient"], int(row["fold"]), int(row["case"]), row["class"]) for row in rows}


def _names(joined: Mapping[str, Sequence[Row]]) -> list[str]:
    return list(dict.fromkeys(row["class"] for row in next(iter(joined.values()))))


def _numbered(rows: Sequence[Row], names: Sequence[str]) -> tuple[list[Row], list[str], list[str]]:
    """Rows with one number per case over all folds, names, and the patient of each case."""
    cases = {key: number for number, key in enumerate(sorted({(int(r["fold"]), int(r["case"])) for r in rows}))}
    numbered = [{**row, "case": cases[int(row["fold"]), int(row["case"])]} for row in rows]
    patients = {row["case"]: row["patient"] for row in numbered}
    return numbered, list(names), [patients[number] for number in range(len(cases))]


def _differences(
    a: str, ours: Sequence[Row], b: str, theirs: Sequence[Row], names: Sequence[str]
) -> list[dict[str, Any]]:
    """Dice of a less that of b, of each name and of the mean over names; patients count once, with the mean of their cases."""
    return [
        {
            "a": a,
            "b": b,
            "class": name,
            **dice_difference(dice_by_patient(ours, chosen), dice_by_patient(theirs, chosen)),
        }
        for name, chosen in [("mean", set(names)), *((one, {one}) for one in names if len(names) > 1)]
    ]
