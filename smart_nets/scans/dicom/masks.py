"""Read what people drew on a DICOM scan: structure sets (RTSTRUCT) and segmentations (SEG), one mask per region."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from smart_nets.errors import GeometryError, InputError
from smart_nets.scans.dicom.folder import damage_told, read_file
from smart_nets.scans.dicom.polygon import fill_polygon
from smart_nets.scans.dicom.seg_frames import paint_segments
from smart_nets.scans.volume import Volume

if TYPE_CHECKING:
    from pydicom import Dataset

IN_PLANE = 0.25  # voxels a contour may lie off its slice
FEWEST_POINTS = 3


@dataclass
class Masks:
    """Name of a region, or of a reader's drawing of it -> bool mask (X, Y, Z) of the scan's shape, True inside.

    `notes` lists what was skipped and why.
    """

    masks: dict[str, np.ndarray] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    def add(self, name: str, mask: np.ndarray) -> None:
        """Keep a mask under its name, or under "name (2)" where another reader used the same."""
        number, free = 1, name
        while free in self.masks:
            number += 1
            free = f"{name} ({number})"
        self.masks[free] = mask
        if not mask.any():
            self.notes.append(f"{free}: empty")


def read_masks(paths: str | Path | Sequence[str | Path], scan: Volume) -> Masks:
    """The masks of one or several RTSTRUCT or SEG files on the grid of their scan.

    Args:
        paths: the files; each reader's drawing becomes a mask of its own, they are never merged.
        scan: the CT they were drawn on, as `read_volume` gives it from its DICOM folder.

    Raises:
        InputError: a file is damaged or no structure set or segmentation.
        GeometryError: it belongs to another frame of reference, or does not fit the scan's grid.
    """
    result = Masks()
    for path in [paths] if isinstance(paths, str | Path) else paths:
        with damage_told(path):
            _read_one(read_file(Path(path), pixels=True), str(path), scan, result)
    return result


def _read_one(dataset: Dataset, where: str, scan: Volume, result: Masks) -> None:
    modality = str(dataset.get("Modality", "nothing"))
    if modality == "RTSTRUCT":
        _read_structures(dataset, where, scan, result)
    elif modality == "SEG":
        check_frame([str(dataset.get("FrameOfReferenceUID", ""))], where, scan)
        for name, mask in paint_segments(dataset, where, scan):
            result.add(name, mask)
    else:
        remedy = "give the file with the contours"
        raise InputError(
            "is no RTSTRUCT and no SEG", where=where, expected="RTSTRUCT or SEG", found=modality, remedy=remedy
        )


def check_frame(frames: Sequence[str], where: str, scan: Volume) -> None:
    """Raise GeometryError unless all frames of reference are the scan's own."""
    foreign = sorted({frame for frame in frames if frame != scan.frame or not frame})
    if foreign:
        expected, found = scan.frame or "a DICOM scan", ", ".join(frame or "none" for frame in foreign)
        what = "belongs to another frame of reference than the scan"
        raise GeometryError(what, where=where, expected=expected, found=found, remedy="give the series it was drawn on")


def _read_structures(dataset: Dataset, where: str, scan: Volume, result: Masks) -> None:
    regions = {int(roi.ROINumber): roi for roi in dataset.get("StructureSetROISequence") or []}
    if not regions:
        raise InputError("structure set holds no regions", where=where, remedy="export it again")
    check_frame([str(roi.get("ReferencedFrameOfReferenceUID", "")) for roi in regions.values()], where, scan)
    drawn = {int(item.ReferencedROINumber): item for item in dataset.get("ROIContourSequence") or []}
    for number, roi in regions.items():
        name = str(roi.get("ROIName", "") or f"ROI {number}")
        contours = drawn[number].get("ContourSequence") or [] if number in drawn else []
        mask, skipped = _paint_contours(contours, scan.lps_to_voxel, scan.array.shape)
        result.notes += [f"{name}: {count} contours skipped ({why})" for why, count in sorted(skipped.items())]
        result.add(name, mask)


def _paint_contours(
    contours: Sequence[Dataset], to_voxel: np.ndarray, shape: tuple[int, ...]
) -> tuple[np.ndarray, Counter[str]]:
    """All closed planar contours of a region; where two overlap in a slice, the inner one is a hole."""
    mask, skipped, seen = np.zeros(shape, dtype=bool), Counter[str](), set[bytes]()
    for contour in contours:
        numbers = np.array(contour.get("ContourData") or [], dtype=float)
        if len(numbers) % 3 or len(numbers) < 3 * FEWEST_POINTS:
            skipped["fewer than 3 points"] += 1
            continue
        if str(contour.get("ContourGeometricType", "")) not in ("CLOSED_PLANAR", "CLOSEDPLANAR_XOR"):
            skipped["not closed"] += 1
            continue
        points = numbers.reshape(-1, 3) @ to_voxel[:3, :3].T + to_voxel[:3, 3]  # (points, 3) voxels
        axis = int(np.argmin(np.ptp(points, axis=0)))
        plane = round(float(points[:, axis].mean()))
        if np.abs(points[:, axis] - plane).max() > IN_PLANE:
            skipped["between slices or not flat"] += 1
        elif not 0 <= plane < shape[axis]:
            skipped["outside the scan"] += 1
        elif numbers.tobytes() in seen:
            skipped["drawn twice"] += 1
        else:
            seen.add(numbers.tobytes())
            target = np.moveaxis(mask, axis, 0)[plane]  # a view: painting it paints the mask
            target ^= fill_polygon(np.delete(points, axis, axis=1), target.shape)
    return mask, skipped
