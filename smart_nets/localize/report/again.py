"""How to make a report of attention again: the command, with the settings that the run was given."""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from smart_nets.training.run_record import data_facts, encoder_facts
from smart_nets.weights.beside import outside_card
from smart_nets.weights.io import read_card

ATTEND = "python -m smart_nets attend /path/to/scan --output_dir /path/to/output"
LOCALISE = "python -m smart_nets zeroshot evaluate"
LOOKING = ("percentile", "region", "components", "smallest_ml", "overlap", "head", "block")
JUDGING = (*LOOKING, "spacing", "crop_size", "hu_window", "random_encoders")
GIVEN = ("tumour_pattern", "readers")


def attend_again(record: Mapping[str, Any]) -> str:
    """The verb `attend` with the settings of the last scan and its models by name; places of files are to be filled in."""
    if not record["scans"]:
        return ATTEND
    scan = record["scans"][-1]
    models = list(dict.fromkeys(str(one["model"]) for one in scan["maps"]))
    told = [f"--model {shlex.quote(','.join(_weights(name) for name in models))}"]
    for name, key in (("spacing", "spacing"), ("crop", "crop_size")):  # of a cube, which is what the verb takes
        sides = set(scan["settings"].get(key) or [])
        told += [f"--{name} {sides.pop():g}"] if len(sides) == 1 else []
    told += ["--tumour /path/to/tumour"] if any("figures" in one for one in scan["maps"]) else []
    return " \\\n  ".join([ATTEND, *told, *_options(scan["settings"], LOOKING)])


def localise_again(content: Mapping[str, Any]) -> str:
    """The evaluation of zero-shot localisation with the settings of localize.json; places of files are to be filled in."""
    settings, given, encoder = content["settings"], content.get("given", {}), content.get("encoder")
    told = [f"--model_path {shlex.quote(_place(encoder['file']))}"] if isinstance(encoder, dict) else []
    told += _options(given, ("phantoms",)) if "phantoms" in given else ["--dataset_dir /path/to/scans"] if given else []
    told += ["--around_tumour true"] if settings.get("around_mm") else []
    return " \\\n  ".join([LOCALISE, *told, *_options(given, GIVEN), *_options(settings, JUDGING)])


def localise_facts(
    items: Sequence[Mapping[str, Any]],
    model: str | Path,
    dataset_dir: str | None,
    phantoms: int,
    spacing: Sequence[float],
    hu_window: Sequence[float],
    **given: Any,
) -> dict[str, Any]:
    """What localize.json tells of data and model beside the settings; of scans that are no phantoms, no name.

    Args:
        spacing, hu_window: with which the encoder is used; where its card says otherwise, log and report tell.
        given: further settings, by the names that the bundle gives them.
    """
    return {
        "given": given if dataset_dir else {"phantoms": phantoms},
        "data": data_facts(items, "scans" if dataset_dir else None),
        "encoder": encoder_facts(model),
        "outside_card": outside_card(read_card(model), spacing, hu_window),
    }


def _options(settings: Mapping[str, Any], names: tuple[str, ...]) -> list[str]:
    told = []
    for name in names:
        value = settings.get(name)
        if value is None or value == "mean":  # over heads, as without the option
            continue
        told.append(f"--{name} {shlex.quote(json.dumps(value) if isinstance(value, list) else str(value))}")
    return told


def _weights(name: str) -> str:
    return name if name == "random" else f"{name}={_place(name)}.pt"


def _place(name: str) -> str:
    return f"/path/to/{name}"
