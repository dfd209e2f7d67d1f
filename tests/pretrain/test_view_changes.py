"""What a view may change besides its place, in HU."""

import numpy as np
import pytest

from smart_nets.errors import ConfigError
from smart_nets.pretrain.view_changes import ViewChanges

SIZE = np.array([8, 8, 8])


def ramp(side: int = 8) -> np.ndarray:
    return np.broadcast_to(np.arange(side, dtype=np.int16)[:, None, None] * 100, (side, side, side))


def test_by_default_nothing_changes():
    crop = ramp()
    assert ViewChanges().side(SIZE, np.random.RandomState(0)) is SIZE
    assert ViewChanges()(crop, SIZE, np.random.RandomState(0)) is crop


def test_sides_are_even_on_a_log_scale():
    random, changes = np.random.RandomState(0), ViewChanges(zoom=(0.5, 2.0))
    sides = np.array([changes.side(np.array([100, 100, 50]), random) for _ in range(2000)])
    assert sides[:, 0].min() >= 50 and sides[:, 0].max() <= 200
    assert (sides[:, 0] < 100).mean() == pytest.approx(0.5, abs=0.04)  # as often smaller as larger
    assert np.abs(sides[:, 2] - sides[:, 0] / 2).max() <= 1  # one zoom for all axes


def test_a_crop_of_twice_the_side_is_averaged_down():
    # 16 voxels 0, 100, ... 1500 become 8: each halfway between two neighbours, 50, 250, ... 1450
    view = ViewChanges(zoom=(0.5, 2.0))(ramp(16), SIZE, np.random.RandomState(0))
    assert view.dtype == np.int16 and view[:, 0, 0].tolist() == [50 + 200 * i for i in range(8)]


def test_brightness_and_contrast_are_those_of_the_scan():
    random = np.random.RandomState(1)
    view = ViewChanges(gain=0.2, offset=50)(ramp(), SIZE, random).astype(float)[:, 0, 0]
    gain, offset = (view[-1] - view[0]) / 700, view[0]
    assert 0.8 <= gain <= 1.2 and -50 <= offset <= 50 and (gain, offset) != (1, 0)
    assert np.abs(view - (np.arange(8) * 100 * gain + offset)).max() <= 1  # HU are whole numbers


def test_noise_is_white_and_bounded_by_its_setting():
    flat = np.zeros((32, 32, 32), np.int16)
    views = [ViewChanges(noise=20)(flat, np.array(flat.shape), np.random.RandomState(i)) for i in range(20)]
    spreads = np.array([view.std() for view in views])
    assert spreads.max() <= 20.5 and spreads.min() < 5 and abs(np.mean(views)) < 0.5


def test_the_same_seed_gives_the_same_view():
    changes = ViewChanges((0.75, 1.33), 0.2, 50, 20)
    one, same, other = (changes(ramp(10), SIZE, np.random.RandomState(seed)) for seed in (3, 3, 4))
    assert (one == same).all() and (one != other).any()


@pytest.mark.parametrize(
    "settings",
    [
        {"zoom": (2, 1)},
        {"zoom": (0, 1)},
        {"zoom": (1, 1, 1)},
        {"gain": 1.0},
        {"gain": -0.1},
        {"offset": -1},
        {"noise": -1},
    ],
)
def test_bad_settings(settings):
    with pytest.raises(ConfigError):
        ViewChanges(**settings)
