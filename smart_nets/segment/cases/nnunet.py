"""Folders in nnU-Net's raw format, read as they are: dataset.json, imagesTr/CASE_0000.nii.gz, labelsTr/CASE.nii.gz."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from smart_nets.errors import InputError
from smart_nets.segment.cases.names import PLAN, read_json_object

IMAGES, LABELS, CHANNEL = "imagesTr", "labelsTr", "_0000"


def is_raw_folder(folder: Path) -> bool:
    """Whether a folder holds a dataset.json of nnU-Net or of the Medical Segmentation Decathlon."""
    return (folder / PLAN).is_file()


def raw_cases(folder: Path) -> list[dict[str, Any]]:
    """Training cases of a raw folder, by name; a case is a patient, unless its name says otherwise by nothing but itself.

    Raises:
        InputError: several channels, a modality that is not CT, a label without its image or the other way round.
    """
    plan = read_json_object(folder / PLAN)
    channels = plan.get("channel_names") or plan.get("modality") or {"0": "CT"}
    names = list(channels.values()) if isinstance(channels, Mapping) else list(channels)
    if len(names) != 1 or not str(names[0]).upper().startswith("CT"):
        remedy = "this encoder sees CT alone"
        raise InputError(
            "is no data set of CT", where=folder / PLAN, expected='one channel, "CT"', found=names, remedy=remedy
        )
    listed = plan.get("training") if isinstance(plan.get("training"), list) else None
    pairs = _listed(folder, listed) if listed else _by_name(folder, plan)
    return [
        {"image": str(image), "label": str(label), "patient_id": name, "case": name} for name, image, label in pairs
    ]


def _by_name(folder: Path, plan: Mapping[str, Any]) -> list[tuple[str, Path, Path]]:
    ending = str(plan.get("file_ending") or ".nii.gz")
    if not (folder / IMAGES).is_dir():
        raise InputError("there is no folder of images", where=folder / IMAGES, remedy="give the data set's raw folder")
    labels = {path.name.removesuffix(ending): path for path in sorted((folder / LABELS).glob(f"*{ending}"))}
    images = {
        path.name.removesuffix(CHANNEL + ending): path for path in sorted((folder / IMAGES).glob(f"*{CHANNEL}{ending}"))
    }
    if not images:
        found = sum(1 for _ in (folder / IMAGES).iterdir())
        raise InputError("holds no images", where=folder / IMAGES, expected=f"CASE{CHANNEL}{ending}", found=f"{found} others",
                         remedy="name them as nnU-Net does")  # fmt: skip
    alone = sorted(labels.keys() ^ images.keys())
    if alone:
        what = "image has no label" if alone[0] in images else "label has no image"
        where = images.get(alone[0]) or labels[alone[0]]
        raise InputError(what, where=where, expected=f"{IMAGES}/CASE{CHANNEL}{ending} and {LABELS}/CASE{ending}",
                         found=f"{len(alone)} cases without the other", remedy="add it, or remove the case")  # fmt: skip
    return [(name, images[name], labels[name]) for name in images]


def _listed(folder: Path, entries: list[Any]) -> list[tuple[str, Path, Path]]:
    """Of the Decathlon: {"image": "./imagesTr/a.nii.gz", "label": "./labelsTr/a.nii.gz"}."""
    pairs = []
    for number, entry in enumerate(entries, start=1):
        files = []
        for key in ("image", "label"):
            text = entry.get(key) if isinstance(entry, Mapping) else None
            path = folder / str(text)
            if not text or not path.is_file():
                place, remedy = f"{folder / PLAN}, training, entry {number}", "correct the path, or remove the entry"
                raise InputError(
                    f"{key} does not exist", where=place, expected="a file", found=text or "nothing", remedy=remedy
                )
            files.append(path)
        pairs.append((files[1].name.split(".nii")[0], files[0], files[1]))
    return pairs
