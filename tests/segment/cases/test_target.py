"""Channels of a case on its own grid and on the network's, against voxels counted by hand."""

import numpy as np
import pytest

from smart_nets.errors import GeometryError, InputError
from smart_nets.scans.grid import network_grid
from smart_nets.scans.read import read_volume
from smart_nets.scans.volume import Volume
from smart_nets.segment.cases.target import read_target, target_on, volumes_ml


def test_values_become_channels(save, hu, affine):
    drawn = np.zeros(hu.shape, np.uint8)
    drawn[3, 3, 3], drawn[4, 3, 3], drawn[5, 3, 3] = 7, 2, 3
    item = {"label": save(drawn, affine, "label.nii.gz")}
    scan = read_volume(save(hu, affine)).to_ras()
    target = read_target(item, scan, {"liver": [7], "kidneys": [2, 3]})
    assert [int(target[x, 3, 3]) for x in (2, 3, 4, 5)] == [0, 1, 2, 2] and int((target > 0).sum()) == 3


def test_numbers_may_be_as_large_as_files_hold(save, hu, affine):
    drawn = np.zeros(hu.shape, np.int32)
    drawn[3, 3, 3], drawn[4, 3, 3] = 2_000_000_000, 7
    scan = read_volume(save(hu, affine)).to_ras()
    target = read_target({"label": save(drawn, affine, "label.nii.gz")}, scan, {"a": [7], "b": [2_000_000_000, 10**12]})
    assert [int(target[x, 3, 3]) for x in (2, 3, 4)] == [0, 2, 1] and int((target > 0).sum()) == 2


@pytest.mark.parametrize(
    ("change", "says", "error"),
    [
        (lambda drawn: drawn * 255, r"expected some of \[0, 1\], found \[255\]", InputError),  # 255 for "yes"
        (lambda drawn: drawn * 2, r"found \[2\]", InputError),  # two classes where one is known
        (lambda drawn: drawn[1:], "another grid than its scan", GeometryError),
        (lambda drawn: drawn * 0.5, "fractions", InputError),
        (lambda drawn: np.where(drawn, drawn, np.nan), "no numbers", InputError),
    ],
)
def test_label_maps_that_do_not_belong_to_the_scan(save, hu, affine, change, says, error):
    drawn = np.zeros(hu.shape, np.float32)
    drawn[3:6, 3:6, 3:6] = 1
    item = {"label": save(change(drawn), affine, "label.nii.gz")}
    with pytest.raises(error, match=says):
        read_target(item, read_volume(save(hu, affine)).to_ras(), {"tumour": [1]})


def test_a_cube_keeps_its_place_and_volume_on_another_grid():
    scan = Volume(np.zeros((40, 40, 40), np.int16), np.diag([1.0, 1, 1, 1]), "scan")
    target = np.zeros((40, 40, 40), np.int16)
    target[10:20, 10:20, 10:20] = 1  # centres at 10 ... 19 mm: 10 mm a side
    target[20:30, 10:20, 10:20] = 2
    grid = network_grid(scan, (2.0, 2.0, 2.0))
    found = target_on(target, scan, grid)
    assert found.shape == (20, 20, 20) and volumes_ml(found, grid.spacing, 2) == pytest.approx([1.0, 1.0])
    assert {int(v) for v in np.unique(found[5:10, 5:10, 5:10])} == {1}


def test_a_voxel_between_two_outlines_is_never_background():
    scan = Volume(np.zeros((8, 4, 4), np.int16), np.diag([1.0, 1, 1, 1]), "scan")
    target = np.ones((8, 4, 4), np.int16)
    target[4:] = 2
    moved = Volume(np.zeros((7, 4, 4), np.float32), np.diag([1.0, 1, 1, 1]), "grid")
    moved.affine[0, 3] = 0.5  # between voxel centres
    assert (target_on(target, scan, moved) > 0).all()
