"""Paint the frames of a DICOM segmentation onto the grid of its scan."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from smart_nets.errors import GeometryError, InputError
from smart_nets.scans.dicom.folder import BROKEN
from smart_nets.scans.dicom.geometry import slice_axes
from smart_nets.scans.volume import Volume

if TYPE_CHECKING:
    from pydicom import Dataset

ON_GRID = 0.1  # voxels a frame may lie off the scan's grid
_EXPORT = "export the segmentation again"
_OTHER_SCAN = "give the series it was drawn on"


def paint_segments(dataset: Dataset, where: str, scan: Volume) -> Iterator[tuple[str, np.ndarray]]:
    """Label and bool mask (X, Y, Z) of each segment; frames a file leaves out are empty slices.

    Raises:
        InputError: the pixels cannot be decoded.
        GeometryError: frames are missing, or lie off the scan's grid.
    """
    places = dataset.get("PerFrameFunctionalGroupsSequence") or []
    count = int(dataset.get("NumberOfFrames", 0) or 0)
    if len(places) != count or not count:
        expected, found = f"{count} frames with a place each", f"{len(places)} places"
        raise GeometryError("frames are missing", where=where, expected=expected, found=found, remedy=_EXPORT)
    frames = _decode(dataset, where, count)
    segments = {int(item.SegmentNumber): str(item.SegmentLabel) for item in dataset.get("SegmentSequence") or []}
    masks = {number: np.zeros(scan.array.shape, dtype=bool) for number in segments}
    shared = (dataset.get("SharedFunctionalGroupsSequence") or [None])[0]
    for index, (place, frame) in enumerate(zip(places, frames, strict=True)):
        number = int(_group(place, shared, "SegmentIdentificationSequence", where).ReferencedSegmentNumber)
        if number not in masks:
            expected = f"segments {sorted(masks)}"
            raise InputError(
                "a frame belongs to no segment", where=where, expected=expected, found=number, remedy=_EXPORT
            )
        voxels = _voxels(frame, place, shared, scan.lps_to_voxel, f"{where}, frame {index + 1}", scan.array.shape)
        masks[number][tuple(voxels.T)] = True
    for number, label in segments.items():
        yield label, masks[number]


def _decode(dataset: Dataset, where: str, count: int) -> np.ndarray:
    """Frames as bool (frames, rows, columns)."""
    try:
        pixels = np.asarray(dataset.pixel_array)
    except (*BROKEN, RuntimeError) as error:
        raise GeometryError(
            "frames are missing or damaged", where=where, expected=f"{count} frames", found=error, remedy=_EXPORT
        ) from error
    half = 0.5 if str(dataset.get("SegmentationType", "")) == "BINARY" else 0.5 * float(dataset.MaximumFractionalValue)
    return pixels.reshape(count, int(dataset.Rows), int(dataset.Columns)) >= half


def _group(place: Dataset, shared: Dataset | None, name: str, where: str) -> Dataset:
    for holder in (place, shared):
        if holder is not None and holder.get(name):
            return holder[name].value[0]
    raise GeometryError(f"a frame has no {name}", where=where, remedy=_EXPORT)


def _voxels(
    frame: np.ndarray, place: Dataset, shared: Dataset | None, to_voxel: np.ndarray, where: str, shape: tuple[int, ...]
) -> np.ndarray:
    """Voxel indices (n, 3) of the scan for the marked pixels of a frame (rows, columns)."""
    from pydicom import Dataset as Header

    header = Header()
    header.PixelSpacing = _group(place, shared, "PixelMeasuresSequence", where).get("PixelSpacing")
    orientation = _group(place, shared, "PlaneOrientationSequence", where)
    header.ImageOrientationPatient = orientation.get("ImageOrientationPatient")
    corner = _group(place, shared, "PlanePositionSequence", where).get("ImagePositionPatient")
    if corner is None:
        raise GeometryError("a frame has no ImagePositionPatient", where=where, remedy=_EXPORT)
    steps = to_voxel[:3, :3] @ slice_axes(header, where)  # (3, 2) voxels per column, per row
    start = to_voxel[:3, :3] @ np.array(corner, dtype=float) + to_voxel[:3, 3]
    row, column = np.nonzero(frame)
    exact = start + np.stack([column, row], axis=1) @ steps.T  # (n, 3)
    off = max(np.abs(start - np.rint(start)).max(), max(frame.shape) * np.abs(steps - np.rint(steps)).max())
    if off > ON_GRID or (np.abs(np.rint(steps)).sum(axis=0) != 1).any():
        expected, found = f"within {ON_GRID} voxels", f"{off:.2f} voxels off"
        raise GeometryError(
            "does not lie on the scan's grid", where=where, expected=expected, found=found, remedy=_OTHER_SCAN
        )
    voxels = np.rint(exact).astype(int)
    if len(voxels) and ((voxels < 0) | (voxels >= np.array(shape))).any():
        expected, found = f"inside {shape}", f"{voxels.min(0)} to {voxels.max(0)}"
        raise GeometryError("reaches outside the scan", where=where, expected=expected, found=found, remedy=_OTHER_SCAN)
    return voxels
