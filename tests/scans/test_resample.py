"""Linear resampling agrees with MONAI's, and a tilted gantry is set upright."""

from pathlib import Path

import numpy as np
import pytest
import torch
from monai.data import MetaTensor
from monai.transforms import Spacing

from smart_nets.errors import GeometryError
from smart_nets.scans.dicom.tilt import straighten
from smart_nets.scans.read import read_scan, read_volume
from smart_nets.scans.resample import resample
from smart_nets.scans.volume import Volume


def ramp(shape: tuple[int, int, int], affine: np.ndarray) -> Volume:
    """A volume whose HU are a linear function of the place in mm: linear interpolation must keep it."""
    index = np.stack([*np.indices(shape), np.ones(shape)], axis=-1)  # (X, Y, Z, 4)
    x, y, z = np.moveaxis((index @ affine.T)[..., :3], -1, 0)
    return Volume((3 * x - 2 * y + 5 * z).astype(np.float32), affine, "ramp")


@pytest.mark.parametrize("spacing", [(2, 2, 2), (1, 1, 1), (0.9, 1.7, 3.1), (5, 4, 7)])
def test_a_linear_ramp_stays_one(affine, spacing):
    result = resample(ramp((14, 12, 10), affine), spacing)
    ends = (np.array([13, 11, 9]) * [2, 1.5, 3] / spacing).astype(int)
    inside = tuple(slice(0, end + 1) for end in ends)
    np.testing.assert_allclose(result.spacing, spacing)
    np.testing.assert_allclose(result.array[inside], ramp(result.array.shape, result.affine).array[inside], atol=1e-3)


@pytest.mark.parametrize("spacing", [(2, 2, 2), (1.5, 1.5, 1.5), (0.7, 3.0, 4.4)])
@pytest.mark.parametrize("order", ["C", "F"])
def test_values_equal_monais_spacing(hu, affine, spacing, order):
    noisy = np.asarray(hu + np.random.default_rng(0).integers(-50, 50, hu.shape), np.int16, order=order)
    ours = resample(Volume(noisy, affine, "noise"), spacing)
    theirs = Spacing(spacing)(MetaTensor(torch.from_numpy(noisy.astype(np.float32))[None], affine=affine))
    assert ours.array.shape == theirs.shape[1:]
    np.testing.assert_allclose(ours.array, theirs[0].numpy(), atol=1e-3)
    np.testing.assert_allclose(ours.affine, theirs.affine.numpy())


@pytest.mark.parametrize(
    "name", ["chest_2mm/pyrad_lung1.nii.gz", "tptbox/sub-ct_label-22_ct.nii.gz", "sts/STS_008.nii.gz"]
)
def test_real_scans_equal_monais_spacing(real_ct: Path, name):
    ours = resample(read_volume(real_ct / name), (2, 2, 2))
    np.testing.assert_allclose(ours.array, Spacing((2, 2, 2))(read_scan(real_ct / name))[0].numpy(), atol=1e-3)


def test_the_same_spacing_changes_nothing(hu, affine):
    result = resample(Volume(hu, affine, "same"), (2, 1.5, 3))
    np.testing.assert_array_equal(result.array, hu)
    np.testing.assert_array_equal(result.affine, affine)


def tilted(degrees: float, sideways: float = 0.0) -> np.ndarray:
    """Affine of slices 3 mm apart whose stack leans forward and sideways by these angles."""
    affine = np.diag([2.0, 1.5, 3.0, 1.0])
    affine[:3, 2] += [3 * np.tan(np.radians(sideways)), 3 * np.tan(np.radians(degrees)), 0]
    affine[:3, 3] = [-10, 20, -30]
    return affine


@pytest.mark.parametrize("angles", [(20, 0), (-14, 0), (0, 9), (12, -7)])
def test_straightening_puts_every_voxel_where_it_was(angles):
    """On a linear ramp every straightened voxel inside the slices must hold the value of its place in mm."""
    scan = ramp((14, 12, 10), tilted(*angles))
    result = straighten(scan)
    directions = result.affine[:3, :3] / result.spacing
    np.testing.assert_allclose(directions.T @ directions, np.eye(3), atol=1e-12)
    voxel = np.linalg.inv(scan.affine) @ result.affine
    index = np.stack([*np.indices(result.array.shape), np.ones(result.array.shape)], axis=-1) @ voxel.T
    inside = ((index[..., :3] > -1e-6) & (index[..., :3] < np.array(scan.array.shape) - 1 + 1e-6)).all(axis=-1)
    expected = ramp(result.array.shape, result.affine).array
    assert inside.sum() > 0.7 * scan.array.size
    np.testing.assert_allclose(result.array[inside], expected[inside], atol=2e-3)
    assert result.array[0, 0].min() == -1024 or result.array[-1, -1].min() == -1024  # grown corners are air


def test_tilt_is_refused_unless_correction_is_asked_for(save, hu):
    path = save(hu, tilted(20))
    with pytest.raises(GeometryError, match=r"sheared by 20.0 degrees .*tilt='correct'"):
        read_scan(path)
    scan = read_scan(path, tilt="correct")
    assert scan.meta["notes"] == ["gantry tilt corrected (20.0 degrees)"]
    np.testing.assert_allclose(scan[0, :, :12, 0].numpy(), hu[:, :, 0])  # the first slice stays


def test_shear_of_all_axes_is_never_corrected(hu):
    affine = tilted(20)
    affine[0, 1] = 1.0
    affine[2, 0] = 0.7
    with pytest.raises(GeometryError, match="more than the slice axis"):
        straighten(Volume(hu, affine, "bad"))
