"""What is searched for: a crop of a scan that goes through the encoder of the file, or a row that the file holds."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from smart_nets.classify.lesions.crops import LesionCrops
from smart_nets.classify.lesions.place import to_ras_mm
from smart_nets.errors import CheckpointError, ConfigError, InputError
from smart_nets.lists.manifest import datalist
from smart_nets.lists.pseudonym import pseudonym
from smart_nets.scans.window import window_hu
from smart_nets.similar.gallery import GRID, Gallery
from smart_nets.statistics.knn import extract_features
from smart_nets.statistics.retrieval import unit_rows
from smart_nets.weights.foreign.door import open_encoder

logger = logging.getLogger(__name__)


@dataclass(frozen=True, eq=False)
class Query:
    """A feature (C,) of length 1, less the gallery's middle; which rows may be found; and what the page tells of it."""

    vector: NDArray[np.float32]
    allowed: NDArray[np.bool_]  # (n,)
    crop: NDArray[np.int16] | None  # (D, H, W) HU
    position: int | None  # of the row, where the query is one
    centre: list[float] | None  # RAS mm


def row_query(gallery: Gallery, row: int) -> Query:
    """A row of the file, among those of other patients. InputError if there is no such row, or no other patient."""
    position = gallery.position(row)
    allowed = _others(gallery, gallery.patients == gallery.patients[position])
    item = gallery.places.item(position) if gallery.places else {}
    return Query(gallery.unit[position], allowed, None, position, item.get("centre_mm"))


def place_query(
    gallery: Gallery,
    scan: str | Path,
    at: Sequence[float],
    model: str | Path,
    cache_dir: str | Path,
    coordinates: str = "RAS",
    series: str | None = None,
    patient: str = "",
) -> Query:
    """The crop around a point, encoded as the rows of the file were: same weights, spacing, size and window.

    Args:
        scan: file or folder of a DICOM series.
        at: (x, y, z) in mm.
        model: weights with the card beside them, or an encoder of others, see `open_encoder`.
        cache_dir: for the crop's voxels.
        coordinates: of `at`, "RAS" or "LPS".
        series: SeriesInstanceUID, where the folder holds several.
        patient: identifier or pseudonym whose rows are left out, where the scan is none of the file's own and does not tell it.

    Raises:
        CheckpointError: another encoder than that of the file. ConfigError: `at` is no point.
        InputError: the file does not tell how its crops were made or is of whole scans, the scan cannot be used, the
            point lies outside of it, or there is no other patient in the file.
    """
    point = np.asarray(at)
    if point.shape != (3,) or point.dtype.kind not in "if" or not np.isfinite(point).all():
        raise ConfigError("is no point", where="at", expected=f"x,y,z in {coordinates} mm", found=at)
    centre = to_ras_mm(point.tolist(), coordinates)
    size, spacing, window = _grid(gallery)
    encoder, card = open_encoder(model)
    _check_encoder(gallery, model, card)
    item = _scan_of(scan, series)
    allowed = _others(gallery, _own(gallery, item, patient))
    crop = np.asarray(LesionCrops(cache_dir, size, spacing).get({**item, "centre_mm": centre}).array)
    encoder.check_crop(size)
    image = window_hu(crop.astype(np.float32), *window)[None, None]  # (D, H, W) -> (1, 1, D, H, W)
    found = extract_features(encoder, image)
    if gallery.feature not in found or found[gallery.feature].shape[1] != gallery.unit.shape[1]:
        raise InputError(
            "this encoder gives no such feature", where=model, expected=gallery.feature, found=", ".join(found)
        )
    return Query(unit_rows(found[gallery.feature], gallery.middle)[0], allowed, crop, None, centre)


def _check_encoder(gallery: Gallery, model: str | Path, card: Mapping[str, Any]) -> None:
    """CheckpointError unless the encoder is the one that made the file."""
    own, theirs = card.get("sha256"), gallery.card.get("sha256")
    if own is None or own != theirs:
        expected, found = (str(one or "none")[:12] for one in (theirs, own))
        what, remedy = (
            "another encoder made the file: its features compare with no others",
            "give the --model of the file",
        )
        raise CheckpointError(what, where=model, expected=f"sha256 {expected}", found=found, remedy=remedy)


def _grid(gallery: Gallery) -> tuple[list[int], list[float], tuple[float, float]]:
    """Voxels, mm and HU of the file's crops."""
    lacking = [name for name in GRID if name not in gallery.card]
    if lacking:
        what, remedy = "the file does not tell how its crops were cut", "make it again, or ask with --row"
        raise InputError(what, where="in", expected=", ".join(GRID), found=f"no {', '.join(lacking)}", remedy=remedy)
    if gallery.whole_scans:
        what, remedy = "rows are means over whole scans, to which no place compares", "ask with --row"
        raise InputError(what, where="in", expected="features of lesions or organs", remedy=remedy)
    window = gallery.card["hu_window"]
    return list(gallery.card["crop_size"]), list(gallery.card["spacing"]), (float(window[0]), float(window[1]))


def _scan_of(scan: str | Path, series: str | None) -> dict[str, Any]:
    items = [item for item in datalist(Path(scan).expanduser()) if series is None or item.get("series") == series]
    if len(items) != 1:
        uids = ", ".join(str(item.get("series", Path(item["image"]).name)) for item in items[:3])
        what, remedy = "is not one scan", "give one file, or name one with --series"
        raise InputError(what, where=scan, expected="1", found=f"{len(items)}: {uids}", remedy=remedy)
    return items[0]


def _own(gallery: Gallery, item: dict[str, Any], patient: str) -> NDArray[np.bool_]:
    """(n,): rows of the patient of the query; the scan itself may be one of the file's."""
    same = gallery.of_scan(Path(item["image"]), item.get("series"))
    names = {pseudonym(str(item["patient_id"])), str(item["patient_id"]), *gallery.patients[same].tolist()}
    names |= {patient, pseudonym(patient), pseudonym(pseudonym(patient))} if patient else set()
    own = np.isin(gallery.patients, sorted(names))
    logger.info("rows of the query's own patient, which are left out: %d", int(own.sum()))
    return own


def _others(gallery: Gallery, own: NDArray[np.bool_]) -> NDArray[np.bool_]:
    if own.all():
        what, remedy = "there is no crop of another patient", "give features of more patients"
        raise InputError(
            what, where="in", expected="2 patients or more", found=f"{len(own)} crops of one", remedy=remedy
        )
    return ~own
