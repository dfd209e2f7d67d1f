"""A scan in memory while it is read: voxels, their place in the patient, and what was noticed on the way."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import nibabel as nib
import numpy as np

AIR = -1024  # HU; also the lowest value a scanner's 12 bits hold


@dataclass(frozen=True)
class Volume:
    """Voxels (X, Y, Z) of any numeric type, with the affine (4, 4) from voxel index to RAS millimetres.

    `notes` tells in words what was repaired or left out while reading ("2 NaN voxels set to air"); `frame` is DICOM's
    FrameOfReferenceUID: contours and masks of the same frame share its millimetres.
    """

    array: np.ndarray
    affine: np.ndarray
    where: str
    notes: list[str] = field(default_factory=list)
    frame: str = ""

    @property
    def spacing(self) -> np.ndarray:
        """Distance between neighbouring voxels along each array axis, in mm, shape (3,)."""
        return np.linalg.norm(self.affine[:3, :3], axis=0)

    @property
    def lps_to_voxel(self) -> np.ndarray:
        """Affine (4, 4) from LPS mm, in which DICOM places everything, to voxel index."""
        return np.linalg.inv(lps_to_ras(self.affine))

    @property
    def told(self) -> str:
        """The affine in words, for messages."""
        return "affine [" + "; ".join(" ".join(f"{value:g}" for value in row) for row in self.affine[:3]) + "]"

    def to_ras(self) -> Volume:
        """The same voxels with array axes running to the Right, Anterior and Superior (no resampling, no copy)."""
        orientation = nib.orientations.io_orientation(self.affine)
        array = nib.orientations.apply_orientation(self.array, orientation)
        affine = self.affine @ nib.orientations.inv_ornt_aff(orientation, self.array.shape)
        return replace(self, array=array, affine=affine)


def sides_mm(affine: np.ndarray, shape: Sequence[int]) -> np.ndarray:
    """Lengths (3,) in mm along R, A and S of the box around all voxels of a grid of `shape`, however its axes run."""
    return np.asarray(np.abs(affine[:3, :3]) @ np.asarray(shape[:3], dtype=np.float64))


def lps_to_ras(affine: np.ndarray) -> np.ndarray:
    """Affine (4, 4) to RAS mm from one to LPS mm, the convention of DICOM and ITK, or back: x and y change sign."""
    return np.diag([-1.0, -1.0, 1.0, 1.0]) @ affine
