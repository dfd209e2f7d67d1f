"""Small scans that every test of the data path may use."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import nibabel as nib
import numpy as np
import pytest

if TYPE_CHECKING:
    from smart_nets.data.phantom import Phantom

SHAPE = (14, 12, 10)


@pytest.fixture
def hu() -> np.ndarray:
    """An asymmetric little CT: air around a body whose HU differ in every voxel."""
    image = np.full(SHAPE, -1000, np.int16)
    body = (slice(2, 12), slice(3, 11), slice(1, 9))
    image[body] = np.arange(10 * 8 * 8).reshape(10, 8, 8) - 100
    return image


@pytest.fixture
def affine() -> np.ndarray:
    return np.array([[2.0, 0, 0, -10], [0, 1.5, 0, 20], [0, 0, 3, -30], [0, 0, 0, 1]])


@pytest.fixture
def save(tmp_path: Path) -> Callable[..., Path]:
    """Write voxels and affine as NIfTI and return the path."""

    def write(array: np.ndarray, affine: np.ndarray, name: str = "scan.nii.gz") -> Path:
        image = nib.Nifti1Image(array, affine)
        image.header.set_xyzt_units("mm")
        image.set_sform(affine, 1)
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        nib.save(image, path)
        return path

    return write


@pytest.fixture(scope="session")
def phantom() -> "Phantom":
    from smart_nets.data.phantom import make_phantom

    return make_phantom(3, spacing=(6.0, 5.0, 8.0), nodules=1, region="chest")


@pytest.fixture(scope="session")
def real() -> Path:
    """The folder of real CT; tests that use it are skipped where it is absent."""
    folder = os.environ.get("SMART_REAL_DATA")
    if not folder:
        pytest.skip("SMART_REAL_DATA is not set: no real CT on this machine")
    return Path(folder)
