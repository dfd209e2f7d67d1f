"""Pictures hang as radiologists hang them: the patient's right on the left, front or head up."""

import io

import numpy as np
import pytest
from PIL import Image

from smart_nets.errors import ConfigError, InputError
from smart_nets.pages.planes import EDGES, FIXED_AXIS, PLANES, plane_picture, png, three_planes

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


def test_three_planes_show_the_voxel_they_meet_in(corner):
    volume = corner.astype(float)
    figure = three_planes(volume, SPACING, centre=(1, 2, 3), window=(0.0, 400.0), title="a title")
    assert len(figure.axes) == 3
    for axes, plane in zip(figure.axes, PLANES, strict=True):
        shown = np.asarray(axes.images[0].get_array())
        np.testing.assert_array_equal(shown, plane_picture(volume, plane, (1, 2, 3)[FIXED_AXIS[plane]]))
        assert axes.images[0].get_clim() == (0.0, 400.0)
        assert {text.get_text() for text in axes.texts} == set(EDGES[plane])
    assert [axes.get_aspect() for axes in figure.axes] == [1.0, 2.0, 2.0]  # slices 2 mm apart are drawn twice as high


def test_overlay_and_contour_are_drawn(corner):
    hot = np.zeros(corner.shape)
    hot[2, 2, 3] = 0.8
    plain = three_planes(corner, SPACING, centre=(2, 2, 3))
    both = three_planes(corner, SPACING, centre=(2, 2, 3), overlay=hot, contour=hot > 0)
    assert all(len(axes.images) == 1 for axes in plain.axes)
    for axes in both.axes:
        heat = axes.images[1]
        assert heat.get_clim() == (0, 0.8)
        opacity = np.asarray(heat.get_alpha())
        assert opacity.max() == 0.5 and np.count_nonzero(opacity) == 1  # nothing covers what is not hot
        assert len(axes.collections) == 1


def test_an_empty_overlay_hides_nothing(corner):
    figure = three_planes(corner, SPACING, overlay=np.zeros(corner.shape), contour=np.zeros(corner.shape))
    assert np.asarray(figure.axes[0].images[1].get_alpha()).max() == 0


def test_png(corner, tmp_path):
    data = png(three_planes(corner, SPACING), tmp_path / "planes.png", dpi=50)
    assert (tmp_path / "planes.png").read_bytes() == data
    assert Image.open(io.BytesIO(data)).size[0] == 500  # 10 inches


@pytest.mark.parametrize(
    "change, error, field",
    [
        ({"volume": np.zeros((4, 5))}, InputError, "three axes"),
        ({"spacing": (1.0, 0.0, 1.0)}, ConfigError, "spacing"),
        ({"spacing": (1.0, 1.0)}, ConfigError, "spacing"),
        ({"centre": (0, 0, 6)}, ConfigError, "centre"),
        ({"centre": (-1, 0, 0)}, ConfigError, "centre"),
        ({"window": (100.0, 100.0)}, ConfigError, "window"),
        ({"overlay": np.zeros((4, 5, 7))}, InputError, "overlay"),
        ({"contour": np.zeros((4, 5, 7))}, InputError, "contour"),
    ],
)
def test_bad_inputs_are_named(corner, change, error, field):
    with pytest.raises(error, match=field):
        three_planes(**{"volume": corner, "spacing": SPACING, **change})


def test_unknown_plane(corner):
    with pytest.raises(ConfigError, match="oblique"):
        plane_picture(corner, "oblique", 0)
