"""Read what people drew on a DICOM scan: structure sets (RTSTRUCT) and segmentations (SEG), one mask per region."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from smart_nets.errors import GeometryError, InputError
from smart_nets.scans.dicom.folder import damage_told, read_file
from smart_nets.scans.dicom.rtstruct.contours import Painted, paint_contours
from smart_nets.scans.dicom.rtstruct.gaps import close_gaps
from smart_nets.scans.dicom.seg_frames import paint_segments
from smart_nets.scans.volume import Volume

if TYPE_CHECKING:
    from pydicom import Dataset


@dataclass
class Masks:
    """Name of a region, or of a reader's drawing of it -> bool mask (X, Y, Z) of the scan's shape, True inside.

    `notes` lists what was skipped or filled in and why; `unusable` the regions of which everything drawn was skipped.
    """

    masks: dict[str, np.ndarray] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    unusable: dict[str, str] = field(default_factory=dict)

    def add(self, name: str, mask: np.ndarray) -> str:
        """Keep a mask under its name, or under "name (2)" where another reader used the same; returns that name."""
        number, free = 1, name
        while free in self.masks:
            number += 1
            free = f"{name} ({number})"
        self.masks[free] = mask
        if not mask.any():
            self.notes.append(f"{free}: empty")
        return free


def read_masks(paths: str | Path | Sequence[str | Path], scan: Volume, regions: Collection[str] | None = None) -> Masks:
    """The masks of one or several RTSTRUCT or SEG files on the grid of their scan.

    Args:
        paths: the files; each reader's drawing becomes a mask of its own, they are never merged.
        scan: the CT they were drawn on, as `read_volume` gives it from its DICOM folder.
        regions: names of those to read; None reads all.

    Raises:
        InputError: a file is damaged or no structure set or segmentation.
        GeometryError: it belongs to another frame of reference, does not fit the scan's grid, or a region is drawn on
            slices too far apart.
    """
    result = Masks()
    for path in [paths] if isinstance(paths, str | Path) else paths:
        with damage_told(path):
            _read_one(read_file(Path(path), pixels=True), str(path), scan, result, regions)
    return result


def region_names(path: str | Path) -> list[str]:
    """What the regions of an RTSTRUCT or SEG file are called, in its order; one name may occur twice.

    Raises:
        InputError: the file is damaged, no structure set and no segmentation, or holds no region.
    """
    with damage_told(path):
        dataset = read_file(Path(path), pixels=False)
        if _modality(dataset, str(path)) == "RTSTRUCT":
            return list(_structures(dataset, str(path)).values())
        return [str(item.SegmentLabel) for item in dataset.get("SegmentSequence") or []]


def _modality(dataset: Dataset, where: str) -> str:
    modality = str(dataset.get("Modality", "nothing"))
    if modality not in ("RTSTRUCT", "SEG"):
        remedy = "give the file with the contours"
        raise InputError(
            "is no RTSTRUCT and no SEG", where=where, expected="RTSTRUCT or SEG", found=modality, remedy=remedy
        )
    return modality


def _read_one(dataset: Dataset, where: str, scan: Volume, result: Masks, wanted: Collection[str] | None) -> None:
    if _modality(dataset, where) == "RTSTRUCT":
        _read_structures(dataset, where, scan, result, wanted)
        return
    check_frame([str(dataset.get("FrameOfReferenceUID", ""))], where, scan)
    for name, mask in paint_segments(dataset, where, scan):
        if wanted is None or name in wanted:
            result.add(name, mask)


def check_frame(frames: Sequence[str], where: str, scan: Volume) -> None:
    """Raise GeometryError unless all frames of reference are the scan's own."""
    foreign = sorted({frame for frame in frames if frame != scan.frame or not frame})
    if foreign:
        expected, found = scan.frame or "a DICOM scan", ", ".join(frame or "none" for frame in foreign)
        what = "belongs to another frame of reference than the scan"
        raise GeometryError(what, where=where, expected=expected, found=found, remedy="give the series it was drawn on")


def _structures(dataset: Dataset, where: str) -> dict[int, str]:
    """Number -> name of the regions of a structure set."""
    regions = list(dataset.get("StructureSetROISequence") or [])
    if not regions:
        raise InputError("structure set holds no regions", where=where, remedy="export it again")
    return {int(roi.ROINumber): str(roi.get("ROIName", "") or f"ROI {roi.ROINumber}") for roi in regions}


def _read_structures(dataset: Dataset, where: str, scan: Volume, result: Masks, wanted: Collection[str] | None) -> None:
    regions = _structures(dataset, where)
    check_frame(_frames(dataset, regions, wanted), where, scan)
    drawn = {int(item.ReferencedROINumber): item for item in dataset.get("ROIContourSequence") or []}
    if len(drawn) < len(dataset.get("ROIContourSequence") or []):
        what, remedy = "draws one region twice", "export the structure set again"
        raise InputError(what, where=where, expected="one drawing per region", remedy=remedy)
    for number, name in regions.items():
        if wanted is not None and name not in wanted:
            continue
        contours = drawn[number].get("ContourSequence") or [] if number in drawn else []
        painted = paint_contours(contours, scan.lps_to_voxel, scan.array.shape)
        step = float(scan.spacing[painted.axis])
        gaps = close_gaps(painted.mask, painted.axis, step, f"{where}, region {name}")
        kept = result.add(name, painted.mask)
        result.notes += [f"{kept}: {note}" for note in [*_skipped(painted), *gaps]]
        if len(contours) and not painted.mask.any():
            result.unusable[kept] = ", ".join(_skipped(painted)) or "smaller than a voxel"


def _frames(dataset: Dataset, regions: dict[int, str], wanted: Collection[str] | None) -> list[str]:
    """The frames of reference of the regions to read; one that names none has that of the structure set."""
    own = [str(one.get("FrameOfReferenceUID", "")) for one in dataset.get("ReferencedFrameOfReferenceSequence") or []]
    common = own[0] if len(set(own)) == 1 else ""
    rois = [one for one in dataset.StructureSetROISequence if wanted is None or regions[int(one.ROINumber)] in wanted]
    return [str(roi.get("ReferencedFrameOfReferenceUID") or common) for roi in rois]


def _skipped(painted: Painted) -> list[str]:
    notes = [f"{count} contours skipped ({why})" for why, count in sorted(painted.skipped.items())]
    return notes + ([f"{painted.overlapping} contours overlap others: united"] if painted.overlapping else [])
