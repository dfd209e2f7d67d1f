"""Changes of a score as colours: orange where it falls, blue where it rises, clear at 0."""

from __future__ import annotations

import numpy as np
import pytest

from smart_nets.pages.changes import FALLS, OPAQUE, RISES, change_rgba, change_stops, change_top, points, tint


def test_no_change_is_clear_and_the_largest_is_strongest() -> None:
    rgba = change_rgba(np.array([-1.0, 0.0, 0.5, 1.0]))
    assert rgba[:, 3].tolist() == pytest.approx([OPAQUE, 0.0, OPAQUE * 0.5**0.8, OPAQUE])
    np.testing.assert_allclose(rgba[[0, 3], :3] * 255, [RISES, FALLS])


def test_the_image_is_seen_through() -> None:
    gray = np.array([[[0.0] * 3, [200.0] * 3]])
    np.testing.assert_allclose(tint(gray, np.zeros((1, 2))), gray)
    np.testing.assert_allclose(tint(gray, np.ones((1, 2)))[0, 1], 200 * (1 - OPAQUE) + OPAQUE * FALLS)


def test_the_bar_runs_from_blue_over_gray_to_orange() -> None:
    blue, gray, orange = change_stops(3)
    assert blue[2] > blue[0] + 50 and np.ptp(gray) == 0 and orange[0] > orange[2] + 50


@pytest.mark.parametrize(
    ("largest", "top"), [(0.0, 0.05), (0.01, 0.05), (0.05, 0.05), (-0.051, 0.1), (0.68, 0.7), (1.0, 1.0)]
)
def test_the_scale_ends_at_the_next_5_points(largest: float, top: float) -> None:
    assert change_top(np.array([0.0, largest])) == pytest.approx(top)
    assert change_top(np.zeros(0)) == pytest.approx(0.05)


def test_points_in_words() -> None:
    assert [points(one) for one in (0.004, 0.01, 0.2)] == ["0 points", "1 point", "20 points"]
