"""Synthetic patients with one lung tumour and five organs outlined each: the embedded data of segmentation."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np

from smart_nets.phantom import make_dataset
from smart_nets.phantom.write import write_image
from smart_nets.scans.read import read_stored
from smart_nets.segment.cases.names import PHANTOM_LABELS, PHANTOM_VALUES

SPACING_MM = (3.0, 3.0, 3.0)
SEED = 4  # patients that pretraining (0), classification (1, 2) and localisation (3) have not seen


def phantom_cases(folder: str | Path, patients: int) -> list[dict[str, Any]]:
    """Cases as `find_cases` gives them, made once and reused: label maps with the values of `PHANTOM_LABELS`.

    Raises:
        ConfigError: no patients. InputError: the folder holds something else.
    """
    folder, workers = Path(folder), min(4, os.cpu_count() or 1)
    scans = make_dataset(folder / "scans", patients, SEED, SPACING_MM, labels=True, task="response", workers=workers)
    items = []
    for scan in scans:
        target, labels = folder / "labels" / f"{scan['patient_id']}.nii.gz", Path(scan["labels"])
        if not target.is_file() or target.stat().st_mtime < labels.stat().st_mtime:
            drawn = read_stored(labels)
            table = np.zeros(256, np.uint8)
            for name, value in PHANTOM_VALUES.items():
                table[value] = PHANTOM_LABELS[name][0]
            write_image(table[np.asarray(drawn.array).astype(np.uint8)], drawn.affine, target)
        items.append({"image": scan["image"], "label": str(target), "patient_id": scan["patient_id"]})
    return items
