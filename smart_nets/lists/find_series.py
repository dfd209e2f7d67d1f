"""DICOM series as exports leave them: spread over folders, several in one, drawings and reports beside them."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from smart_nets.lists.candidate import Candidate
from smart_nets.scans.dicom.folder import UNNAMED, DicomSeries
from smart_nets.scans.dicom.geometry import stack_sides


def series_candidates(folders: Mapping[Path, Mapping[str, DicomSeries]]) -> list[Candidate]:
    """One candidate per series, in order of the folders; its path is the folder that holds all of it.

    Folders that hold different slices of one series are parts of it. Where they hold the same ones, each is a copy and a
    candidate of its own, as are series of different patients that share a UID.

    Args:
        folders: folder -> SeriesInstanceUID -> series, of the files that lie in it.
    """
    parts: list[tuple[str, list[tuple[Path, DicomSeries]]]] = []
    open_parts: dict[tuple[str, str, str], list[list[tuple[Path, DicomSeries]]]] = {}
    for folder, groups in folders.items():
        for uid, series in groups.items():
            known = open_parts.setdefault((uid, series.patient, series.study), [])
            fitting = [one for one in known if uid != UNNAMED and not _is_copy(one, series)]
            if fitting:
                fitting[0].append((folder, series))
                continue
            known.append([(folder, series)])
            parts.append((uid, known[-1]))
    studies = {one.study for _, part in parts for _, one in part if one.modality == "CT" and not one.kind and one.study}
    return [_candidate(uid, part, studies) for uid, part in parts]


def _is_copy(part: list[tuple[Path, DicomSeries]], series: DicomSeries) -> bool:
    known = set().union(*(one.instances for _, one in part))
    return series.instances <= known or known <= series.instances


def _candidate(uid: str, part: list[tuple[Path, DicomSeries]], studies: set[str]) -> Candidate:
    folder = Path(os.path.commonpath([folder for folder, _ in part]))
    first = part[0][1]
    kinds = {series.kind for _, series in part}
    kind = "" if "" in kinds else first.kind
    if not kind and first.modality != "CT" and first.study in studies:
        kind = f"{first.modality or 'other'} images"  # the PET of a PET-CT, the MR of a plan
    files = tuple(file for _, series in part for file in series.files)
    sides = stack_sides([box for _, series in part for box in series.boxes])
    told = None if sides is None else tuple(sides.tolist())
    return Candidate(folder, uid, first.patient, first.modality, companion=kind, files=files, sides_mm=told)


def only_companions(candidates: list[Candidate]) -> list[Candidate]:
    """The candidates; where none is a scan, nothing is a companion of one, and all are told to be no CT."""
    if any(not candidate.companion for candidate in candidates):
        return candidates
    return [replace(candidate, companion="") for candidate in candidates]
