"""One table of encoders: ours, those of others, fresh weights and raw voxels on the same patients, as encoders.json."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from smart_nets.classify.lesions.phantoms import phantom_lesions
from smart_nets.errors import ConfigError, InputError
from smart_nets.files import write_json
from smart_nets.lists.scan_names import with_names
from smart_nets.localize.phantom_tumours import find_tumours
from smart_nets.organs.fields import CROPS, SHIFT, SIDE, FieldCrops, Fields, cut, phantom_fields
from smart_nets.organs.judge import ROUNDS
from smart_nets.organs.npz import read_boxes
from smart_nets.settings import FROM_1, SEED
from smart_nets.tables.encoders.attention import attention_table
from smart_nets.tables.encoders.contenders import Contender
from smart_nets.tables.encoders.lesions import lesion_table
from smart_nets.tables.encoders.organs import organ_table
from smart_nets.training.run_record import versions

logger = logging.getLogger(__name__)
PHANTOMS = "phantoms"  # in place of a path
WORDS = {"knn": "3-NN", "logistic": "logistic regression", "auc": "AUC", "contrast": "contrast", "dice": "Dice",
         "pointing": "pointing"}  # fmt: skip


@dataclass(frozen=True)
class Trials:
    """What encoders are compared on; a path, "phantoms", or None to leave it out.

    Attributes:
        organs: a .npz of boxes around organs (`npz.FORMAT`), with fields_spacing and orientation where it does not tell them.
        side, crops, shift: of the cubes cut from each box, see `fields.cut`.
        lesions: with labels, see `lesion_list`, with rule and coordinates; folds of the probe.
        tumours: scans with masks, see `tumour_list`.
        patients: phantoms of each kind.
        rounds: draws of the bootstrap.
    """

    organs: str | None = None
    lesions: str | None = None
    tumours: str | None = None
    fields_spacing: float | None = None
    orientation: str | None = None
    side: int = SIDE
    crops: int = CROPS
    shift: float = SHIFT
    rule: str = "median"
    coordinates: str = "RAS"
    folds: int = 3
    patients: int = 8
    rounds: int = ROUNDS
    seed: int = 0

    def __post_init__(self) -> None:
        if not (self.organs or self.lesions or self.tumours):
            expected, remedy = "organs, lesions or tumours", "give a path, or phantoms"
            raise ConfigError("there is nothing to compare on", expected=expected, remedy=remedy)
        for name in ("side", "crops", "patients"):
            FROM_1.check(name, getattr(self, name))
        SEED.check("seed", self.seed)


def compare_encoders(contenders: Sequence[Contender], trials: Trials, path: str | Path, cache_dir: str | Path) -> Any:
    """Write and return the table: what each encoder is, and "organs", "lesions" and "attention", None where left out.

    Raises:
        InputError, ConfigError, GeometryError: encoders or data that cannot be used.
    """
    cache, told = Path(cache_dir), trials
    boxes = _cubes(told, contenders) if told.organs else None
    organs = None if boxes is None else organ_table(contenders, *boxes, told.rounds, told.seed)
    lesions = attention = None
    if told.lesions:
        source = told.lesions
        if source == PHANTOMS:
            phantom_lesions(cache / "lesions", told.patients)
            source = str(cache / "lesions" / "lesions.csv")
        options = (told.folds, told.rule, told.coordinates, told.rounds, told.seed)
        lesions = lesion_table(contenders, source, cache / "crops", *options)
    if told.tumours:
        given = None if told.tumours == PHANTOMS else told.tumours
        attention = attention_table(contenders, with_names(find_tumours(given, cache / "tumours", told.patients)))
    settings = {name: _plain(value) for name, value in vars(told).items()}
    found = {
        "models": {one.name: one.facts() for one in contenders}, "organs": organs, "lesions": lesions,
        "attention": attention, "settings": settings, "versions": versions(),
    }  # fmt: skip
    write_json(path, found)
    for line in encoders_in_words(found):
        logger.info(line)
    return found


def _cubes(trials: Trials, contenders: Sequence[Contender]) -> tuple[FieldCrops, float]:
    """The cubes of all fields, and mm of a voxel; phantoms have the spacing of the first encoder."""
    if trials.organs == PHANTOMS:
        spacing = float(contenders[0].card["spacing"][0])
        fields = phantom_fields(trials.patients, spacing, trials.side, trials.shift, trials.seed)
    else:
        boxes = read_boxes(str(trials.organs), trials.fields_spacing, trials.orientation)
        if not np.allclose(boxes.spacing, boxes.spacing[0], rtol=1e-3):
            found = " x ".join(f"{one:g}" for one in boxes.spacing)
            raise InputError("has voxels that are no cubes", where=trials.organs, found=f"{found} mm",
                             remedy="resample the boxes to one spacing")  # fmt: skip
        fields = Fields(boxes.hu, boxes.organs, boxes.scans, boxes.spacing[0])
    return cut(fields, trials.side, trials.crops, trials.shift, trials.seed), fields.spacing


def _plain(value: Any) -> Any:
    return Path(value).name if isinstance(value, str) else value


def encoders_in_words(found: Mapping[str, Any]) -> Iterator[str]:
    """A line for each encoder, and one for each difference whose interval leaves out 0."""
    for kind in ("organs", "lesions", "attention"):
        table = found[kind] or {"rows": {}, "differences": []}
        for name, row in table["rows"].items():
            shown = (
                "no attention" if row is None else "; ".join(f"{WORDS[key]} {told(one)}" for key, one in row.items())
            )
            yield f"{kind}, {name}: {shown}"
        for one in table["differences"]:
            if one["low"] is not None and (one["low"] > 0 or one["high"] < 0):
                yield f"{kind}, {one['a']} less {one['b']}: {WORDS[one['measure']]} {told(one, '+')}"


def told(one: Mapping[str, Any], sign: str = "") -> str:
    """ "0.712 (0.650 to 0.770)" """
    if one["value"] is None:
        return "no number"
    between = "no interval" if one["low"] is None else f"{one['low']:{sign}.3f} to {one['high']:{sign}.3f}"
    return f"{one['value']:{sign}.3f} ({between})"
