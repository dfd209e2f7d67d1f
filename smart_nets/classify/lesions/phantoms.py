"""Labelled lesions of phantoms: the embedded data of the classification bundle."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from smart_nets.classify.lesions.csv_list import read_lesions
from smart_nets.classify.lesions.lists import lesion_list
from smart_nets.errors import ConfigError
from smart_nets.phantom import make_dataset
from smart_nets.training.distributed import main_first

SPACING_MM = (1.5, 1.5, 1.5)  # fine enough to see the spicules of a malignant nodule
LESIONS = {"malignancy": 8, "response": 1}  # of a patient
SEEDS = {"malignancy": 1, "response": 2}  # patients that no other task, nor pretraining (seed 0), has seen


def phantom_lesions(folder: str | Path, patients: int, task: str = "malignancy") -> list[dict[str, Any]]:
    """Lung lesions of synthetic patients, made once and reused: sizes are drawn without looking at the label.

    Args:
        folder: for the phantoms.
        patients: how many.
        task: "malignancy": smooth (0) and spiculated (1) nodules, eight a patient; "response": one tumour a patient.

    Raises:
        ConfigError: an unknown task, or no patients.
    """
    seed, lesions, workers = SEEDS.get(task, 0), LESIONS.get(task, 1), min(4, os.cpu_count() or 1)
    make_dataset(folder, patients, seed, SPACING_MM, lesions, region="chest", task=task, workers=workers)
    return read_lesions(Path(folder) / "lesions.csv", classes=2)


def phantom_rows(folder: str | Path) -> list[dict[str, Any]]:
    """The lesions of one phantom with their "row", as `lesions_to_predict` gives those of a table."""
    return [{**item, "row": row} for row, item in enumerate(phantom_lesions(folder, 1))]


def find_lesions(
    source: str | Path | None, folder: str | Path, patients: int, task: str, **options: Any
) -> list[dict[str, Any]]:
    """The lesions of a source, with the options of `lesion_list`; without one those of phantoms, which rank 0 makes first."""
    if source:
        return lesion_list(source, **options)
    if options.get("coordinates", "RAS") != "RAS":
        raise ConfigError(
            "phantoms are in RAS", where="coordinates", found=options["coordinates"], remedy="leave it out"
        )
    return main_first(lambda: phantom_lesions(folder, patients, task))
