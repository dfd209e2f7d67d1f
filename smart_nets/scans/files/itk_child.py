"""Read one image with ITK in a process of its own: `python -m smart_nets.scans.files.itk_child FILE RESULT.npz`."""

import sys

import itk
import numpy as np


def main(path: str, target: str) -> None:
    """Write voxels (X, Y, Z) or (X, Y, Z, C) and the affine (4, 4) to LPS mm."""
    image = itk.imread(path)
    array = np.asarray(itk.array_view_from_image(image))
    axes = image.GetImageDimension()
    voxels = array.transpose([*reversed(range(axes)), *range(axes, array.ndim)])  # ITK counts the last axis first
    affine = np.eye(4)
    used = min(axes, 3)
    affine[:used, :used] = (itk.array_from_matrix(image.GetDirection()) * np.asarray(image.GetSpacing()))[:used, :used]
    affine[:used, 3] = np.asarray(image.GetOrigin())[:used]
    np.savez(target, voxels=voxels, affine=affine)


if __name__ == "__main__":
    main(*sys.argv[1:])
