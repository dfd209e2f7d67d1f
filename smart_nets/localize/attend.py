"""One scan, one or several models: maps, masks, DICOM SEG, pictures and a report. The verb `attend`."""

from __future__ import annotations

import logging
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from smart_nets.errors import ConfigError
from smart_nets.files import check_output
from smart_nets.lists.name_table import check_names, claim_names
from smart_nets.lists.outlines.tumours import read_tumours
from smart_nets.lists.scan_names import with_names
from smart_nets.localize.figures import LEAST_INSIDE, inside_share, measure
from smart_nets.localize.floors import random_attention
from smart_nets.localize.marking import Marking
from smart_nets.localize.report.map_files import write_map
from smart_nets.localize.report.outputs import earlier_scans, save_picture, save_record, save_seg
from smart_nets.localize.report.picture import Shown
from smart_nets.localize.scan_attention import ScanAttention
from smart_nets.networks.attention_net import AttentionNet
from smart_nets.networks.inputs import check_size
from smart_nets.optional import bar, phase
from smart_nets.scans.mask_regions import choose_region, pair_regions
from smart_nets.scans.read import read_checked
from smart_nets.scans.volume import Volume
from smart_nets.statistics.overlap import consensus
from smart_nets.weights.beside import outside_card
from smart_nets.weights.build import load_encoder
from smart_nets.weights.io import FED, read_card

logger = logging.getLogger(__name__)
RANDOM = "random"


def attend(
    scan: str | Path,
    models: Mapping[str, str | Path],
    output_dir: str | Path,
    marking: Marking,
    tumour: Sequence[str] = (),
    tumour_region: Sequence[str] = (),
    series: str | None = None,
    spacing: Sequence[float] | None = None,
    crop_size: Sequence[int] | None = None,
    overlap: float = 0.5,
    head: int | None = None,
    block: int = -1,
) -> Path:
    """Write the attention of every model over a scan, and return the report's path.

    For each model: attention and mask as NIfTI on the scan's own grid and, of a DICOM series, the mask as DICOM SEG.

    Args:
        scan: a file, or the folder of a DICOM series.
        models: name -> weights with their card; "random" stands for fresh weights of the first model's architecture.
        marking: what is marked of a map.
        tumour: masks of the tumour, one per reader, to outline and to measure against.
        tumour_region: name of the tumour in these files (a number in label maps): one for all, one per file, or several
            of one file; needed where a file holds several regions.
        series: SeriesInstanceUID, where the folder holds several.
        spacing, crop_size: mm and voxels of a window; those of each model's card if None.
        overlap: of neighbouring windows.
        head, block: of the attention; the mean over heads, the last block.

    Raises:
        InputError, GeometryError: a scan or mask that cannot be used. CheckpointError: a model that cannot.
        ConfigError: a setting out of range.
    """
    check_output(output_dir)
    (item,) = with_names([{"image": str(scan), "series": series}])
    looks = load_models(models, spacing, crop_size, overlap, head, block)  # before time is spent on the scan
    drawings = _drawings(tumour, tumour_region)
    folder = Path(output_dir)
    check_names(folder, [item])
    earlier_scans(folder)
    with phase("reading the scan"):
        volume = read_checked(scan, series=series)
    entry, masks = _look(volume, looks, marking, drawings, folder, item)
    del volume
    for stem, mask in masks.items():  # scan and maps are let go: a SEG needs the memory for the series itself
        save_seg(folder, stem, mask, Path(scan), series)
    settings = {**asdict(marking), "overlap": overlap, "head": "mean" if head is None else head, "block": block}
    given = {"spacing": spacing, "crop_size": crop_size}
    settings |= {name: list(value) for name, value in given.items() if value is not None}
    return save_record(folder, [entry], settings)


def _look(
    volume: Volume,
    looks: Mapping[str, ScanAttention],
    marking: Marking,
    drawings: Sequence[Mapping[str, str | None]],
    folder: Path,
    item: Mapping[str, Any],
) -> tuple[dict[str, Any], dict[str, NDArray[np.bool_]]]:
    """Write the maps and the picture of a scan; the entry of the record, and what is marked by the stem of its files."""
    readers = read_tumours({"readers": {"tumour": list(drawings)}}, volume)["tumour"]
    outline = consensus(readers) if readers else None
    scores = {}
    for model, look in looks.items():
        with phase(f"looking with {model}"):
            scores[model] = look(volume)
    shown = [Shown(model, score, marking.mark(score, volume)) for model, score in scores.items()]
    stems = [item["name"] if len(shown) == 1 else f"{item['name']}_{one.name}" for one in shown]
    claim_names(folder, [{**item, "name": stem} for stem in stems])
    for stem, one in zip(bar(stems, "writing maps"), shown, strict=True):
        write_map(folder / f"{stem}_attention.nii.gz", one.score, volume.affine)
        write_map(folder / f"{stem}_mask.nii.gz", one.marked.mask.view(np.uint8), volume.affine)
    entry = save_picture(folder, item["name"], volume, shown, outline)
    entry["notes"] = _notes(volume, shown, outline, marking.region)
    for note in entry["notes"]:
        logger.warning("%s", note)
    # of an empty mask there is nothing to measure, and of a tumour outside the region nothing that a map can tell
    if outline is not None and inside_share(outline, shown[0].marked.region) >= LEAST_INSIDE:
        for one, facts in zip(shown, entry["maps"], strict=True):
            facts["figures"] = _figures(one, readers, volume)
    return entry, {stem: one.marked.mask for stem, one in zip(stems, shown, strict=True)}


def load_models(
    models: Mapping[str, str | Path],
    spacing: Sequence[float] | None,
    crop_size: Sequence[int] | None,
    overlap: float,
    head: int | None,
    block: int,
) -> dict[str, ScanAttention]:
    """Name -> a way of looking at scans, for trained encoders, classifiers and "random". Errors as `attend`."""
    looks: dict[str, ScanAttention] = {}
    first: Mapping[str, Any] | None = None
    for name, path in models.items():
        if str(path) == RANDOM:
            continue
        card = network_card(path)
        first = first or card
        encoder = load_encoder(path)
        size = list(card["crop_size"] if crop_size is None else crop_size)
        check_size(size, encoder.stride)
        steps = list(card["spacing"] if spacing is None else spacing)
        outside_card(card, steps, card["hu_window"])
        looks[name] = ScanAttention(AttentionNet(encoder, head, block), size, steps, card["hu_window"], overlap)
    if first is None:
        found, remedy = ", ".join(models) or "none", "fresh weights can only stand beside one"
        raise ConfigError("needs a trained model", where="model", found=found, remedy=remedy)
    trained = next(iter(looks.values()))
    fresh = {
        name: random_attention(trained, first["architecture"]) for name, path in models.items() if str(path) == RANDOM
    }
    return {name: (looks | fresh)[name] for name in models}


def network_card(path: str | Path) -> dict[str, Any]:
    """The card beside a model's weights. CheckpointError if it does not tell how to feed the network."""
    return read_card(path, fields=FED)


def _notes(volume: Volume, shown: Sequence[Shown], outline: NDArray[np.bool_] | None, region: str) -> list[str]:
    """What a reader must know before the pictures: repairs of the scan, nothing marked, nothing to measure."""
    inside = math.nan if outline is None else inside_share(outline, shown[0].marked.region)
    notes = [f"the scan: {note}" for note in volume.notes]
    notes += [f"nothing is marked of “{one.name}”" for one in shown if not one.marked.mask.any()]
    if outline is not None and not outline.any():
        notes.append("the tumour's mask is empty, or its readers agree on no voxel: nothing is measured")
    if inside < LEAST_INSIDE:
        notes.append(f"{inside:.0%} of the tumour lies in the region {region}: nothing is measured; try another region")
    elif inside < 1:
        notes.append(f"{1 - inside:.1%} of the tumour lies outside the region {region}, where nothing can be marked")
    return notes


def _drawings(tumour: Sequence[str], regions: Sequence[str]) -> list[dict[str, str | None]]:
    """File and region of each reader's mask."""
    if regions and not tumour:
        raise ConfigError("names a region of no file", where="tumour_region", expected="a tumour", found=list(regions))
    named = regions[0] if len(regions) == 1 else list(regions) or None
    pairs = pair_regions(named, [str(path) for path in tumour], "tumour_region") if tumour else []
    return [{"file": file, "region": choose_region(file, name)} for file, name in pairs]


def _figures(shown: Shown, masks: Sequence[NDArray[np.bool_]], volume: Volume) -> dict[str, float | None]:
    found = measure(shown.score, shown.marked.mask, masks, shown.marked.region, volume.spacing)
    return {key: None if math.isnan(value) else value for key, value in found.items()}
