"""Masks and attention maps move between grids without losing or inventing a cell."""

import pytest
import torch

from smart_nets.errors import ConfigError
from smart_nets.networks.cells import cell_of, expand, grid_of


def test_expand_repeats_each_cell_by_hand():
    mask = torch.tensor([[True, False]])  # a grid of 1 x 1 x 2 cells
    fine = expand(mask, (2, 2, 4))
    assert fine.tolist() == [[[[True, True, False, False]] * 2] * 2]


def test_a_mask_returns_unchanged_from_tokens_and_from_voxels():
    mask = torch.rand(3, 8**3) < 0.7  # the 8^3 grid of a 128^3 crop
    tokens = expand(mask, (64, 64, 64))
    voxels = expand(tokens.flatten(1), (128, 128, 128))
    assert torch.equal(tokens[:, ::8, ::8, ::8].flatten(1), mask)
    assert torch.equal(voxels[:, ::16, ::16, ::16].flatten(1), mask)
    assert torch.equal(voxels, expand(mask, (128, 128, 128)))
    assert tokens.sum() == 8**3 * mask.sum() and voxels.sum() == 16**3 * mask.sum()


def test_expand_to_its_own_grid_is_a_reshape():
    mask = torch.rand(2, 2 * 3 * 4) < 0.5
    assert torch.equal(expand(mask, (2, 3, 4)).flatten(1), mask)


def test_sides_may_differ():
    assert expand(torch.ones(1, 2 * 4 * 6, dtype=torch.bool), (32, 64, 96)).shape == (1, 32, 64, 96)


def test_grid_of_divides_every_side():
    assert grid_of((128, 96, 64), 16) == (8, 6, 4)


@pytest.mark.parametrize(("cells", "size", "cell"), [(512, (128,) * 3, 16), (48, (32, 64, 96), 16), (1, (32,) * 3, 32)])
def test_cell_of_is_how_a_mask_was_drawn(cells, size, cell):
    assert cell_of(torch.zeros(2, cells, dtype=torch.bool), size) == cell


@pytest.mark.parametrize(("size", "cell"), [((128, 128, 100), 16), ((128, 128), 16), ((0, 16, 16), 16), ((8, 8, 8), 0)])
def test_grid_of_refuses(size, cell):
    with pytest.raises(ConfigError, match="do not tile"):
        grid_of(size, cell)


@pytest.mark.parametrize(
    ("cells", "shape"),
    [(512, (64, 64, 60)), (500, (64, 64, 64)), (0, (8, 8, 8)), (16, (2, 2, 2)), (2, (4, 4, 4))],
    ids=["side not divisible", "no cubic cell", "empty", "finer than the grid", "flat cells"],
)
def test_expand_refuses_a_mask_that_does_not_fit(cells, shape):
    with pytest.raises(ConfigError, match="does not fit"):
        expand(torch.zeros(1, cells, dtype=torch.bool), shape)


@pytest.mark.parametrize(("mask", "shape"), [((8,), (4, 4, 4)), ((1, 2, 2, 2), (4, 4, 4)), ((1, 8), (4, 4))])
def test_expand_refuses_other_shapes(mask, shape):
    with pytest.raises(ConfigError):
        expand(torch.zeros(mask, dtype=torch.bool), shape)
