"""Cubes around tumours: where they lie, what is beyond the scan, which other tumours they show."""

import numpy as np

from smart_nets.localize.regions import around_tumours
from smart_nets.scans.volume import AIR, Volume


def test_each_tumour_lies_in_the_middle_of_its_cube():
    array = np.arange(20 * 20 * 20, dtype=np.int16).reshape(20, 20, 20)
    affine = np.diag([2.0, 2, 4, 1])
    affine[:3, 3] = [-30, 10, 5]
    near, far = np.zeros(array.shape, bool), np.zeros(array.shape, bool)
    near[9:12, 9:12, 9:12] = True
    far[0:2, 0:2, 0:2] = True
    found = list(around_tumours(Volume(array, affine, "scan"), {"near": [near], "far": [far]}, (20, 20, 20)))
    assert [name for name, _, _ in found] == ["near", "far"]
    _, cube, masks = found[0]
    assert cube.array.shape == (10, 10, 5) and set(masks) == {"near"}
    assert masks["near"][0].sum() == 27
    middle = np.argwhere(masks["near"][0]).mean(0)
    assert np.abs(middle - (np.array(cube.array.shape) - 1) / 2).max() <= 0.5
    # the voxel that the cube's affine names is the scan's own
    assert np.allclose(cube.affine @ [*middle, 1], affine @ [10, 10, 10, 1])
    _, edge, masks = found[1]
    assert (edge.array == AIR).any() and masks["far"][0].sum() == 8
