"""A folder of phantoms, made once and reused."""

from __future__ import annotations

import csv
import io
import json
import re
import shutil
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

from smart_nets.errors import ConfigError, InputError
from smart_nets.files import DRAFT, write_text
from smart_nets.optional import bar, needed
from smart_nets.phantom.make import check_phantom, make_phantom, patient_name
from smart_nets.phantom.model import Vector
from smart_nets.phantom.write import write_dicom, write_labels, write_nifti
from smart_nets.settings import one_of

VERSION = 1  # raise it when the anatomy changes, so that folders made before are made anew
SETTINGS_FILE, LESION_FILE = "phantoms.json", "lesions.csv"
LESION_COLUMNS = ["patient_id", "image", "label", "x", "y", "z", "diameter_mm"]
NAMES = r"phantom-\d+(__labels)?(\.nii\.gz)?|phantoms\.json|lesions\.csv"
OWN_FILES = re.compile(rf"({NAMES})|\.({NAMES}){DRAFT}")  # drafts, too: a run that was killed leaves them
FORMATS = ("nifti", "dicom")
MOST = 10_000


def make_dataset(
    folder: str | Path,
    count: int,
    seed: int = 0,
    spacing: Vector = (2.0, 2.0, 2.0),
    nodules: int | None = None,
    format: str = "nifti",
    workers: int = 1,
    region: str = "trunk",
    size_mm: Vector | None = None,
    labels: bool = False,
    task: str = "malignancy",
) -> list[dict[str, Any]]:
    """Make, or find again, ``count`` phantoms in a folder; other seeds are other patients.

    Returns one ``{"image": path, "patient_id": ...}`` per phantom, with ``"labels"`` when asked (NIfTI, uint8), and
    writes ``lesions.csv``: patient_id, image (relative to the folder), label (1 malignant, or for the task "response" 1
    durable clinical benefit), x, y, z (RAS, mm), diameter_mm. Arguments are those of ``make_phantom``.

    Raises:
        ConfigError: settings out of range.
        InputError: the folder has content that is not phantoms; nothing is deleted.
    """
    nodules = check_phantom(seed, spacing, nodules, region, size_mm, task)
    one_of("format", format, FORMATS)
    if not isinstance(count, int) or not 1 <= count <= MOST:
        raise ConfigError("cannot make that many phantoms", where="count", expected=f"1 to {MOST}", found=count)
    if not isinstance(workers, int) or workers < 1:
        raise ConfigError("no such number of processes", where="workers", expected="1 or more", found=workers)
    folder = Path(folder)
    size = list(size_mm) if size_mm else None
    drawn: dict[str, Any] = {
        "spacing": list(spacing),
        "nodules": nodules,
        "region": region,
        "size_mm": size,
        "task": task,
    }
    written: dict[str, Any] = {"format": format, "labels": labels}
    settings = {"version": VERSION, "count": count, "seed": seed, **drawn, **written}
    records = [record(folder, seed * MOST + i, format, labels) for i in range(count)]
    if is_complete(folder, settings, records):
        return records
    needed("scipy", "phantoms", "give your own scans with --dataset_dir")
    make_room(folder, records)
    draw: Callable[[int], list[list[str]]] = partial(write_one, folder=folder, **drawn, **written)
    seeds = [seed * MOST + i for i in range(count)]
    if workers > 1:
        with ProcessPoolExecutor(workers) as pool:
            rows = [row for some in bar(pool.map(draw, seeds), f"drawing {count} phantoms") for row in some]
    else:
        rows = [row for one in bar(seeds, "drawing phantoms") for row in draw(one)]
    write_text(folder / LESION_FILE, as_csv(rows))
    write_text(folder / SETTINGS_FILE, json.dumps(settings, indent=1))
    return records


def record(folder: Path, seed: int, format: str, labels: bool) -> dict[str, Any]:
    name = patient_name(seed)
    out = {"image": str(folder / (f"{name}.nii.gz" if format == "nifti" else name)), "patient_id": name}
    if labels:
        out["labels"] = str(folder / f"{name}__labels.nii.gz")
    return out


def write_one(seed: int, folder: Path, format: str, labels: bool, **settings: Any) -> list[list[str]]:
    """Draw and write one phantom; returns its rows of lesions.csv."""
    phantom = make_phantom(seed, **settings)
    if format == "nifti":
        image = write_nifti(phantom, folder, labels=labels)
    else:
        image = write_dicom(phantom, folder)
        if labels:
            write_labels(phantom, folder)
    return [
        [phantom.patient_id, image.name, str(one.label), *(f"{mm:.3f}" for mm in (*one.centre_mm, one.diameter_mm))]
        for one in phantom.lesions
    ]


def is_complete(folder: Path, settings: dict[str, Any], records: list[dict[str, Any]]) -> bool:
    try:
        found = json.loads((folder / SETTINGS_FILE).read_text())
    except (FileNotFoundError, NotADirectoryError, json.JSONDecodeError):
        return False
    if isinstance(found, dict):
        found.setdefault("task", "malignancy")  # folders made before there were tasks hold nodules
    files = [Path(one[key]) for one in records for key in ("image", "labels") if key in one]
    return found == settings and (folder / LESION_FILE).is_file() and all(path.exists() for path in files)


def make_room(folder: Path, records: list[dict[str, Any]]) -> None:
    """Make the folder, or remove phantoms of other settings from it, and only those."""
    if folder.exists() and not folder.is_dir():
        raise InputError("not a folder", where=folder, remedy="choose another path")
    folder.mkdir(parents=True, exist_ok=True)
    foreign = sorted(entry.name for entry in folder.iterdir() if not OWN_FILES.fullmatch(entry.name))
    if foreign:
        found, remedy = ", ".join(foreign[:3]), "choose an empty folder, nothing was deleted"
        raise InputError("the folder holds files that are not phantoms", where=folder, found=found, remedy=remedy)
    (folder / SETTINGS_FILE).unlink(missing_ok=True)  # from here on the folder counts as unfinished
    wanted = {str(value) for one in records for value in one.values()}
    for entry in folder.iterdir():
        if entry.name.startswith((".", "phantom-")) and str(entry) not in wanted:
            shutil.rmtree(entry) if entry.is_dir() else entry.unlink()


def as_csv(rows: list[list[str]]) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows([LESION_COLUMNS, *rows])
    return text.getvalue()
