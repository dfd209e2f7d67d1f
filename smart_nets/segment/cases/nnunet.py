"""Folders in nnU-Net's raw format, read as they are: dataset.json, imagesTr/CASE_0000.nii.gz, labelsTr/CASE.nii.gz."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from smart_nets.errors import InputError
from smart_nets.files import is_litter
from smart_nets.segment.cases.names import PLAN, read_json_object

IMAGES, LABELS, CHANNEL = "imagesTr", "labelsTr", "_0000"


def is_raw_folder(folder: Path) -> bool:
    """Whether a folder holds a dataset.json of nnU-Net or of the Medical Segmentation Decathlon."""
    return (folder / PLAN).is_file()


def raw_cases(folder: Path) -> list[dict[str, Any]]:
    """Training cases of a raw folder, by name.

    Raises:
        InputError: several channels, a modality that is not CT, a label without its image or the other way round.
    """
    plan = read_json_object(folder / PLAN)
    channels = plan.get("channel_names") or plan.get("modality") or {"0": "CT"}
    names = list(channels.values()) if isinstance(channels, Mapping) else [channels]
    if len(names) != 1 or not str(names[0]).upper().startswith("CT"):
        remedy = "this encoder sees CT alone"
        raise InputError(
            "is no data set of CT", where=folder / PLAN, expected='one channel, "CT"', found=names, remedy=remedy
        )
    table, listed = plan.get("dataset"), plan.get("training")
    if isinstance(table, Mapping) and table:  # of nnU-Net's second version
        listed = [
            {"image": (one.get("images") or [None])[0], "label": one.get("label")} if isinstance(one, Mapping) else one
            for one in table.values()
        ]
    pairs = _listed(folder, listed) if isinstance(listed, list) and listed else _by_name(folder, plan)
    return [{"image": str(image), "label": str(label)} for image, label in pairs]


def _by_name(folder: Path, plan: Mapping[str, Any]) -> list[tuple[Path, Path]]:
    ending = str(plan.get("file_ending") or ".nii.gz")
    if not (folder / IMAGES).is_dir():
        raise InputError("there is no folder of images", where=folder / IMAGES, remedy="give the data set's raw folder")
    labels = _by_stem(folder / LABELS, ending)
    images = _by_stem(folder / IMAGES, CHANNEL + ending)
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
    return [(images[name], labels[name]) for name in images]


def _by_stem(folder: Path, ending: str) -> dict[str, Path]:
    files = sorted(path for path in folder.glob(f"*{ending}") if not is_litter(path.name))
    return {path.name.removesuffix(ending): path for path in files}


def _listed(folder: Path, entries: list[Any]) -> list[tuple[Path, Path]]:
    """{"image": "./imagesTr/a.nii.gz", "label": ...}; nnU-Net's first version lists a.nii.gz where a_0000.nii.gz lies."""
    pairs = []
    for number, entry in enumerate(entries, start=1):
        files = []
        for key in ("image", "label"):
            text = entry.get(key) if isinstance(entry, Mapping) else None
            path = folder / str(text)
            numbered = path.with_name(path.name.replace(".nii", f"{CHANNEL}.nii", 1))
            path = numbered if key == "image" and not path.is_file() and numbered.is_file() else path
            if not text or not path.is_file():
                place, remedy = f"{folder / PLAN}, training, entry {number}", "correct the path, or remove the entry"
                raise InputError(
                    f"{key} does not exist", where=place, expected="a file", found=text or "nothing", remedy=remedy
                )
            files.append(path)
        pairs.append((files[0], files[1]))
    return pairs
