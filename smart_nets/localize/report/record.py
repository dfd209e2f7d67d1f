"""What an evaluation of localisation found, as its page reads it from localize.json."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from smart_nets.localize.scans import ENCODER
from smart_nets.pages.measures import Measure

NONE = 0.5  # the contrast of a map that tells nothing


@dataclass(frozen=True)
class Tumour:
    """A tumour: the number of its scan on the page, and its row of localize.json by method."""

    scan: int
    rows: Mapping[str, Mapping[str, Any]]

    @property
    def ml(self) -> float:
        return self.of(ENCODER, "tumour_ml")

    def of(self, method: str, key: str) -> float:
        """A figure, NaN where it is not defined."""
        return number_of(self.rows[method][key]) if method in self.rows else math.nan


@dataclass(frozen=True)
class Localised:
    """The folder, the content of its localize.json, and the tumours therein."""

    folder: Path
    content: Mapping[str, Any]
    tumours: list[Tumour]

    @property
    def methods(self) -> list[str]:
        return list(self.content["methods"])

    def mean(self, method: str, key: str) -> Measure:
        return table_measure(self.content["methods"][method]["summary"][key], "mean")

    def patients(self, method: str) -> int:
        return len({one.rows[ENCODER]["patient"] for one in self.tumours if method in one.rows})


def tumours_of(methods: Mapping[str, Any]) -> Iterator[Tumour]:
    rows = {name: {(row["scan"], row["tumour"]): row for row in method["rows"]} for name, method in methods.items()}
    numbers: dict[str, int] = {}
    for place in rows[ENCODER]:
        number = numbers.setdefault(place[0], len(numbers) + 1)
        yield Tumour(number, {name: found[place] for name, found in rows.items() if place in found})


def number_of(value: float | None) -> float:
    return math.nan if value is None else value + 0.0  # a text is a TypeError


def table_measure(part: Mapping[str, Any], value: str) -> Measure:
    return Measure(number_of(part[value]), number_of(part["low"]), number_of(part["high"]))


def mean_of(tumours: Sequence[Tumour], method: str, key: str) -> float:
    known = [value for one in tumours if not math.isnan(value := one.of(method, key))]
    return sum(known) / len(known) if known else math.nan
