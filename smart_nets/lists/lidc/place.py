"""Where the pixels and heights that LIDC's annotations count in lie in the patient."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from smart_nets.errors import GeometryError
from smart_nets.scans.dicom.folder import damage_told, is_dicom, read_file
from smart_nets.scans.dicom.geometry import positions, slice_axes
from smart_nets.scans.volume import lps_to_ras

if TYPE_CHECKING:
    from pydicom import Dataset

STEEP = 0.1  # least share of the way between two slices that is along z


def annotation_affine(folder: Path, series: str) -> np.ndarray:
    """Affine (4, 4) to RAS mm from (column, row, z), as annotations count: pixels, and ImagePositionPatient's z in mm.

    The headers of two slices tell it, and their step carries a gantry tilt. All slices are checked when voxels are read.

    Raises:
        InputError: a file is damaged. GeometryError: there are not two slices that lie above each other.
    """
    where = f"{folder} (series {series})"
    slices = _slices(folder, series)
    with damage_told(where):
        first = next(slices, None)
        if first is None:
            raise GeometryError("has no axial slices", where=where, remedy="give the whole series")
        for other in slices:
            origin, place = positions([first, other], where)
            if abs(place[2] - origin[2]) <= STEEP * np.linalg.norm(place - origin):
                continue  # the same slice twice, or slices that are not axial
            step = (place - origin) / (place[2] - origin[2])  # mm per mm of z
            affine = np.eye(4)
            affine[:3, :2] = slice_axes(first, where)
            affine[:3, 2], affine[:3, 3] = step, origin - step * origin[2]
            return lps_to_ras(affine)
    what, remedy = "has no two slices above each other", "give the whole series"
    raise GeometryError(what, where=where, expected="axial slices", remedy=remedy)


def _slices(folder: Path, series: str) -> Iterator[Dataset]:
    """Headers of the series in order of their names, without localisers."""
    for path in sorted(folder.iterdir()):
        if path.name.startswith(".") or not is_dicom(path):
            continue
        header = read_file(path, pixels=False)
        scout = "LOCALIZER" in [str(part) for part in header.get("ImageType") or []]
        if str(header.get("SeriesInstanceUID")) == series and not scout:
            yield header
