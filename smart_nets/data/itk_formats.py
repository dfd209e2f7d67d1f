"""Read NRRD and MetaImage (.nrrd, .mha, .mhd) files with ITK."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from smart_nets.data.volume import Volume, lps_to_ras
from smart_nets.errors import InputError


def read_itk(path: Path) -> Volume:
    """Voxels (X, Y, Z) as stored and the affine to RAS mm (ITK itself speaks LPS).

    Raises:
        InputError: ITK is not installed, or cannot read the file.
    """
    try:
        import itk
    except ImportError as error:
        raise InputError("needs ITK to be read", where=path, remedy="pip install itk, or save it as NIfTI") from error
    if path.stat().st_size == 0:
        raise InputError(
            "is empty", where=path, expected="an image", found="0 bytes", remedy="copy the file again from its source"
        )
    try:
        image = itk.imread(str(path))
    except (RuntimeError, TypeError, KeyError) as error:  # what ITK's wrapping raises for unreadable files
        reason = str(error).strip().splitlines()[-1]
        raise InputError(f"cannot be read ({reason})", where=path, remedy="copy the file again") from error
    if image.GetNumberOfComponentsPerPixel() != 1:
        raise InputError("has several values per voxel", where=path, expected="1 (HU)",
                         found=image.GetNumberOfComponentsPerPixel(), remedy="give the CT itself")  # fmt: skip
    array = itk.array_from_image(image).T  # ITK's numpy order is (Z, Y, X)
    dimension = array.ndim
    affine = np.eye(4)
    axes = min(dimension, 3)
    direction = itk.array_from_matrix(image.GetDirection())[:axes, :axes]
    affine[:axes, :axes] = direction * np.array(image.GetSpacing())[:axes]  # each column times its spacing
    affine[:axes, 3] = np.array(image.GetOrigin())[:axes]
    return Volume(array, lps_to_ras(affine), str(path))
