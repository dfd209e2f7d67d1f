"""Pictures hang as radiologists hang them: the patient's right on the left, front or head up."""

import io

import numpy as np
import pytest
from PIL import Image

from smart_nets.errors import ConfigError
from smart_nets.pages.planes import EDGES, bar_mm, black_figure, draw_plane, draw_scale_bar, plane_picture, png

SPACING = (1.0, 1.0, 2.0)


@pytest.fixture
def corner() -> np.ndarray:
    """Shape (4, 5, 6); the value of a voxel says where it is: 100 right + 10 anterior + superior."""
    right, anterior, superior = np.meshgrid(np.arange(4), np.arange(5), np.arange(6), indexing="ij")
    return 100 * right + 10 * anterior + superior


@pytest.mark.parametrize(
    "plane, shape, top_left, top_right, bottom_left",
    [
        ("axial", (5, 4), 340, 40, 300),  # right anterior, left anterior, right posterior
        ("coronal", (6, 4), 305, 5, 300),  # right superior, left superior, right inferior
        ("sagittal", (6, 5), 45, 5, 40),  # anterior superior, posterior superior, anterior inferior
    ],
)
def test_orientation(corner, plane, shape, top_left, top_right, bottom_left):
    picture = plane_picture(corner, plane, 0)
    assert picture.shape == shape
    assert (picture[0, 0], picture[0, -1], picture[-1, 0]) == (top_left, top_right, bottom_left)


def test_letters_say_the_same():
    assert EDGES["axial"] == ("R", "L", "A", "P")
    assert EDGES["coronal"] == ("R", "L", "S", "I")
    assert EDGES["sagittal"] == ("A", "P", "S", "I")


def drawn(volume: np.ndarray, plane: str, index: int, **more):
    """The axes on which one slice was drawn."""
    axes = black_figure(5, 5).subplots()
    draw_plane(axes, volume.astype(float), SPACING, plane, index, **more)
    return axes


@pytest.mark.parametrize(("plane", "aspect"), [("axial", 1.0), ("coronal", 2.0), ("sagittal", 2.0)])
def test_a_slice_has_its_proportions_window_and_letters(corner, plane, aspect):
    axes = drawn(corner, plane, 2, window=(0.0, 400.0))
    np.testing.assert_array_equal(np.asarray(axes.images[0].get_array()), plane_picture(corner, plane, 2))
    assert axes.images[0].get_clim() == (0.0, 400.0)
    assert axes.get_aspect() == aspect  # slices 2 mm apart are drawn twice as high
    assert {text.get_text() for text in axes.texts} == set(EDGES[plane])
    assert len(axes.images) == 1 and not drawn(corner, plane, 2, letters=False).texts


def test_an_overlay_covers_only_what_is_hot(corner):
    hot = np.zeros(corner.shape)
    hot[2, 2, 3] = 0.8
    heat = drawn(corner, "axial", 3, overlay=hot).images[1]
    assert heat.get_clim() == (0, 0.8)
    opacity = np.asarray(heat.get_alpha())
    assert opacity.max() == 0.5 and np.count_nonzero(opacity) == 1
    assert np.asarray(drawn(corner, "axial", 3, overlay=0 * hot).images[1].get_alpha()).max() == 0


def test_png(corner, tmp_path):
    data = png(drawn(corner, "axial", 2).figure, tmp_path / "plane.png", dpi=50)
    assert (tmp_path / "plane.png").read_bytes() == data
    assert Image.open(io.BytesIO(data)).size == (250, 250)  # 5 inches


def test_unknown_plane(corner):
    with pytest.raises(ConfigError, match="oblique"):
        plane_picture(corner, "oblique", 0)


@pytest.mark.parametrize(("width", "length"), [(64, 20), (12.5, 5), (5, 2), (300, 100), (0.9, 0.2), (0.001, 0.01)])
def test_a_scale_bar_takes_at_most_two_fifths(width, length):
    assert bar_mm(width) == pytest.approx(length)


def test_a_scale_bar_has_its_length(corner):
    axes = drawn(corner, "coronal", 2)  # 4 columns of 1 mm
    draw_scale_bar(axes, corner.shape, SPACING, "coronal")
    assert np.ptp(axes.lines[0].get_xdata()) == pytest.approx(1.0) and axes.texts[-1].get_text() == "1 mm"
    assert axes.get_xlim() == (-0.5, 3.5)
