"""To the network's grid and back: by formulas of the place in mm, in all orders of axes, and upright however a scan lies."""

import itertools

import nibabel as nib
import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from smart_nets.errors import ConfigError, InputError
from smart_nets.scans.grid import check_scan_size, network_grid, onto_grid
from smart_nets.scans.volume import AIR, Volume

SPACING = (4.0, 3.0, 2.5)  # of the network
TURNS = [(order, flips) for order in itertools.permutations(range(3)) for flips in itertools.product((1, -1), repeat=3)]


def places(shape: tuple[int, ...], affine: np.ndarray) -> np.ndarray:
    """mm of every voxel, (3, X, Y, Z)."""
    index = np.stack([*np.indices(shape), np.ones(shape)], axis=-1)  # (X, Y, Z, 4)
    return np.moveaxis((index @ affine.T)[..., :3], -1, 0)


def ramp(shape: tuple[int, ...], affine: np.ndarray) -> Volume:
    """HU that are a linear function of the place: linear interpolation must keep them."""
    x, y, z = places(shape, affine)
    return Volume((3 * x - 2 * y + 5 * z).astype(np.float32), affine, "ramp")


def waves(shape: tuple[int, ...], affine: np.ndarray) -> Volume:
    """HU that swing by 200 with wave lengths of 100 mm and more."""
    x, y, z = 2 * np.pi * places(shape, affine) / np.array([150, 120, 100])[:, None, None, None]
    return Volume((100 * np.sin(x) * np.cos(y) + 100 * np.sin(z)).astype(np.float32), affine, "waves")


def lying(degrees: float) -> np.ndarray:
    """Affine of 2 x 1.5 x 3 mm whose axes are turned about an axis that is none of the patient's."""
    affine = np.eye(4)
    turn = Rotation.from_rotvec(np.radians(degrees) * np.array([2, -1, 2]) / 3).as_matrix()
    affine[:3, :3] = turn * [2.0, 1.5, 3.0]  # each column times its own step
    affine[:3, 3] = [-10, 20, -30]
    return affine


def turned(volume: Volume, order: tuple[int, ...], flips: tuple[int, ...]) -> Volume:
    """The same voxels in the same places, stored with their axes in another order and direction."""
    turn = np.stack([order, flips], axis=1)
    array = np.ascontiguousarray(nib.orientations.apply_orientation(volume.array, turn))
    return Volume(array, volume.affine @ nib.orientations.inv_ornt_aff(turn, volume.array.shape), volume.where)


def inside(shape: tuple[int, ...], affine: np.ndarray, scan: Volume, margin: float = 0.0) -> np.ndarray:
    """Which voxels of a grid lie between the outermost voxel centres of a scan, `margin` voxels away from them."""
    index = np.linalg.inv(scan.affine) @ np.concatenate(
        [places(shape, affine).reshape(3, -1), np.ones((1, np.prod(shape)))]
    )
    last = np.array(scan.array.shape)[:, None] - 1
    return ((index[:3] > margin - 1e-6) & (index[:3] < last - margin + 1e-6)).all(axis=0).reshape(shape)


def test_a_linear_ramp_goes_to_the_network_and_back(affine):
    scan = ramp((30, 40, 20), affine)
    seen = network_grid(scan, SPACING)
    assert seen.array.dtype == np.float32
    np.testing.assert_allclose(seen.affine, [[4, 0, 0, -10], [0, 3, 0, 20], [0, 0, 2.5, -30], [0, 0, 0, 1]])
    known = inside(seen.array.shape, seen.affine, scan)
    np.testing.assert_allclose(seen.array[known], ramp(seen.array.shape, seen.affine).array[known], atol=1e-3)
    back = onto_grid(ramp(seen.array.shape, seen.affine), scan.affine, scan.array.shape)
    assert back.dtype == np.float32 and back.shape == scan.array.shape
    known = inside(scan.array.shape, scan.affine, seen)
    assert known.mean() > 0.9
    np.testing.assert_allclose(back[known], scan.array[known], atol=1e-3)


def test_beyond_the_last_voxel_a_map_is_constant():
    values = Volume(np.array([1.0, 5.0]).reshape(2, 1, 1), np.eye(4), "two voxels, at 0 and 1 mm")
    wide = np.diag([0.5, 1, 1, 1.0])
    wide[0, 3] = -1.0  # voxels at -1, -0.5, 0 ... 2 mm
    assert onto_grid(values, wide, (7, 1, 1)).ravel().tolist() == [1, 1, 1, 3, 5, 5, 5]


@pytest.mark.parametrize(("order", "flips"), TURNS)
def test_all_orders_of_axes_give_the_network_the_same(order, flips, hu, affine):
    scan = Volume(hu, affine, "scan")
    first, seen = network_grid(scan, SPACING), network_grid(turned(scan, order, flips), SPACING)
    np.testing.assert_allclose(seen.affine, first.affine, atol=1e-12)
    np.testing.assert_allclose(seen.array, first.array, atol=1e-3)
    score = np.random.default_rng(0).random(first.array.shape)
    values = Volume(score, first.affine, "map")
    there = turned(scan, order, flips)
    expected = turned(Volume(onto_grid(values, scan.affine, hu.shape), affine, "map"), order, flips)
    np.testing.assert_allclose(onto_grid(values, there.affine, there.array.shape), expected.array, atol=1e-5)


@pytest.mark.parametrize("degrees", [10, 40])
def test_an_oblique_scan_is_turned_upright(degrees):
    """The same body in a scan along the patient's axes and in an oblique one: both must give what is at each place.

    Between voxels of h mm, linear interpolation of waves of length w is wrong by up to a (pi h / w)^2 / 2 along each axis:
    with 200 swings that is well below 2 HU here, and a turn the wrong way would be wrong by a hundred.
    """
    for scan in (waves((60, 70, 40), lying(0)), waves((60, 70, 40), lying(degrees))):
        seen = network_grid(scan, SPACING)
        np.testing.assert_allclose(seen.affine[:3, :3], np.diag(SPACING), atol=1e-9)
        known = inside(seen.array.shape, seen.affine, scan, margin=0.01)
        assert known.sum() * np.prod(SPACING) > 0.85 * scan.array.size * np.prod(scan.spacing)  # nothing is cut off
        expected = waves(seen.array.shape, seen.affine).array
        assert np.abs(seen.array - expected)[known].max() < 2
        score = waves(seen.array.shape, seen.affine)
        back = onto_grid(score, scan.affine, scan.array.shape)
        assert np.abs(back - scan.array)[1:-1, 1:-1, 1:-1].max() < 2
    outside = ~inside(seen.array.shape, seen.affine, scan, margin=-1.01)
    assert outside.any() and (seen.array[outside] == AIR).all()


def test_ramps_stay_exact_in_an_oblique_scan():
    scan = ramp((30, 40, 20), lying(10))
    seen = network_grid(scan, SPACING)
    known = inside(seen.array.shape, seen.affine, scan, margin=0.01)
    np.testing.assert_allclose(seen.array[known], ramp(seen.array.shape, seen.affine).array[known], atol=2e-3)
    back = onto_grid(ramp(seen.array.shape, seen.affine), scan.affine, scan.array.shape)
    assert inside(scan.array.shape, scan.affine, seen).all()
    np.testing.assert_allclose(back, scan.array, atol=2e-3)


def test_a_slope_that_headers_round_is_none():
    """Up to about one degree the axes are the patient's: no corner of air, the map as large as the scan."""
    scan = waves((61, 71, 41), lying(0.9))
    seen = network_grid(scan, SPACING)
    assert seen.array.shape == (31, 36, 49)  # 60 * 2 / 4 + 1, 70 * 1.5 / 3 + 1, 40 * 3 / 2.5 + 1
    assert seen.array.min() > -201
    back = onto_grid(waves(seen.array.shape, seen.affine), scan.affine, scan.array.shape)
    assert np.abs(back - scan.array)[1:-1, 1:-1, 1:-1].max() < 2


@pytest.mark.parametrize(
    ("shape", "lacking"), [((32, 32, 32), [0, 0, 0]), ((16, 31, 32), [16, 1, 0]), ((40, 100, 16), [0, 0, 16])]
)
def test_what_a_scan_lacks_to_a_window(shape, lacking):
    assert check_scan_size(Volume(np.zeros(shape), np.eye(4), "scan"), (32, 32, 32), (2, 2, 2)) == lacking


@pytest.mark.parametrize(
    ("shape", "says"),
    [
        ((15, 32, 32), r"scan: is too small .*expected at least half of 64 x 96 x 160 mm, found 30 x 96 x 160 mm"),
        ((32, 15, 32), "found 64 x 45 x 160 mm"),
        ((99, 99, 1), r"found 198 x 297 x 5 mm\); give the whole scan, or a smaller crop or spacing"),
    ],
)
def test_less_than_half_a_window_is_refused(shape, says):
    with pytest.raises(InputError, match=says):
        check_scan_size(Volume(np.zeros(shape), np.eye(4), "scan"), (32, 32, 32), (2, 3, 5))


@pytest.mark.parametrize(
    "spacing",
    [
        2.0,
        None,
        "2",
        (2, 2),
        (2, 2, 2, 2),
        (2, 0, 2),
        (2, 2, -1),
        (2, float("nan"), 2),
        (float("inf"), 2, 2),
        (2, 2, None),
        ("2", "2", "2"),
        (True, True, True),
    ],
    ids=str,
)
def test_no_such_spacing(spacing, hu, affine):
    with pytest.raises(ConfigError, match=r"spacing: not a voxel size .expected 3 lengths in mm above 0"):
        network_grid(Volume(hu, affine, "scan"), spacing)


@pytest.mark.parametrize("crop", [32, None, "32", (32, 32), (32, 32, 0), (32, 32, 32.0), (32, 32, None)], ids=str)
def test_no_such_window(crop):
    with pytest.raises(ConfigError, match="crop size: needs three sides"):
        check_scan_size(Volume(np.zeros((32, 32, 32)), np.eye(4), "scan"), crop, (2, 2, 2))
