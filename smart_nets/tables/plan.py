"""What a table will cost before it starts, which runs are done, and which still fit a budget."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from smart_nets.errors import ConfigError, InputError
from smart_nets.files import write_json
from smart_nets.pages.page import duration
from smart_nets.settings import FROM_1, one_of
from smart_nets.tables.rows import TABLES, TableRow

UNITS = {"s": 1.0, "m": 60.0, "min": 60.0, "h": 3600.0, "d": 86400.0}
RESULT, PLAN = "result.json", "plan.json"
KEYS = {"row", "seed", "seconds", "feature", "knn", "clusters", "auc", "curve"}  # of every result


@dataclass(frozen=True)
class Job:
    """One pretraining: a row, its seed, the settings its table shares, and its folder."""

    row: TableRow
    seed: int
    options: Mapping[str, Any]
    folder: Path

    @property
    def result(self) -> Path:
        return self.folder / RESULT

    @property
    def done(self) -> bool:
        return self.result.is_file()


def seconds_of(text: str) -> float:
    """ "6h", "90 min", "3.5 h" in seconds. ConfigError: no length of time."""
    match = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([a-z]+)\s*", str(text))
    if not match or match[2] not in UNITS or not float(match[1]):
        raise ConfigError("is no length of time", where="budget", expected="such as 6h or 90min", found=text)
    return float(match[1]) * UNITS[match[2]]


def jobs_of(tables: Sequence[str], seeds: int, work: Path) -> list[Job]:
    """Every run of the tables once, seed by seed, so that a table that ends early is a table of fewer seeds.

    Raises:
        ConfigError: a table that there is not, or no seed.
    """
    FROM_1.check("seeds", seeds)
    for name in tables:
        one_of("tables", name, TABLES)
    found: dict[Path, Job] = {}
    for seed in range(1, seeds + 1):
        for name in tables:
            table = TABLES[name]
            for row in table.rows:
                folder = folder_of(work, row, table.options, seed)
                found.setdefault(folder, Job(row, seed, table.options, folder))
    return list(found.values())


def folder_of(work: Path, row: TableRow, options: Mapping[str, Any], seed: int) -> Path:
    """Rows that tables share are run once; the crop of a table that has its own is part of the name."""
    own = f"_{options['crop_size'][0]}" if "crop_size" in options else ""
    return work / f"{row.name}{own}" / f"seed_{seed}"


def same_plan(work: Path, settings: Mapping[str, Any]) -> None:
    """Remember the settings of all runs of a folder.

    Raises:
        InputError: the folder holds runs of other settings, which cannot stand in one table with these.
    """
    path = work / PLAN
    if path.is_file():
        known = read_result(path)
        changed = sorted(name for name in {*known, *settings} if known.get(name) != settings.get(name))
        if changed:
            found = ", ".join(f"{name} {known.get(name)} there, {settings.get(name)} asked" for name in changed)
            raise InputError("holds runs of other settings", where=work, found=found, remedy="give another --work")
    write_json(path, dict(settings))


def told_plan(jobs: Sequence[Job], each: float, parallel: int, budget: float | None) -> list[str]:
    """The plan in words: runs, done, what is left, and how far a budget reaches."""
    left = [job for job in jobs if not job.done]
    cost = each * -(-len(left) // parallel)
    lines = [
        f"{len(jobs)} runs, {len(jobs) - len(left)} of them done; about {duration(each)} a run, {parallel} at once"
    ]
    lines.append(f"left: {len(left)} runs, about {duration(cost)}")
    if budget is not None and cost > budget:
        within = int(budget // each) * parallel if each else len(left)
        lines.append(
            f"the budget of {duration(budget)} reaches for {within} of them; the same command goes on from there"
        )
    return lines


def read_result(path: Path) -> dict[str, Any]:
    """The table in a JSON file of a work folder. InputError: it is damaged."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(
            "is damaged", where=path, found=error, remedy="delete it: what it was of is done again"
        ) from error
    if not isinstance(found, dict):
        raise InputError("is no table", where=path, found=type(found).__name__, remedy="delete it")
    return found


def known_seconds(jobs: Sequence[Job]) -> Iterator[float]:
    """Seconds that finished runs took."""
    for job in jobs:
        if job.done:
            found = read_result(job.result)
            seconds = found.get("seconds")
            if not isinstance(seconds, (int, float)) or not found.keys() >= KEYS:
                expected, names = ", ".join(sorted(KEYS)), ", ".join(found) or "nothing"
                raise InputError("is no result", where=job.result, expected=expected, found=names, remedy="delete it")
            yield float(seconds)
