"""Where tumours lie and who drew them: a folder of scans and masks, a datalist, or a public data set with several readers."""

from __future__ import annotations

import logging
import re
from collections import defaultdict
from pathlib import Path
from typing import Any

import numpy as np

from smart_nets.errors import ConfigError, InputError
from smart_nets.files import existing
from smart_nets.lists.find import Candidate, find
from smart_nets.lists.outlines.drawings import read_drawings
from smart_nets.scans.mask_regions import choose_region, pair_regions, read_regions
from smart_nets.scans.read import FILES
from smart_nets.scans.volume import Volume

logger = logging.getLogger(__name__)
PATTERN = r"(?i)tumou?r|gtv|nodule|lesion"
BETWEEN = "__"  # stands between the name of a scan and what its mask shows


def tumour_list(source: str | Path, pattern: str = PATTERN, kind: str = "vis") -> list[dict[str, Any]]:
    """The scans of a source with the masks of their tumours; how many there are is logged, voxels are not read.

    Args:
        source: a folder where masks lie beside their scans as `<scan>__<region>.nii.gz` (each region is a tumour with one
            reader); a JSON datalist {"training": [{"image": path, "label": path, or one path per reader, "region": name
            in a DICOM file, or one per reader}]} (one tumour a scan, paths relative to the JSON); or a folder of DICOM
            series with their structure sets and segmentations (`read_drawings`).
        pattern: regular expression that finds the regions which are tumours, among masks beside scans and the regions of
            DICOM files that no "region" names; scans without one are left out and counted.
        kind: of the drawings in NSCLC-Radiomics-Interobserver1, "vis" or "auto".

    Returns:
        items {"image", "patient_id", "series" (of DICOM), "readers": {tumour: [{"file", "region" (in a DICOM file, or None)},
        ... one per reader]}}, for `read_tumours`.

    Raises:
        InputError: the source is none of these, empty or without a tumour, an entry of it is wrong or listed twice.
        GeometryError: a structure set belongs to no CT series.
        ConfigError: unknown kind, or the pattern is no regular expression.
    """
    path = Path(source).expanduser()
    try:
        tumour = re.compile(pattern)
    except re.error as error:
        raise ConfigError(f"is no regular expression ({error})", where="pattern", found=pattern) from error
    candidates = find(path)
    for candidate in candidates:
        if candidate.fault is not None:
            raise candidate.fault
    if path.is_file():
        items = _of_datalist(path, candidates, tumour)
    elif any(BETWEEN in candidate.path.name for candidate in candidates if candidate.series is None):
        items = _beside(path, candidates, tumour)
    elif any(candidate.series is not None for candidate in candidates):
        items = read_drawings(path, candidates, kind, tumour)
        _tell_left_out("images that are no DICOM", sum(candidate.series is None for candidate in candidates))
    else:
        wanted, lone = f"names like scan{BETWEEN}tumour.nii.gz", f"{len(candidates)} images without"
        remedy = "rename the masks, or give a JSON"
        raise InputError("no scan has a mask beside it", where=path, expected=wanted, found=lone, remedy=remedy)
    readers = [masks for item in items for masks in item["readers"].values()]
    patients = len({item["patient_id"] for item in items})
    logger.info(
        "%d tumours in %d scans of %d patients, %d masks", len(readers), len(items), patients, sum(map(len, readers))
    )
    return items


def read_tumours(item: dict[str, Any], scan: Volume) -> dict[str, list[np.ndarray]]:
    """Tumour -> bool masks (X, Y, Z), one per reader, voxel for voxel on the scan as it is given; they may be empty.

    Args:
        item: of `tumour_list`.
        scan: its CT, with the axes of the file (`read_checked`) or in RAS (`read_volume`).

    Raises:
        InputError: a file is missing or damaged, holds no such region, or several and none is named.
        GeometryError: a mask lies on another grid or in another frame of reference than the scan.
    """
    regions = defaultdict(set)
    for entry in (entry for entries in item["readers"].values() for entry in entries):
        regions[entry["file"]].add(entry["region"])
    masks = {file: read_regions(Path(file), wanted, scan) for file, wanted in regions.items()}
    return {
        tumour: [masks[entry["file"]][entry["region"]] for entry in entries]
        for tumour, entries in item["readers"].items()
    }


def _of_datalist(path: Path, candidates: list[Candidate], pattern: re.Pattern[str]) -> list[dict[str, Any]]:
    if path.suffix.lower() != ".json":
        wanted, remedy = "a folder, or a JSON datalist", "list scan and mask in a JSON"
        raise InputError("is no source of tumours", where=path, expected=wanted, found="another file", remedy=remedy)
    items: list[dict[str, Any]] = []
    for number, candidate in enumerate(candidates, start=1):
        item, place = candidate.item(), f"{path}, entry {number}"
        files = _label_files(path, item.pop("label", None), place)
        readers = [
            {"file": file, "region": choose_region(file, name, pattern)}
            for file, name in pair_regions(item.pop("region", None), files, place)
        ]
        if any(one in readers[:before] for before, one in enumerate(readers)):
            what, found = "two readers have the same mask", [Path(file).name for file in files]
            raise InputError(what, where=place, expected="one mask each", found=found, remedy="remove one")
        item["readers"] = {"tumour": readers}
        if item in items:
            place = f"{path}, entries {items.index(item) + 1} and {number}"
            raise InputError("is listed twice", where=place, expected="once", found=item["image"], remedy="remove one")
        items.append(item)
    return items


def _label_files(path: Path, label: Any, place: str) -> list[str]:
    texts = label if isinstance(label, list) else [label]
    if not texts or not all(isinstance(text, str) and text for text in texts):
        wanted, found = '"label": path, or one path per reader', label or "nothing"
        raise InputError("entry has no label", where=place, expected=wanted, found=found, remedy="add the mask")
    files = [existing(path.parent, text) for text in texts]
    for text, file in zip(texts, files, strict=True):
        if file is None or not file.is_file():
            remedy = "correct the path, or remove the entry"
            raise InputError("label does not exist", where=place, expected="a file", found=text, remedy=remedy)
    return [str(file) for file in files]


def _beside(source: Path, candidates: list[Candidate], pattern: re.Pattern[str]) -> list[dict[str, Any]]:
    """Items of the scans that have the mask of a tumour in the same folder."""
    folders: dict[Path, dict[str, Candidate]] = defaultdict(dict)
    for candidate in (one for one in candidates if one.series is None):
        first = folders[candidate.path.parent].setdefault(_stem(candidate.path), candidate)
        if first is not candidate:
            what, other = "two images have the same name", first.path.name
            raise InputError(what, where=candidate.path, expected="one of each", found=other, remedy="remove one")
    every = [item for images in folders.values() for item in _items_of_folder(images, pattern)]
    items = [item for item in every if item["readers"]]
    if not items:
        what, remedy = "no scan has the mask of a tumour beside it", "give the pattern of its name"
        wanted, none = f"a region like {pattern.pattern}", f"none in {len(every)} scans"
        raise InputError(what, where=source, expected=wanted, found=none, remedy=remedy)
    _tell_left_out("scans without the mask of a tumour", len(every) - len(items))
    _tell_left_out("DICOM series", sum(candidate.series is not None for candidate in candidates))
    return items


def _tell_left_out(what: str, count: int) -> None:
    if count:
        logger.info("left out, %s: %d", what, count)


def _items_of_folder(images: dict[str, Candidate], pattern: re.Pattern[str]) -> list[dict[str, Any]]:
    """All scans of a folder, some of them without tumours."""
    regions = {stem: _region(stem, images) for stem in images}
    readers: dict[str, dict[str, Any]] = {stem: {} for stem, region in regions.items() if not region}
    for stem, region in regions.items():
        scan, _, rest = stem.partition(BETWEEN)
        if region and pattern.search(region):
            readers[stem.removesuffix(BETWEEN + region)][region] = [{"file": str(images[stem].path), "region": None}]
        elif not region and pattern.search(rest):
            path, wanted = images[stem].path, f"{scan}.nii.gz"
            raise InputError("mask has no scan beside it", where=path, expected=wanted, found="none", remedy="add it")
    return [images[scan].item() | {"readers": found} for scan, found in readers.items()]


def _stem(path: Path) -> str:
    return next(path.name[: -len(ending)] for ending in FILES if path.name.lower().endswith(ending))


def _region(stem: str, images: dict[str, Candidate]) -> str:
    """What a mask shows: the rest of its name after that of a scan; empty for the scan itself."""
    parts = stem.split(BETWEEN)
    for count in range(1, len(parts)):
        if BETWEEN.join(parts[:count]) in images:
            return BETWEEN.join(parts[count:])
    return ""
