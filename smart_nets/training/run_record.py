"""run.json: what a run was (settings, versions, hardware, data), so that its numbers can be made again."""

from __future__ import annotations

import hashlib
import json
import platform
import time
from collections.abc import Mapping, Sequence
from datetime import datetime, timezone
from importlib import metadata
from pathlib import Path
from typing import Any

import torch
from ignite.engine import Engine, Events

from smart_nets.errors import CheckpointError
from smart_nets.files import write_json
from smart_nets.weights.io import read_card

Items = Sequence[Mapping[str, Any]]
PACKAGES = ("smart-nets", "torch", "monai", "pytorch-ignite", "numpy", "nibabel", "itk-core", "pydicom")


def update_record(path: str | Path, **facts: Any) -> dict[str, Any]:
    """Merge facts into a run record (one level deep) and return it."""
    path = Path(path)
    record: dict[str, Any] = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    for name, value in facts.items():
        old = record.get(name)
        record[name] = {**old, **value} if isinstance(old, dict) and isinstance(value, dict) else value
    write_json(path, record)
    return record


def versions() -> dict[str, str]:
    """Installed versions of the packages that can change a result."""
    found = {"python": platform.python_version()}
    for name in PACKAGES:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue  # an optional reader, or the project run from a bundle's own copy
    return found


def hardware() -> str:
    """The machine in words: GPU or processor kind and threads; no host name."""
    if torch.cuda.is_available():
        return f"{torch.cuda.device_count()} x {torch.cuda.get_device_properties(0).name}"
    return f"CPU {platform.machine()}, {torch.get_num_threads()} threads"


def data_facts(datalist: Items, source: str | None) -> dict[str, Any]:
    """What a run trained on: the folder's last name, the number of scans, and a hash of the list."""
    text = json.dumps([{k: item[k] for k in ("image", "series") if k in item} for item in datalist], sort_keys=True)
    return {
        "source": Path(source).name if source else "embedded phantoms",
        "used": len(datalist),
        "manifest_sha256": hashlib.sha256(text.encode()).hexdigest(),
    }


def lesion_facts(
    training: Items, held_out: Items, given: int, left_out: Mapping[str, int] | None = None
) -> dict[str, Any]:
    """How many lesions, patients and lesions of class 1 each part has, of how many that were given; and what was left out."""
    parts = {"training": training, "validation": held_out}
    counts = {
        name: {
            "lesions": len(items),
            "patients": len({str(item["patient_id"]) for item in items}),
            "positives": sum(item["label"] == 1 for item in items),
        }
        for name, items in parts.items()
    }
    return {"given": given, "used": len(training) + len(held_out), "left_out": dict(left_out or {}), **counts}


def encoder_facts(weights: str | Path | None) -> str | dict[str, Any]:
    """Which encoder a run started from: file name, hash and what it was pretrained on; or "from scratch"."""
    if weights is None:
        return "from scratch"
    card = read_card(weights)
    return {"file": Path(weights).name, **{name: card.get(name) for name in ("sha256", "epochs", "data")}}


def evaluation_record(
    path: str | Path, card: Mapping[str, Any], lesions: Items, source: str | None, places: str = ""
) -> None:
    """run.json of an evaluation: the model as its card tells, the data it is judged on, and where `places` come from.

    Raises:
        CheckpointError: the card does not tell which lesions the model was trained on.
    """
    if "split" not in card or "margin" not in card:
        remedy = "train with smart_lidc_classify"
        raise CheckpointError(
            "does not tell the model's training data",
            where="card",
            expected="split and margin",
            found=", ".join(card),
            remedy=remedy,
        )
    model = ("sha256", "feature", "spacing", "crop_size", "hu_window", "epochs", "parameters")
    facts = {
        "title": "Evaluation of a lesion classifier",
        "classes": card["classes"],
        "model": {name: card.get(name) for name in model},
        "classify": {"split_mode": card["split"]["mode"], "fold": card["split"]["fold"]},
        "data": data_facts(lesions, source),
        **({"lesions": {"places": places}} if places else {}),
    }
    write_json(path, {**facts, "versions": versions(), "hardware": hardware()})


class RunRecord:
    """Handler: writes the record at the start and the duration as it grows, on rank 0; a run that goes on adds to both.

    Args:
        path: of run.json.
        facts: title, preset, settings, data, model: whatever the configuration knows.
        rank: of this process.
    """

    def __init__(self, path: str | Path, facts: Mapping[str, Any], rank: int = 0) -> None:
        self.path, self.facts, self.rank = Path(path), dict(facts), rank

    def attach(self, engine: Engine) -> None:
        if self.rank == 0:
            engine.add_event_handler(Events.STARTED, self.start)
            engine.add_event_handler(Events.EPOCH_COMPLETED | Events.COMPLETED, self.finish)

    def start(self, engine: Engine) -> None:
        self.clock = time.perf_counter()
        now = datetime.now(timezone.utc).isoformat(timespec="seconds")
        before = update_record(self.path) if engine.state.iteration and self.path.is_file() else {}
        self.seconds = float(before.get("seconds", 0.0))  # of the parts before this one
        told = {**before, **self.facts, "started": before.get("started", now)}
        if engine.state.iteration:
            told["resumed"] = [*before.get("resumed", []), {"at": now, "step": engine.state.iteration}]
        write_json(self.path, {**told, "versions": versions(), "hardware": hardware()})

    def finish(self) -> None:
        """After each epoch, too, so that little of it is lost when a run is killed."""
        update_record(self.path, seconds=round(self.seconds + time.perf_counter() - self.clock, 1))
