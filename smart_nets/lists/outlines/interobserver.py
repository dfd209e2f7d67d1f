"""NSCLC-Radiomics-Interobserver1 as it is downloaded: CT of lung tumours, each drawn by five readers.

The data are of The Cancer Imaging Archive, doi 10.7937/tcia.2019.cwvlpd26, under CC BY-NC 3.0: name the source, no
commercial use. Nothing of them is part of this project.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from smart_nets.errors import GeometryError, InputError
from smart_nets.lists.find import Candidate
from smart_nets.scans.dicom.folder import damage_told, read_file
from smart_nets.settings import one_of

if TYPE_CHECKING:
    from pydicom import Dataset

logger = logging.getLogger(__name__)
KINDS = ("vis", "auto")
REGION = re.compile(r"GTV-(\d+)(vis|auto)-(\d+)", re.IGNORECASE)  # tumour, kind, reader

Drawings = dict[int, dict[int, dict[str, Any]]]  # tumour -> reader -> {"file", "region"}


def read_interobserver(
    source: Path, candidates: Sequence[Candidate], kind: str = "vis", pattern: re.Pattern[str] | None = None
) -> list[dict[str, Any]]:
    """One item per CT series that readers drew on; only headers and structure sets are read.

    Regions are named "GTV-1vis-1" to "GTV-1vis-5": tumour 1, drawn by hand by readers 1 to 5. "GTV-1auto-3" is what
    reader 3 drew with the help of an algorithm, and "GTV-2vis-1" is the patient's second tumour. All other regions
    (thresholds of the PET) and segmentations (SEG, copies of the structure sets) are not looked at. CT series on which
    nobody drew are left out and counted.

    Args:
        source: the folder, for messages.
        candidates: what `find` gives for it, all of them sound.
        kind: "vis" (by hand) or "auto".
        pattern: of those regions, only what it finds.

    Returns:
        {"patient_id" (pseudonym), "image" (folder), "series", "readers": {"GTV-1": [{"file", "region"}, ... by reader]}}.

    Raises:
        InputError: there is no structure set, none of its regions is of this kind, a file is damaged, a reader drew a
            tumour twice, or it is not clear on which of several series.
        GeometryError: a structure set belongs to the frame of reference of no CT series.
        ConfigError: unknown kind.
    """
    one_of("kind", kind, KINDS)
    scans = [candidate for candidate in candidates if candidate.series is not None and candidate.modality == "CT"]
    sets = [
        found for candidate in candidates if candidate.modality == "RTSTRUCT" for found in series_headers(candidate)
    ]
    if not sets:
        wanted, only = "RTSTRUCT files beside the CT series", f"{len(scans)} CT series"
        remedy = "download them too"
        raise InputError("holds no structure set", where=source, expected=wanted, found=only, remedy=remedy)
    frames = [frame_of(scan) for scan in scans]
    drawn: list[Drawings] = [{} for _ in scans]
    others = 0
    for path, dataset in sets:
        with damage_told(path):
            regions = _regions(dataset, kind, pattern)
            if not regions:
                others += 1
                continue
            place = scan_of(dataset, path, scans, frames)
        _add(drawn[place], regions, path)
    if not any(drawn):
        wanted, none = f"GTV-1{kind}-1, ...", f"{others} structure sets without"
        what = "no region is a reader's drawing of a tumour"
        raise InputError(what, where=source, expected=wanted, found=none, remedy="give the other kind")
    for count, what in ((drawn.count({}), "CT series without such a drawing"), (others, "structure sets without one")):
        if count:
            logger.info("left out, %s: %d", what, count)
    return [scan.item() | {"readers": _by_number(found)} for scan, found in zip(scans, drawn, strict=True) if found]


def series_headers(candidate: Candidate) -> Iterator[tuple[Path, Dataset]]:
    """The files of one series, in order of their names."""
    for path in candidate.files:
        yield path, read_file(path, pixels=False)


def frame_of(scan: Candidate) -> str:
    """The frame of reference of a CT series."""
    _, header = next(series_headers(scan))
    return str(header.get("FrameOfReferenceUID", ""))


def _regions(dataset: Dataset, kind: str, pattern: re.Pattern[str] | None) -> list[tuple[int, int, str]]:
    """Tumour, reader and full name of the regions of one kind."""
    names = [str(roi.get("ROIName", "")) for roi in dataset.get("StructureSetROISequence") or []]
    wanted = [name for name in names if pattern is None or pattern.search(name)]
    parts = [(match, name) for name in wanted if (match := REGION.fullmatch(name.strip()))]
    return [(int(match[1]), int(match[3]), name) for match, name in parts if match[2].lower() == kind]


def scan_of(dataset: Dataset, path: Path, scans: list[Candidate], frames: list[str]) -> int:
    """Which of the scans somebody drew on: one of the drawing's frame of reference, and of these the one it names."""
    own = {str(roi.get("ReferencedFrameOfReferenceUID", "")) for roi in dataset.get("StructureSetROISequence") or []}
    own = own or {str(dataset.get("FrameOfReferenceUID", ""))}
    fitting = [number for number, frame in enumerate(frames) if frame and frame in own]
    if not fitting:
        what, frame = "belongs to the frame of reference of no CT series", ", ".join(sorted(own))
        remedy = "download the series it was drawn on"
        raise GeometryError(what, where=path, expected="that of one", found=frame, remedy=remedy)
    named = set(_named_series(dataset))
    chosen = [number for number in fitting if scans[number].series in named] or fitting
    if len(chosen) > 1:
        what, names = "several CT series fit this structure set", sorted(scans[number].name for number in chosen)
        wanted, remedy = "one that it names", "remove the others"
        raise InputError(what, where=path, expected=wanted, found=", ".join(names), remedy=remedy)
    return chosen[0]


def _named_series(dataset: Dataset) -> Iterator[str]:
    for series in dataset.get("ReferencedSeriesSequence") or []:  # of a segmentation
        yield str(series.get("SeriesInstanceUID", ""))
    for frame in dataset.get("ReferencedFrameOfReferenceSequence") or []:
        for study in frame.get("RTReferencedStudySequence") or []:
            for series in study.get("RTReferencedSeriesSequence") or []:
                yield str(series.get("SeriesInstanceUID", ""))


def _add(drawn: Drawings, regions: list[tuple[int, int, str]], path: Path) -> None:
    for tumour, reader, name in regions:
        entry = {"file": str(path), "region": name}
        first = drawn.setdefault(tumour, {}).setdefault(reader, entry)
        if first is not entry:
            what, wanted = "a reader drew the same tumour twice", f"one {name.strip()}"
            found = f"another in {first['file']}"
            raise InputError(what, where=path, expected=wanted, found=found, remedy="remove one of them")


def _by_number(drawn: Drawings) -> dict[str, list[dict[str, Any]]]:
    return {
        f"GTV-{tumour}": [readers[number] for number in sorted(readers)] for tumour, readers in sorted(drawn.items())
    }
