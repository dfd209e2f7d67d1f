"""Linear interpolation between grids, by hand and beside scipy's."""

import itertools

import numpy as np
import pytest
from scipy.ndimage import affine_transform
from scipy.spatial.transform import Rotation

from smart_nets.scans.interpolate import interpolate

SHAPE = (7, 9, 11)


def grid(degrees: float, steps: tuple[float, ...]) -> np.ndarray:
    """Index of a grid to index of the values: turned about an axis that is none of theirs, partly outside."""
    matrix = np.eye(4)
    matrix[:3, :3] = Rotation.from_rotvec(np.radians(degrees) * np.array([2, -1, 2]) / 3).as_matrix() * steps
    matrix[:3, 3] = [-1.3, 0.4, 1.7]
    return matrix


@pytest.mark.parametrize("degrees", [0, 0.5, 10, 130])
@pytest.mark.parametrize("steps", [(0.6, 0.7, 0.8), (1.9, 0.3, 1.2)])
@pytest.mark.parametrize("outside", [None, -1024.0])
@pytest.mark.parametrize("order", list(itertools.permutations(range(3))))
def test_values_equal_scipys(degrees, steps, outside, order):
    values = np.random.default_rng(0).integers(-1000, 1000, SHAPE).astype(np.int16)
    matrix = grid(degrees, steps)
    out = np.full(np.array([12, 10, 14])[list(order)], np.nan, dtype=np.float32).transpose(np.argsort(order))
    interpolate(values, matrix, out, outside)
    how = {"mode": "nearest"} if outside is None else {"mode": "constant", "cval": outside}
    theirs = affine_transform(values.astype(float), matrix[:3, :3], matrix[:3, 3], out.shape, order=1, **how)
    np.testing.assert_allclose(out, theirs, atol=0.01)


def test_between_two_voxels_by_hand():
    """Values 10 and 30 at 0 and 1: a quarter of the way is 15. Beyond the ends is the nearest value, or what is asked for."""
    values, steps = np.array([10, 30]).reshape(2, 1, 1), np.diag([0.25, 1, 1, 1])
    steps[0, 3] = -0.25
    out = np.empty((7, 1, 1), dtype=np.float32)
    interpolate(values, steps, out)
    assert out.ravel().tolist() == [10, 10, 15, 20, 25, 30, 30]
    interpolate(values, steps, out, outside=-5)
    assert out.ravel().tolist() == [-5, 10, 15, 20, 25, 30, -5]


@pytest.mark.parametrize("degrees", [0, 90])
def test_rounding_takes_no_voxel_of_the_border(degrees):
    """A grid that ends where the values end, but for the last digits of its affine, gets all of them."""
    values = np.ones((5, 5, 5), dtype=np.float32)
    matrix = np.eye(4)
    matrix[:3, :3] = Rotation.from_euler("z", degrees, degrees=True).as_matrix()
    matrix[:3, 3] = np.array([4.0, 0, 0]) * (degrees == 90) - 1e-9
    out = np.empty((5, 5, 5), dtype=np.float32)
    interpolate(values, matrix, out, outside=0)
    assert (out == 1).all()


@pytest.mark.parametrize("degrees", [0, 10])
def test_a_grid_that_does_not_reach_the_values(degrees):
    matrix = grid(degrees, (1, 1, 1))
    matrix[:3, 3] = 50
    out = np.empty((3, 4, 5), dtype=np.float32)
    interpolate(np.ones(SHAPE), matrix, out, outside=-1024)
    assert (out == -1024).all()
