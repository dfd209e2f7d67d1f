"""Tumours of DICOM folders: structure sets and segmentations that lie with the CT series they were drawn on."""

from __future__ import annotations

import logging
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from smart_nets.errors import InputError
from smart_nets.lists.find import Candidate
from smart_nets.lists.outlines.interobserver import REGION, frame_of, read_interobserver, scan_of, series_headers
from smart_nets.scans.dicom.masks import region_names
from smart_nets.scans.mask_regions import choose_region

logger = logging.getLogger(__name__)
DRAWN = ("RTSTRUCT", "SEG")  # a segmentation often is a copy of the structure set: it counts where there is none


def read_drawings(
    source: Path, candidates: Sequence[Candidate], kind: str, pattern: re.Pattern[str]
) -> list[dict[str, Any]]:
    """One item per CT series on which somebody drew a tumour, for `read_tumours`.

    Where regions are called as in NSCLC-Radiomics-Interobserver1, their names tell tumour and reader. Everywhere else
    each file holds what one reader drew of the tumour: the one region whose name the pattern finds.

    Args:
        source: the folder, for messages.
        candidates: what `find` gives for it.
        kind: of the drawings in NSCLC-Radiomics-Interobserver1, "vis" or "auto".
        pattern: what names of tumours look like.

    Raises:
        InputError: nobody drew a tumour, a file holds several regions that may be it, or it is not clear on which of
            several series it was drawn.
        GeometryError: a drawing belongs to the frame of reference of no CT series.
    """
    files = {
        modality: [found for one in candidates if one.modality == modality for found in series_headers(one)]
        for modality in DRAWN
    }
    names = {path: region_names(path) for found in files.values() for path, _ in found}
    by_reader = any(REGION.fullmatch(name.strip()) for path, _ in files["RTSTRUCT"] for name in names[path])
    if by_reader or not names:
        return read_interobserver(source, candidates, kind, pattern)
    scans = [one for one in candidates if one.series is not None and one.modality == "CT"]
    frames = [frame_of(scan) for scan in scans]
    readers: list[list[dict[str, str | None]]] = [[] for _ in scans]
    others = 0
    for modality in DRAWN:
        taken = {place for place, entries in enumerate(readers) if entries}
        for path, header in files[modality]:
            if not any(pattern.search(name) for name in names[path]):
                others += 1
            elif (place := scan_of(header, path, scans, frames)) not in taken:
                readers[place].append({"file": str(path), "region": choose_region(path, None, pattern)})
    if not any(readers):
        what, found = "no region is a tumour", ", ".join(sorted({name for those in names.values() for name in those}))
        remedy = "give the pattern of its name"
        raise InputError(what, where=source, expected=pattern.pattern, found=found[:200], remedy=remedy)
    for count, what in ((readers.count([]), "CT series on which no tumour is drawn"), (others, "drawings without one")):
        if count:
            logger.info("left out, %s: %d", what, count)
    return [scan.item() | {"readers": {"tumour": own}} for scan, own in zip(scans, readers, strict=True) if own]
