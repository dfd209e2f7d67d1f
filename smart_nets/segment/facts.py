"""What run.json and the card tell of the cases of a run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from smart_nets.files import write_json
from smart_nets.segment.split import Parts
from smart_nets.training.run_record import data_facts, hardware, versions

Items = Sequence[Mapping[str, Any]]


def case_facts(parts: Mapping[str, Items]) -> dict[str, dict[str, Any]]:
    """Of each part how many cases and patients there are, and in how many cases each name is outlined."""
    return {name: _facts(items) for name, items in parts.items()}


def parts_of(training: Items, validation: Items) -> Parts:
    """Both parts as they are, whoever chose them: MONAI Label gives its own."""
    return {"training": [dict(item) for item in training], "validation": [dict(item) for item in validation]}


def evaluation_facts(path: str, card: Mapping[str, Any], items: Items, source: str | None) -> None:
    """Write run.json of an evaluation: the model as its card tells, and the data it is judged on."""
    model = ("sha256", "spacing", "crop_size", "hu_window", "epochs", "parameters")
    facts = {
        "title": "Evaluation of a segmenter", "segment": {"name": str(card.get("name", "model"))},
        "model": {name: card.get(name) for name in model}, "data": data_facts(items, source),
        "cases": case_facts({"judged": items}), "versions": versions(), "hardware": hardware(),
    }  # fmt: skip
    write_json(path, facts)


def _facts(items: Items) -> dict[str, Any]:
    shown: dict[str, int] = {}
    for item in items:
        for name, voxels in item.get("voxels", {}).items():
            shown[name] = shown.get(name, 0) + bool(voxels)
    patients = {str(item.get("patient_id", item["image"])) for item in items}
    return {"cases": len(items), "patients": len(patients), "shown": shown}
