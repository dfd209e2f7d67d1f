"""The search: nearest crops of other patients, and how far such neighbours can be trusted, written as similar.json."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from smart_nets.errors import ConfigError
from smart_nets.files import write_json
from smart_nets.settings import FROM_1
from smart_nets.similar.crops import RowCrops
from smart_nets.similar.gallery import Gallery, read_gallery
from smart_nets.similar.query import Query, place_query, row_query
from smart_nets.statistics.retrieval import by_cosine, by_size, nearest_to, retrieval_precision, unit_rows
from smart_nets.training.run_record import versions

logger = logging.getLogger(__name__)
FEATURE, RAW, SIZE = "features", "raw voxels", "size alone"
SAME = 1e-4  # a cosine distance below this is of the same voxels
COUNT = 12


@dataclass(frozen=True, eq=False)
class FoundCrop:
    """A crop as the page shows it: facts for similar.json, and its voxels (D, H, W) in HU, None where there are none."""

    facts: Mapping[str, Any]
    crop: NDArray[np.int16] | None


@dataclass(frozen=True, eq=False)
class Found:
    """What a search gave: the query, its neighbours (nearest first), and similar.json."""

    query: FoundCrop
    neighbours: Sequence[FoundCrop]
    told: Mapping[str, Any]


def find_similar(
    files: Sequence[str | Path],
    output_dir: str | Path,
    cache_dir: str | Path,
    scan: str | Path | None = None,
    at: Sequence[float] | None = None,
    row: int | None = None,
    model: str | Path = "",
    count: int = COUNT,
    feature: str | None = None,
    coordinates: str = "RAS",
    series: str | None = None,
    patient: str = "",
) -> Found:
    """The nearest crops of other patients to a place in a scan, or to a row of the file; written to similar.json.

    Args:
        files: features files of one encoder, see `read_gallery`.
        cache_dir: for voxels of crops, see `RowCrops`.
        scan, at, model, coordinates, series, patient: of a place, see `place_query`.
        row: of the file, in place of a scan.
        count: how many are found.

    Raises:
        ConfigError: not one question, a count below 1, or an unknown feature. And what `read_gallery`, `row_query` and
            `place_query` raise.
    """
    FROM_1.check("count", count)
    if (row is None) == (scan is None) or (scan is None) != (at is None):
        what, expected = "is not one question", "a scan with --at x,y,z, or --row"
        given = [name for name, value in (("scan", scan), ("at", at), ("row", row)) if value is not None]
        found = ", ".join(given) or "neither"
        raise ConfigError(what, where="similar", expected=expected, found=found)
    gallery = read_gallery(files, feature)
    crops = RowCrops(gallery, cache_dir)
    if row is not None:
        query = row_query(gallery, row)
    else:
        assert scan is not None and at is not None  # seen above
        query = place_query(gallery, scan, at, model, cache_dir, coordinates, series, patient)
    nearest, away = nearest_to(gallery.unit, query.vector, query.allowed, count)
    near = [_shown(gallery, crops, int(place), float(far)) for place, far in zip(nearest, away, strict=True)]
    asked = _asked(gallery, crops, query)
    precision, why = trust(gallery, crops)
    told = {
        "query": asked.facts,
        "neighbours": [one.facts for one in near],
        "precision": precision,
        "notes": [*_notes(crops, asked, near, count), *why],
        "searched": {"crops": len(gallery), "patients": len(np.unique(gallery.patients)),
                     "of other patients": int(query.allowed.sum())},
        "settings": {"feature": gallery.feature, "count": count, "files": [Path(one).name for one in files],
                     "encoder_sha256": gallery.card.get("sha256"),
                     **{name: gallery.card.get(name) for name in ("spacing", "crop_size", "hu_window")}},
        "versions": versions(),
    }  # fmt: skip
    write_json(Path(output_dir) / "similar.json", told)
    return Found(asked, near, told)


def _facts(gallery: Gallery, position: int) -> dict[str, Any]:
    """What may be told of a row: no path, no name."""
    size, centre = float(gallery.sizes[position]), None
    if gallery.places is not None:
        centre = gallery.places.item(position)["centre_mm"]
    return {
        "row": int(gallery.rows[position]), "patient": str(gallery.patients[position]), "label": str(gallery.labels[position]),
        "size_mm": size if np.isfinite(size) else None, "centre_mm": centre,
    }  # fmt: skip


def _shown(gallery: Gallery, crops: RowCrops, position: int, distance: float) -> FoundCrop:
    return FoundCrop({**_facts(gallery, position), "distance": round(distance, 6)}, crops.get(position))


def _asked(gallery: Gallery, crops: RowCrops, query: Query) -> FoundCrop:
    if query.position is None:
        return FoundCrop({"centre_mm": query.centre}, query.crop)
    return FoundCrop(_facts(gallery, query.position), crops.get(query.position))


def _notes(crops: RowCrops, asked: FoundCrop, near: Sequence[FoundCrop], count: int) -> list[str]:
    """What a reader must know before the pictures."""
    notes = [crops.why] if crops.why else []
    if crops.faults:
        notes.append(f"{len(crops.faults)} crops have no picture: {', '.join(sorted(set(crops.faults)))}.")
    if len(near) < count:
        notes.append(f"{count} were asked for, and only {len(near)} crops are of other patients.")
    asked_empty, empty = (sum(crops.is_empty(one.crop) for one in shown) for shown in ([asked], near))
    if empty:
        query = "of the query and " * asked_empty
        notes.append(
            f"The encoder's window shows next to nothing {query}of {empty} of the {len(near)} crops: what is empty looks alike."
        )
    same = sum(one.facts["distance"] < SAME for one in near)
    if same:
        notes.append(
            f"{same} of them lie at distance 0: the same scan, listed as another patient's, or crops that show nothing in the "
            "encoder's window. Look at the list."
        )
    return notes


def trust(gallery: Gallery, crops: RowCrops) -> tuple[dict[str, Any], list[str]]:
    """How often neighbours bear the same label, see `retrieval_precision`, beside chance, raw voxels and size; and why not.

    {} with the reason where labels do not allow it.
    """
    labelled = gallery.labels != ""
    if len(np.unique(gallery.labels[labelled])) < 2 or len(np.unique(gallery.patients[labelled])) < 2:
        told = "of fewer than two labels or patients" if labelled.any() else "without labels"
        return {}, [f"The crops are {told}, so nobody can say how often neighbours are of a kind."]
    similarities = {FEATURE: by_cosine(gallery.unit if labelled.all() else gallery.unit[labelled])}
    why = []
    raw = crops.raw()
    if raw is None:
        why.append(
            "Raw voxels are left out, for the crops are not all kept beside the features (--cache_dir of `features`)."
        )
    else:
        kept = raw[labelled]
        similarities[RAW] = by_cosine(unit_rows(kept, kept.mean(0, dtype=np.float64)))
    if np.isfinite(gallery.sizes[labelled]).all():
        similarities[SIZE] = by_size(gallery.sizes[labelled])
    found = retrieval_precision(similarities, gallery.labels[labelled], gallery.patients[labelled])
    for depth, values in found["at"].items():
        logger.info(
            "precision at %s: %s", depth, ", ".join(f"{name} {one['value']:.3f}" for name, one in values.items())
        )
    return found, why
