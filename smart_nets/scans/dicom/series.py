"""Read one CT series of DICOM files: every slice used, or an error that names the one that cannot be."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np

from smart_nets.errors import GeometryError, InputError
from smart_nets.scans.dicom.acquisition import check_one_acquisition, oddities
from smart_nets.scans.dicom.companions import CT_IMAGES, companion_kind, sop_class
from smart_nets.scans.dicom.enhanced import frame_count, split_frames
from smart_nets.scans.dicom.folder import UNNAMED, damage_told, is_dicom, list_series, read_file
from smart_nets.scans.dicom.geometry import positions, slice_axes, stack_step
from smart_nets.scans.dicom.grey import dark_air, slice_hu
from smart_nets.scans.dicom.uneven import even_stack
from smart_nets.scans.volume import Volume, lps_to_ras

if TYPE_CHECKING:
    from pydicom import Dataset

__all__ = ["is_dicom", "list_series", "read_dicom", "read_slices"]
SAME_PLACE = 1e-3  # mm
Spacing = Literal["refuse", "resample"]


def read_dicom(path: Path, series: str | None = None, spacing: Spacing = "refuse") -> Volume:
    """HU (X, Y, Z) and affine to RAS mm of one series; a sheared affine tells of a gantry tilt.

    Args:
        path: the folder of the series, or of folders over which it is spread; or a multi-frame file.
        series: SeriesInstanceUID, needed where the folder holds several.
        spacing: whether uneven slice distances are refused, or resampled to even ones.

    Raises:
        InputError: no or several series, another modality, a slice that cannot be decoded or has no HU scale.
        GeometryError: positions are missing, doubled, uneven or incomplete.
    """
    notes: list[str] = []
    slices = read_slices(path, series, notes)
    where = _where(path, series)
    with damage_told(where):
        places, normal = positions(slices, where), _normal(slices, where)
        pixels, grey = dark_air(np.stack([slice_hu(header) for header in slices]), slices, where)  # (Z, rows, columns)
        try:
            step, note = stack_step(places, normal, where)
        except GeometryError:
            if spacing == "refuse":
                raise
            pixels, step, note = even_stack(pixels, places, normal, where)
        affine = np.eye(4)
        affine[:3, :2], affine[:3, 2], affine[:3, 3] = slice_axes(slices[0], where), step, places[0]
        notes += [said for said in (grey, note) if said] + oddities(slices, pixels, float(np.linalg.norm(step)))
        frame = str(slices[0].get("FrameOfReferenceUID", ""))
        return Volume(pixels.T, lps_to_ras(affine), where, notes, frame)  # (X, Y, Z)


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
        check_one_acquisition(slices, where)
        return slices


def _where(path: Path, series: str | None) -> str:
    return str(path) if series is None else f"{path} (series {series})"


def _normal(slices: list[Dataset], where: str) -> np.ndarray:
    """Unit vector (3,) across the slices."""
    axes = slice_axes(slices[0], where)
    normal = np.cross(axes[:, 0], axes[:, 1])
    return np.asarray(normal / np.linalg.norm(normal))


def _choose(path: Path, series: str | None) -> list[Path]:
    if path.is_file():
        if frame_count(read_file(path, pixels=False)) > 1:
            return [path]
        remedy = f"give {path.parent}"
        raise InputError(
            "is one DICOM file", where=path, expected="the folder of a series", found="a file", remedy=remedy
        )
    # a structure set or segmentation may lie beside the CT it belongs to; and whoever names the series has its folder from
    # a list, which tells of damaged files beside it
    every = list_series(
        path, below=True, damaged=None if series is None else {}
    )  # a structure set or segmentation may lie beside the CT it belongs to
    scans = {uid: one for uid, one in every.items() if (one.modality == "CT" and not one.kind) or uid == series}
    here = {uid: one for uid, one in scans.items() if any(file.parent == path for file in one.files)}
    groups = scans if series is not None else here or scans or every
    told = ", ".join(sorted(groups))
    if series is None and len(groups) > 1:
        what = f"holds {len(groups)} series: choose one"
        raise InputError(what, where=path, expected="one series", found=told, remedy="give series=UID")
    chosen = series if series is not None else next(iter(groups))
    if chosen not in groups:
        told = ", ".join(sorted(every))
        raise InputError("has no such series", where=path, expected=told, found=chosen, remedy="give one of these UIDs")
    files = groups[chosen].files
    alone = [file for file in files if file.parent == path] if chosen == UNNAMED else []
    return alone or files


def _image_slices(headers: list[Dataset], where: str, notes: list[str]) -> list[Dataset]:
    """The slices of the stack: all CT, of one size, localisers left out and told."""
    kinds = [companion_kind(header) for header in headers]
    slices = [header for header, kind in zip(headers, kinds, strict=True) if not kind]
    if not slices and set(kinds) == {"localiser"}:
        found, remedy = f"{len(kinds)} localisers", "give the series of axial slices"
        raise InputError("holds only localisers", where=where, expected="axial slices", found=found, remedy=remedy)
    if slices:
        notes += [f"{kind} images left out ({count})" for kind, count in Counter(kinds).items() if kind]
    slices = [one for header in slices or headers for one in _frames(header)]
    sizes = {(int(header.get("Rows", 0)), int(header.get("Columns", 0))) for header in slices}
    if len(sizes) > 1:
        found = " and ".join(f"{rows}x{columns}" for rows, columns in sorted(sizes))
        expected = "one matrix size"
        raise InputError(
            "slices have different sizes", where=where, expected=expected, found=found, remedy="split the series"
        )
    return slices


def _frames(header: Dataset) -> list[Dataset]:
    """The CT slices that one file holds."""
    name = str(header.filename)
    if str(header.get("Modality", "")) != "CT":
        found = header.get("Modality", "nothing")
        raise InputError("modality is not CT", where=name, expected="CT", found=found, remedy="leave this series out")
    if "PixelData" not in header:
        found, remedy = "a header only", "export the series again with its images"
        raise InputError("has no PixelData", where=name, expected="an image", found=found, remedy=remedy)
    return split_frames(header) if frame_count(header) > 1 or sop_class(header) in CT_IMAGES[1:] else [header]


def _without_copies(
    slices: list[Dataset], places: np.ndarray, heights: np.ndarray, where: str, notes: list[str]
) -> list[Dataset]:
    """Drop exact copies of a slice and tell; two different slices at one place are an error."""
    keep = [0]
    for index in range(1, len(slices)):
        if heights[index] - heights[keep[-1]] > SAME_PLACE:
            keep.append(index)
        elif not np.array_equal(slice_hu(slices[index]), slice_hu(slices[keep[-1]])):
            what, found = "two different slices lie at the same position", f"{places[index].tolist()} twice"
            remedy = "split the series into its phases"
            raise GeometryError(what, where=where, expected="one slice each", found=found, remedy=remedy)
    if len(keep) < len(slices):
        notes.append(f"exact copies of slices left out ({len(slices) - len(keep)})")
    return [slices[index] for index in keep]
