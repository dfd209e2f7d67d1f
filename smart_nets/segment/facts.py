"""What run.json and the card tell of the cases of a run."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from smart_nets.files import write_json
from smart_nets.training.run_record import data_facts, hardware, versions

Items = Sequence[Mapping[str, Any]]
PHANTOM = re.compile(r"phantom-\d+(\.nii\.gz)?$")


def case_facts(parts: Mapping[str, Items]) -> dict[str, dict[str, Any]]:
    """Of each part how many cases and patients there are, and in how many cases each name is outlined."""
    return {name: _facts(items) for name, items in parts.items()}


def cases_told(items: Items) -> str:
    """A hash of which cases are learned from and of what is outlined in them; a resumed run must have the same."""
    told = [
        [
            str(item["image"]),
            str(item.get("series", "")),
            str(item.get("label", "")),
            item.get("drawn"),
            item.get("voxels"),
        ]
        for item in items
    ]
    return hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()


def source_told(items: Items, source: str | None) -> str | None:
    """What run.json calls the source: as given; None for phantoms; for cases that a server gave, so."""
    if source or all(PHANTOM.match(Path(item["image"]).name) for item in items):
        return source
    return "label maps of a server"


def evaluation_facts(
    path: str, card: Mapping[str, Any], items: Items, source: str | None, part: str, name: str, overlap: float
) -> None:
    """Write run.json of an evaluation: the model as its card tells, and the data it is judged on.

    Args:
        overlap: of neighbouring windows: figures of two overlaps are figures of two methods.
    """
    model = ("sha256", "epochs", "parameters")
    how = ("spacing", "crop_size", "hu_window", "architecture", "labels")
    facts = {
        "title": "Evaluation of a segmenter", "segment": {"name": name, "part": part},
        "model": {key: card.get(key) for key in model},
        "settings": {**{key: card.get(key) for key in how}, "overlap": overlap},
        "data": data_facts(items, source), "cases": case_facts({"judged": items}),
        "versions": versions(), "hardware": hardware(),
    }  # fmt: skip
    write_json(path, facts)


def _facts(items: Items) -> dict[str, Any]:
    shown: dict[str, int] = {}
    for item in items:
        for name, voxels in item.get("voxels", {}).items():
            shown[name] = shown.get(name, 0) + bool(voxels)
    patients = {str(item.get("patient_id", item["image"])) for item in items}
    return {"cases": len(items), "patients": len(patients), "shown": shown}
