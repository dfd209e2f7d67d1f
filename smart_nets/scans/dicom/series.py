"""Read one CT series of DICOM files: every slice used, or an error that names the one that cannot be."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from smart_nets.errors import GeometryError, InputError
from smart_nets.scans.dicom.folder import BROKEN, INSTALL, damage_told, is_dicom, list_series, read_file
from smart_nets.scans.dicom.geometry import positions, slice_axes, stack_step
from smart_nets.scans.volume import Volume, lps_to_ras

if TYPE_CHECKING:
    from pydicom import Dataset

__all__ = ["is_dicom", "list_series", "read_dicom", "read_slices"]
SAME_PLACE = 1e-3  # mm


def read_dicom(path: Path, series: str | None = None) -> Volume:
    """HU (X, Y, Z) and affine to RAS mm of one series; a sheared affine tells of a gantry tilt.

    Args:
        path: the folder of the series.
        series: SeriesInstanceUID, needed where the folder holds several.

    Raises:
        InputError: no or several series, another modality, a slice that cannot be decoded or has no HU scale.
        GeometryError: positions are missing, doubled, uneven or incomplete.
    """
    notes: list[str] = []
    slices = read_slices(path, series, notes)
    where = _where(path, series)
    with damage_told(where):
        affine = lps_to_ras(_affine(slices, where))
        pixels = np.stack([_hu(header) for header in slices])  # (Z, rows, columns)
        return Volume(pixels.T, affine, where, notes, str(slices[0].get("FrameOfReferenceUID", "")))  # (X, Y, Z)


def read_slices(path: Path, series: str | None = None, notes: list[str] | None = None) -> list[Dataset]:
    """The data sets of one series in order of their places: slice k is [:, :, k] of what `read_dicom` gives.

    Args:
        path: the folder of the series.
        series: SeriesInstanceUID, needed where the folder holds several.
        notes: gets told what was left out: localisers, exact copies of slices.

    Raises:
        InputError, GeometryError: see `read_dicom`.
    """
    files = _choose(path, series)
    where, told = _where(path, series), [] if notes is None else notes
    with damage_told(where):
        slices = _image_slices([read_file(file, pixels=True) for file in files], where, told)
        places = positions(slices, where)
        heights = places @ _normal(slices, where)
        order = np.argsort(heights, kind="stable")
        slices = _without_copies([slices[index] for index in order], places[order], heights[order], where, told)
        if len(slices) < 2:
            found = 1
            raise InputError(
                "has a single slice", where=where, expected="at least 2", remedy="give the series", found=found
            )
        return slices


def _where(path: Path, series: str | None) -> str:
    return str(path) if series is None else f"{path} (series {series})"


def _normal(slices: list[Dataset], where: str) -> np.ndarray:
    """Unit vector (3,) across the slices."""
    axes = slice_axes(slices[0], where)
    normal = np.cross(axes[:, 0], axes[:, 1])
    return np.asarray(normal / np.linalg.norm(normal))


def _affine(slices: list[Dataset], where: str) -> np.ndarray:
    """From (column, row, slice) to LPS mm, (4, 4)."""
    places = positions(slices, where)
    affine = np.eye(4)
    affine[:3, :2], affine[:3, 3] = slice_axes(slices[0], where), places[0]
    affine[:3, 2] = stack_step(places, _normal(slices, where), where)
    return affine


def _choose(path: Path, series: str | None) -> list[Path]:
    if path.is_file():
        remedy = f"give {path.parent}"
        raise InputError(
            "is one DICOM file", where=path, expected="the folder of a series", found="a file", remedy=remedy
        )
    every = list_series(path)  # a structure set or segmentation may lie beside the CT it belongs to
    groups = {uid: found for uid, found in every.items() if found.modality == "CT" or uid == series} or every
    told = ", ".join(sorted(groups))
    if series is None and len(groups) > 1:
        what = f"holds {len(groups)} series: choose one"
        raise InputError(what, where=path, expected="one series", found=told, remedy="give series=UID")
    chosen = series if series is not None else next(iter(groups))
    if chosen not in groups:
        raise InputError("has no such series", where=path, expected=told, found=chosen, remedy="give one of these UIDs")
    return groups[chosen].files


def _image_slices(headers: list[Dataset], where: str, notes: list[str]) -> list[Dataset]:
    """The slices of the stack: all CT, of one size, localisers left out and told."""
    scouts = [header for header in headers if "LOCALIZER" in [str(part) for part in header.get("ImageType") or []]]
    if scouts:
        notes.append(f"localiser images left out ({len(scouts)})")
    slices = [header for header in headers if header not in scouts] if scouts else headers
    if not slices:
        found, remedy = f"{len(scouts)} localisers", "give the series of axial slices"
        raise InputError("holds only localisers", where=where, expected="axial slices", found=found, remedy=remedy)
    for header in slices:
        name = str(header.filename)
        if str(header.get("Modality", "")) != "CT":
            found = header.get("Modality", "nothing")
            raise InputError(
                "modality is not CT", where=name, expected="CT", found=found, remedy="leave this series out"
            )
        if "PixelData" not in header:
            found, remedy = "a header only", "export the series again with its images"
            raise InputError("has no PixelData", where=name, expected="an image", found=found, remedy=remedy)
        if int(header.get("NumberOfFrames", 1) or 1) > 1:
            found = f"{header.NumberOfFrames} frames"
            expected, remedy = "one slice per file", "convert it with dcm2niix"
            raise InputError("is a multi-frame file", where=name, expected=expected, found=found, remedy=remedy)
    sizes = {(int(header.get("Rows", 0)), int(header.get("Columns", 0))) for header in slices}
    if len(sizes) > 1:
        found = " and ".join(f"{rows}x{columns}" for rows, columns in sorted(sizes))
        expected = "one matrix size"
        raise InputError(
            "slices have different sizes", where=where, expected=expected, found=found, remedy="split the series"
        )
    return slices


def _hu(header: Dataset) -> np.ndarray:
    """One slice (rows, columns) in HU: int16 where the scale is whole, else float32."""
    name = str(header.filename)
    photometric = str(header.get("PhotometricInterpretation", ""))
    if photometric != "MONOCHROME2":
        what, found = "its grey values are not stored as plain HU", photometric or "nothing"
        raise InputError(what, where=name, expected="MONOCHROME2", found=found, remedy="export the series again")
    slope, intercept, kind = (header.get(tag) for tag in ("RescaleSlope", "RescaleIntercept", "RescaleType"))
    if slope is None or intercept is None or float(slope) == 0:
        what, found = "HU unknown: no usable RescaleSlope and RescaleIntercept", f"{slope}, {intercept}"
        raise InputError(what, where=name, expected="two numbers", found=found, remedy="export the series with them")
    if kind not in (None, "", "HU"):
        remedy = "give the series in HU"
        raise InputError("its values are not in HU", where=name, expected="RescaleType HU", found=kind, remedy=remedy)
    stored = _decode(header, name)
    if float(slope) == 1 and float(intercept).is_integer():
        values = stored.astype(np.int32) + int(intercept)
        if values.min() >= -32768 and values.max() <= 32767:
            return values.astype(np.int16)
    return (stored * float(slope) + float(intercept)).astype(np.float32)


def _decode(header: Dataset, name: str) -> np.ndarray:
    syntax = header.file_meta.TransferSyntaxUID
    try:
        pixels = np.asarray(header.pixel_array)
    except (*BROKEN, RuntimeError) as error:
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
        if syntax.is_compressed:
            what, remedy = f"slice cannot be decoded ({reason})", f"copy it again, or {INSTALL}"
            found = f"transfer syntax {syntax.name}"
            raise InputError(what, where=name, expected="readable pixels", found=found, remedy=remedy) from error
        size = f"{header.get('Rows')}x{header.get('Columns')} pixels"
        what = f"slice is truncated or damaged ({reason})"
        raise InputError(what, where=name, expected=size, found="fewer", remedy="copy it again") from error
    if pixels.ndim != 2:
        found, remedy = f"shape {pixels.shape}", "export the series again"
        raise InputError("slice is no plain image", where=name, expected="2-D", found=found, remedy=remedy)
    return pixels


def _without_copies(
    slices: list[Dataset], places: np.ndarray, heights: np.ndarray, where: str, notes: list[str]
) -> list[Dataset]:
    """Drop exact copies of a slice and tell; two different slices at one place are an error."""
    keep = [0]
    for index in range(1, len(slices)):
        if heights[index] - heights[keep[-1]] > SAME_PLACE:
            keep.append(index)
        elif not np.array_equal(_hu(slices[index]), _hu(slices[keep[-1]])):
            what, found = "two different slices lie at the same position", f"{places[index].tolist()} twice"
            remedy = "split the series into its phases"
            raise GeometryError(what, where=where, expected="one slice each", found=found, remedy=remedy)
    if len(keep) < len(slices):
        notes.append(f"exact copies of slices left out ({len(slices) - len(keep)})")
    return [slices[index] for index in keep]
