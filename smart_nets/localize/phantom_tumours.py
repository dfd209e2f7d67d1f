"""Chests of synthetic patients with one lung tumour each, and its mask: the embedded data of localisation."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from smart_nets.lists.outlines.tumours import tumour_list
from smart_nets.phantom import ORGANS, make_dataset
from smart_nets.phantom.write import write_image
from smart_nets.scans.read import read_stored

SPACING_MM = (2.0, 2.0, 2.0)
SEED = 3  # patients that neither pretraining (0) nor classification (1, 2) has seen


def phantom_tumours(folder: str | Path, patients: int) -> list[dict[str, Any]]:
    """Items as `tumour_list` gives them, made once and reused: tumours of 20 to 36 mm, one reader.

    Raises:
        ConfigError: no patients. InputError: the folder holds something else.
    """
    folder, workers = Path(folder), min(4, os.cpu_count() or 1)
    scans = make_dataset(
        folder / "scans", patients, SEED, SPACING_MM, region="chest", labels=True, task="response", workers=workers
    )
    items = []
    for scan in scans:
        mask = folder / "masks" / f"{scan['patient_id']}.nii.gz"
        labels = Path(scan["labels"])
        if not mask.is_file() or mask.stat().st_mtime < labels.stat().st_mtime:
            drawn = read_stored(labels)
            write_image((drawn.array == ORGANS["nodule"]).astype("uint8"), drawn.affine, mask)
        readers = {"tumour": [{"file": str(mask), "region": None}]}
        items.append({"image": scan["image"], "patient_id": scan["patient_id"], "readers": readers})
    return items


def find_tumours(source: str | Path | None, folder: str | Path, patients: int, *options: str) -> list[dict[str, Any]]:
    """The tumours of a source, with the options of `tumour_list`; without one those of phantoms."""
    return tumour_list(source, *options) if source else phantom_tumours(folder, patients)
