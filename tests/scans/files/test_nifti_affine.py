"""Two orientations in one NIfTI header: which one is used, when it is told, and when nobody can know."""

import struct
from collections.abc import Callable
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from smart_nets.errors import GeometryError
from smart_nets.scans.read import read_scan

QUATERNION, OFFSETS, SROW = 256, 268, 280  # bytes of the header


@pytest.fixture
def written(hu, tmp_path) -> Callable[..., Path]:
    """A function: write the asymmetric phantom with this sform and qform (None: code 0), then change header bytes."""

    def write(sform: np.ndarray | None, qform: np.ndarray | None, *changes: tuple[int, tuple[float, ...]]) -> Path:
        image = nib.Nifti1Image(hu, None)
        image.set_sform(sform, 1 if sform is not None else 0)
        image.set_qform(qform, 1 if qform is not None else 0)
        nib.save(image, tmp_path / "a.nii")
        content = bytearray((tmp_path / "a.nii").read_bytes())
        for place, values in changes:
            struct.pack_into(f"<{len(values)}f", content, place, *values)
        (tmp_path / "a.nii").write_bytes(content)
        return tmp_path / "a.nii"

    return write


def moved(affine: np.ndarray, millimetres: float) -> np.ndarray:
    shifted = affine.copy()
    shifted[2, 3] += millimetres
    return shifted


def turned(affine: np.ndarray, degrees: float) -> np.ndarray:
    angle = np.radians(degrees)
    turn = np.eye(4)
    turn[:2, :2] = [[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]
    return turn @ affine


def test_both_alike_is_not_worth_a_word(written, affine, hu):
    scan = read_scan(written(affine, affine))
    assert scan.meta["notes"] == [] and np.allclose(scan.affine, affine) and np.array_equal(scan[0], hu)


@pytest.mark.parametrize(
    ("change", "note"),
    [
        ((QUATERNION, (0.57735037, 0.57735037, 0.57735044)), "the qform is damaged, the sform is used"),
        ((QUATERNION, (2.0, 0.0, 0.0)), "the qform is damaged, the sform is used"),
        ((QUATERNION, (float("nan"),) * 3), "the qform is damaged, the sform is used"),
        ((OFFSETS, (float("inf"),) * 3), "the qform is damaged, the sform is used"),
        ((SROW, (0.0,) * 12), "the sform is damaged, the qform is used"),
        ((SROW, (float("nan"),) * 12), "the sform is damaged, the qform is used"),
    ],
)
def test_a_damaged_one_is_told_and_the_other_used(written, affine, hu, change, note):
    path = written(affine, affine, change)
    scan = read_scan(path)
    assert scan.meta["notes"] == [note] and np.allclose(scan.affine, affine) and np.array_equal(scan[0], hu)


def test_a_quaternion_longer_than_one_by_rounding_is_sound(written, affine):
    half_turn = affine @ np.diag([1.0, -1, -1, 1])  # a = 0, b = 1
    scan = read_scan(written(None, half_turn, (QUATERNION, (1 + 2e-7, 0.0, 0.0))))
    assert np.allclose(np.linalg.norm(scan.affine[:3, :3], axis=0), [2, 1.5, 3])


@pytest.mark.parametrize(
    ("qform", "said"),
    [
        (lambda affine: np.diag([-1.0, 1, 1, 1]) @ affine, "qform LAS, sform RAS, 180 degrees apart"),
        (lambda affine: turned(affine, 10), "qform RAS, sform RAS, 10 degrees apart"),
        (lambda affine: affine @ np.diag([1, 1, 2.0, 1]), "voxels of 2 x 1.5 x 3 mm and 2 x 1.5 x 6 mm"),
    ],
)
def test_two_sides_directions_or_sizes_are_refused(written, affine, qform, said):
    with pytest.raises(GeometryError, match=f"a.nii: the header has two orientations that contradict .*{said}"):
        read_scan(written(affine, qform(affine)))


@pytest.mark.parametrize(
    ("far", "notes"), [(0.4, []), (25.0, ["qform and sform lie 25.0 mm apart, the sform is used"])]
)
def test_another_place_is_told(written, affine, far, notes):
    scan = read_scan(written(affine, moved(affine, far)))
    assert scan.meta["notes"] == notes and np.allclose(scan.affine, affine)


def test_another_size_in_pixdim_alone_is_told(written, affine):
    scan = read_scan(written(affine, None, (80, (4.0, 4.0, 4.0))))
    assert scan.meta["notes"] == ["pixdim says 4 x 4 x 4 mm, the sform is used"] and np.allclose(scan.affine, affine)
