"""Localisation of tumours over many scans: the encoder, and the floors it must beat, in one table (SMART section 4.4)."""

from __future__ import annotations

import itertools
import logging
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from smart_nets.errors import ConfigError, GeometryError, InputError
from smart_nets.files import write_json
from smart_nets.lists.outlines.tumours import read_tumours
from smart_nets.localize.figures import LEAST_INSIDE, inside_share, measure
from smart_nets.localize.floors import dense_in_lungs, random_attention
from smart_nets.localize.marking import Marked, Marking
from smart_nets.localize.regions import around_tumours
from smart_nets.localize.scan_attention import ScanAttention
from smart_nets.localize.summary import paired_difference, summarise
from smart_nets.optional import bar
from smart_nets.pages.measures import measure_of
from smart_nets.scans.labels import with_target
from smart_nets.scans.read import read_checked, read_options
from smart_nets.scans.volume import Volume
from smart_nets.statistics.overlap import consensus
from smart_nets.training.run_record import versions

logger = logging.getLogger(__name__)
Way = Callable[[Volume], tuple[NDArray[np.float32], Marked]]
Maps = Mapping[str, tuple[NDArray[np.float32], Marked]]
Draw = Callable[[str, Volume, Maps, NDArray[np.bool_]], None]
ENCODER, RANDOM, DENSE = "encoder", "random encoder", "HU in the lungs"
COMPARED = ("contrast", "dice", "pointing", "recall")


@dataclass
class LocalizeScans:
    """Measures an encoder's attention against readers' tumours, beside two floors.

    Args:
        items: of `tumour_list`, with the "name" of `with_names`.
        attention: how the encoder looks at a scan.
        architecture: of the encoder's card, for encoders with fresh weights.
        marking: the rule that makes a mask of a map.
        random_encoders: how many with fresh weights; a tumour's figures are their mean.
        draw: called with the name, scan, maps and tumours of each scan, to make pictures.
        around_mm: sides of a cube around each tumour to which the scan is cut before it is looked at; None: the whole scan.
        facts: what the table tells besides, such as of data and model.
    """

    items: Sequence[Mapping[str, Any]]
    attention: ScanAttention
    architecture: Mapping[str, Any]
    marking: Marking
    random_encoders: int = 3
    draw: Draw | None = None
    around_mm: Sequence[float] | None = None
    facts: Mapping[str, Any] = field(default_factory=dict)
    empty: int = 0
    no_lungs: int = 0
    left_out: list[dict[str, str]] = field(default_factory=list)
    outside: list[dict[str, Any]] = field(default_factory=list)
    rows: dict[str, list[dict[str, Any]]] = field(default_factory=lambda: defaultdict(list))

    def write(self, path: str | Path) -> dict[str, Any]:
        """Look at all scans; write and return the table: figures by tumour, their summary, and paired differences.

        Raises:
            InputError, GeometryError: a scan or mask that cannot be used, or no tumour at all.
        """
        self.rows.clear()
        self.empty = self.no_lungs = 0
        self.left_out.clear()
        self.outside.clear()
        looks = self._looks()
        first: InputError | GeometryError | None = None
        for number, item in enumerate(bar(self.items, "scans"), start=1):
            try:
                self._scan(item, looks)
            except (InputError, GeometryError) as error:  # one bad scan must not cost the others' figures
                logger.warning("scan %d is left out: %s", number, error.what)  # its path may tell the patient
                self.left_out.append({"scan": str(item["name"]), "why": error.what})
                first = first or error
        if not self.rows and first is not None:
            raise first
        if not self.rows and self.outside:
            what, lost = "every tumour lies outside the region", f"{len(self.outside)} tumours"
            remedy = "take region body or image"
            raise InputError(what, where=f"region {self.marking.region}", found=lost, remedy=remedy)
        if not self.rows:
            what, masks = "there is no tumour to find: all masks are empty", f"{self.empty} empty masks"
            raise InputError(what, expected="one tumour or more", found=masks, remedy="check the masks")
        found = {**self._table(), "settings": self._settings(), "versions": versions(), **self.facts}
        write_json(path, found)
        for name, one in found["methods"].items():
            contrast = one["summary"]["contrast"]
            logger.info("contrast of %s: %s", name, measure_of({**contrast, "value": contrast["mean"]}).text())
        return found

    def _looks(self) -> dict[str, list[Way]]:
        """Name of a method -> one way of looking, or several whose figures are averaged."""
        count = self.random_encoders
        if type(count) is not int or count < 0:
            raise ConfigError("is no count", where="random_encoders", expected="0 or more", found=count)
        fresh = [random_attention(self.attention, self.architecture, seed) for seed in range(count)]
        looks = {ENCODER: [self._marked(self.attention)], RANDOM: [self._marked(one) for one in fresh]}
        return {name: ways for name, ways in looks.items() if ways}

    def _marked(self, attention: ScanAttention) -> Way:
        def look(scan: Volume) -> tuple[NDArray[np.float32], Marked]:
            score = attention(scan)
            return score, self.marking.mark(score, scan)

        return look

    def _scan(self, item: Mapping[str, Any], looks: Mapping[str, Sequence[Way]]) -> None:
        scan = read_checked(item["image"], **read_options(item))
        drawn = read_tumours(dict(item), scan)
        names = list(drawn)
        kept, empty = with_target([consensus(drawn[name]) for name in names])
        self.empty += empty
        tumours = {names[index]: drawn[names[index]] for index in kept}
        if self.around_mm is None:
            self._view(item, str(item["name"]), scan, tumours, list(tumours), looks)
            return
        for number, (name, cube, masks) in enumerate(around_tumours(scan, tumours, self.around_mm), start=1):
            shown = f"{item['name']}_{number}" if len(tumours) > 1 else str(item["name"])
            self._view(item, shown, cube, masks, [name], looks)

    def _view(
        self,
        item: Mapping[str, Any],
        shown: str,
        scan: Volume,
        tumours: Mapping[str, Sequence[NDArray[np.bool_]]],
        measured: Sequence[str],
        looks: Mapping[str, Sequence[Way]],
    ) -> None:
        """Look at a scan, or a cube of it, and measure some of the tumours in it."""
        found: dict[str, list[tuple[NDArray[np.float32], Marked]]] = {
            name: [look(scan) for look in ways] for name, ways in looks.items()
        }
        try:
            found[DENSE] = [dense_in_lungs(scan)]
        except InputError as error:
            if error.what not in ("shows no lungs", "shows no body"):
                raise
            self.no_lungs += 1
        for tumour, (name, maps) in itertools.product(measured, found.items()):
            # of a tumour that a region leaves out its maps cannot tell; what the encoder may not mark counts for no method
            shares = {one: inside_share(consensus(tumours[tumour]), found[one][0][1].region) for one in (ENCODER, name)}
            short = next((one for one, share in shares.items() if share < LEAST_INSIDE), None)
            if short is None:
                row = _mean_figures(maps, tumours, tumour, scan, found[ENCODER][0][1].region)
                place = {"scan": item["name"], "patient": item["patient_id"], "tumour": tumour}
                self.rows[name].append({**place, "readers": len(tumours[tumour]), **row})
            elif short == name:
                logger.warning("scan %s: %.0f%% of a tumour in the region of the %s", shown, 100 * shares[name], name)
                self.outside.append({"scan": item["name"], "tumour": tumour, "method": name, "inside": shares[name]})
        if self.draw is not None and tumours:
            every = np.any([consensus(masks) for masks in tumours.values()], axis=0)
            self.draw(shown, scan, {name: maps[0] for name, maps in found.items()}, every)

    def _table(self) -> dict[str, Any]:
        figures = {name: [_figures(row) for row in rows] for name, rows in self.rows.items()}
        patients = {name: [str(row["patient"]) for row in rows] for name, rows in self.rows.items()}
        places = {name: [(row["scan"], row["tumour"]) for row in rows] for name, rows in self.rows.items()}
        differences = []
        for other in [name for name in figures if name != ENCODER]:
            shared = [place for place in places[ENCODER] if place in places[other]]
            ours, theirs = ([figures[name][places[name].index(place)] for place in shared] for name in (ENCODER, other))
            whose = [patients[ENCODER][places[ENCODER].index(place)] for place in shared]
            differences += [
                {"a": ENCODER, "b": other, "key": key, **paired_difference(ours, theirs, key, whose)}
                for key in COMPARED
            ]
        # the encoder has looked at every tumour, so that a patient has one number in all methods
        people = dict.fromkeys(row["patient"] for row in self.rows[ENCODER])
        numbers = {patient: number for number, patient in enumerate(people, start=1)}
        methods = {
            name: {"summary": summarise(figures[name], patients[name]), "rows": _plain(rows, numbers)}
            for name, rows in self.rows.items()
        }
        return {
            "tumours": len(self.rows[ENCODER]),
            "scans": len(self.items),
            "patients": len(numbers),
            "left_out": list(self.left_out),
            "empty_masks": self.empty,
            "scans_without_lungs": self.no_lungs,
            "outside_region": list(self.outside),
            "methods": methods,
            "differences": differences,
        }

    def _settings(self) -> dict[str, Any]:
        one, shown = self.attention, cast(Any, self.attention.network)
        crops = {"crop_size": list(one.crop_size), "spacing": list(one.spacing), "hu_window": list(one.hu_window)}
        maps = {"overlap": one.overlap, "head": shown.head, "block": shown.block}
        cube = {} if self.around_mm is None else {"around_mm": list(self.around_mm)}
        return {**asdict(self.marking), **crops, **maps, **cube, "random_encoders": self.random_encoders}


def _mean_figures(
    maps: Sequence[tuple[NDArray[np.float32], Marked]],
    tumours: Mapping[str, Sequence[NDArray[np.bool_]]],
    tumour: str,
    scan: Volume,
    around: NDArray[np.bool_],
) -> dict[str, float]:
    """Figures of one tumour, the mean over some maps; all methods have one ring in `around`, whatever they mark in."""
    others = [consensus(masks) for other, masks in tumours.items() if other != tumour]
    rest = np.any(others, axis=0) if others else None
    found = [
        measure(score, marked.mask, tumours[tumour], marked.region, scan.spacing, rest, around)
        for score, marked in maps
    ]
    return {key: float(np.mean([one[key] for one in found])) for key in found[0]}


def _figures(row: Mapping[str, Any]) -> dict[str, float]:
    return {key: value for key, value in row.items() if isinstance(value, float)}


def _plain(rows: Sequence[Mapping[str, Any]], numbers: Mapping[str, int]) -> list[dict[str, Any]]:
    """Rows for JSON: None for what is not defined; patients by number, since others read these tables."""
    return [
        {key: None if isinstance(value, float) and np.isnan(value) else value for key, value in row.items()}
        | {"patient": numbers[row["patient"]]}
        for row in rows
    ]
