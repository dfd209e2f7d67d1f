"""What a segmenter makes of held-out cases, on disk: cases.csv, metrics.json, and slices to look at."""

from __future__ import annotations

import csv
import io
import logging
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from ignite.engine import Engine, Events

from smart_nets.errors import SmartError
from smart_nets.files import whole, write_json, write_text
from smart_nets.lists.pseudonym import pseudonym
from smart_nets.optional import absent, bar
from smart_nets.pages.measures import measure_of
from smart_nets.scans.read import read_options, read_volume
from smart_nets.segment.cases.names import Values
from smart_nets.segment.cases.target import Others, read_target
from smart_nets.segment.place import KEY, PlaceFloor, place_means
from smart_nets.segment.predict import ScanSegmenter
from smart_nets.segment.report.slices import example_of
from smart_nets.segment.scores import COUNTS, MEANS, Row, case_scores, means_of_cases
from smart_nets.statistics.overlap import dice
from smart_nets.training.run_record import update_record

logger = logging.getLogger(__name__)
Items = Sequence[Mapping[str, Any]]
VOLUMES = ("reference_ml", "predicted_ml")
COLUMNS = ("case", "patient", "fold", "class", *MEANS, *VOLUMES, *COUNTS)  # and place_dice where a floor is known
TABLE, METRICS, EXAMPLES = "cases.csv", "metrics.json", "examples.npz"
SHOWN = 12  # cases whose slices are kept


class SegmentResults:
    """Judges a segmenter on whole scans, each on its own grid; a handler of training, or called by an evaluation.

    Args:
        items: cases as `find_cases` gives them.
        segment: the network with how it is fed.
        values: names and values of what is outlined. others: of label maps, see `read_target`.
        folder: of the results.
        fold: told in cases.csv.
        rank: of this process; rank 0 judges.
        floor: what place alone is worth, told beside the network's figures.
    """

    def __init__(
        self,
        items: Items,
        segment: ScanSegmenter,
        values: Values,
        folder: str | Path,
        fold: int = 0,
        rank: int = 0,
        others: Others = "refuse",
        floor: PlaceFloor | None = None,
    ) -> None:
        self.floor = floor
        self.items, self.segment, self.values, self.others = list(items), segment, dict(values), others
        self.folder, self.fold, self.rank = Path(folder), fold, rank

    def attach(self, engine: Engine) -> None:
        if self.rank == 0 and not absent("the results of held-out cases", "scipy"):
            engine.add_event_handler(Events.COMPLETED, lambda _: self.write())

    def write(self) -> dict[str, Any]:
        """Judge all cases and write cases.csv, metrics.json and examples.npz; returns the metrics.

        A case that cannot be used is left out and counted; the log says which and why.

        Raises:
            InputError, GeometryError: no case can be used.
        """
        if not self.items:
            logger.warning("no case is held out: nothing is told of how good this network is")
        else:
            logger.info("judging %d cases on their own grids", len(self.items))
        rows, examples, patients, faults = self._judged()
        if faults and not patients:
            raise faults[0]
        found = means_of_cases(rows, [*self.values], patients)
        found["left_out"] = [fault.what for fault in faults]
        if rows and KEY in rows[0]:
            found["place"] = place_means(rows, [*self.values], patients)
        write_text(self.folder / TABLE, table_of(rows))
        with whole(self.folder / EXAMPLES) as draft, draft.open("wb") as file:
            np.savez_compressed(file, **joined(chosen_examples(examples, rows)))
        write_json(self.folder / METRICS, found)
        update_record(self.folder / "run.json", mean_dice=found["mean_dice"])
        logger.info("held-out cases: %s", dice_in_words(found))
        return found

    def _judged(self) -> tuple[list[Row], list[dict[str, Any]], list[str], list[SmartError]]:
        """Rows, slices and patients of the cases that can be used, and what is wrong with the others."""
        rows: list[Row] = []
        examples: list[dict[str, Any]] = []
        patients: list[str] = []
        faults: list[SmartError] = []
        floor = self._floor()
        for item in bar(self.items, "judging cases"):
            try:
                scan = read_volume(item["image"], **read_options(item)).to_ras()
                target = read_target(item, scan, self.values, self.others)
                answer, _ = self.segment(scan)
            except SmartError as fault:
                logger.warning("left out: %s", fault)
                faults.append(fault)
                continue
            number = len(patients)
            patients.append(patient_of(item))
            place = {"case": number, "patient": patients[-1], "fold": self.fold}
            scores = case_scores(answer, target, scan.spacing, [*self.values])
            if floor:
                guess = floor(target.shape)
                for channel, row in enumerate(scores, start=1):
                    drawn = target == channel
                    row[KEY] = dice(guess == channel, drawn) if drawn.any() else math.nan
            rows += [place | one for one in scores]
            examples.append(example_of(scan, answer, target, number))
        return rows, examples, patients, faults

    def _floor(self) -> PlaceFloor | None:
        """The floor, unless a training case cannot be read any more: the results do not fail for that."""
        try:
            return self.floor if self.floor is not None and self.floor.shares.size else None
        except SmartError as fault:
            logger.warning("the floor of place alone is left out: %s", fault)
            return None


def chosen_examples(examples: Sequence[dict[str, Any]], rows: Sequence[Row]) -> list[dict[str, Any]]:
    """At most `SHOWN` of them, from the best mean Dice to the worst; those in which nothing is drawn come last."""
    found: dict[int, list[float]] = {}
    for row in rows:
        if not math.isnan(row["dice"]):
            found.setdefault(row["case"], []).append(row["dice"])
    order = sorted(examples, key=lambda one: -np.mean(found.get(int(one["case"]), [-1.0])))
    if len(order) <= SHOWN:
        return order
    return [order[at] for at in np.linspace(0, len(order) - 1, SHOWN).round().astype(int)]


def patient_of(item: Mapping[str, Any]) -> str:
    """The pseudonym of a case's patient; MONAI Label tells none, so that there every scan is one."""
    return pseudonym(str(item.get("patient_id", item["image"])))


def joined(examples: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """One table of arrays of all examples: "hu_0", "answer_0" ...; cases differ in size."""
    return {f"{key}_{number}": value for number, one in enumerate(examples) for key, value in one.items()}


def table_of(rows: Sequence[Row]) -> str:
    """Rows as CSV; what is not defined stays empty."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    columns = (*COLUMNS, KEY) if rows and KEY in rows[0] else COLUMNS
    writer.writerow(columns)
    for row in rows:
        writer.writerow([_cell(row[name]) for name in columns])
    return text.getvalue()


def _cell(value: Any) -> Any:
    if isinstance(value, float):
        return "" if math.isnan(value) else f"{value:.6g}"
    return value


def dice_in_words(found: Mapping[str, Any]) -> str:
    """One line: how many, the mean Dice with its interval, and each name's."""
    each = ", ".join(f"{name} {measure_of(one['dice']).number()}" for name, one in found["classes"].items())
    mean = measure_of(found["mean_dice"])
    floor = f" (place alone: {measure_of(found['place']['mean_dice']).number()})" if "place" in found else ""
    return f"{found['cases']} cases of {found['patients']} patients, mean Dice {mean.text()}{floor}: {each}"
