"""The picture of one lesion: where it lies, what it looks like, what the answer rests on, with units."""

import numpy as np
import pytest

from smart_nets.classify.report.lesion_picture import OPAQUE, LesionViews, lesion_figure, reason_told
from smart_nets.pages.planes import EDGES, PLANES, plane_picture

SHAPE, SPACING = (8, 10, 12), (2.0, 1.0, 1.0)
CUBE = np.random.default_rng(0).random(SHAPE).astype(np.float32)


def peaked(peak: float, elsewhere: float) -> np.ndarray:
    """A map that is even but for one voxel."""
    reason = np.full(SHAPE, elsewhere, np.float32)
    reason[4, 5, 6] = peak
    return reason


def texts(axes) -> list[str]:
    return [text.get_text() for text in axes.texts]


def test_above_is_the_lesion_alone_and_below_it_bears_the_map():
    reason = peaked(3.0, 1.0)
    figure = lesion_figure(LesionViews(CUBE, SPACING, reason), "benign 23%")
    assert figure.get_suptitle() == "benign 23%"
    assert figure.get_supxlabel() == "colour: what the answer rests on, up to 3.0 times an even share"
    plain, seen, bar = figure.axes[:3], figure.axes[3:6], figure.axes[6]
    for above, below, plane, index in zip(plain, seen, PLANES, (6, 5, 4), strict=True):
        np.testing.assert_array_equal(above.images[0].get_array(), plane_picture(CUBE, plane, index))
        np.testing.assert_array_equal(below.images[0].get_array(), plane_picture(CUBE, plane, index))
        assert len(above.images) == 1
        np.testing.assert_allclose(below.images[1].get_array(), plane_picture(reason - 1, plane, index) / 2)
        assert below.images[1].get_alpha().max() == pytest.approx(OPAQUE)
    assert bar.get_xlabel() == "attention, times an even share" and bar.get_xlim() == (1, 3)


def test_every_picture_has_its_sides_and_a_scale_bar():
    figure = lesion_figure(LesionViews(CUBE, SPACING, peaked(3.0, 1.0)), "")
    assert texts(figure.axes[0]) == [*EDGES["axial"], "5 mm", "cube"]  # 16 mm wide
    assert texts(figure.axes[2]) == [*EDGES["sagittal"], "2 mm"]  # 10 mm wide
    (bar,) = figure.axes[0].lines
    assert np.ptp(bar.get_xdata()) == pytest.approx(2.5)  # 5 mm of voxels of 2 mm


def test_the_larger_field_shows_where_the_cube_lies():
    field = np.zeros((20, 20, 20), np.float32)  # 80 mm around a cube of 16 x 10 x 12 mm
    figure = lesion_figure(LesionViews(CUBE, SPACING, peaked(3.0, 1.0), "attention", field, (4.0, 4.0, 4.0)), "")
    (frame,) = figure.axes[0].patches
    assert frame.get_bbox().bounds == pytest.approx((8 - 0.5, 10 - 1.25 - 0.5, 4.0, 2.5))  # voxels of 4 mm: 16 x 10 mm
    assert texts(figure.axes[0])[-2:] == ["20 mm", "overview"] and not figure.axes[3].patches


def test_occlusion_has_two_colours_and_a_unit():
    reason = peaked(0.12, 0.0)
    reason[4, 0, 6] = -0.03
    figure = lesion_figure(LesionViews(CUBE, (2.0, 1.0, 1.0), reason, "occlusion"), "")
    colours = np.asarray(figure.axes[3].images[1].get_array())  # (rows, columns, 4)
    flat = colours.reshape(-1, 4)[colours.reshape(-1, 4)[:, 3] > 0]
    assert len(flat) == 2 and {tuple(np.argsort(one[:3])) for one in flat} == {(2, 1, 0), (0, 1, 2)}  # orange, blue
    bar = figure.axes[6]
    assert bar.get_xlim() == pytest.approx((-15, 15)) and "points of 100" in bar.get_xlabel()
    assert (
        figure.get_supxlabel() == "hiding a place takes up to 12 points or adds up to 3 points (blocks of 4 × 2 × 3 mm)"
    )


@pytest.mark.parametrize(
    ("kind", "reason", "says"),
    [
        ("occlusion", peaked(0.009, -0.009), "no colours: hiding a place changes the answer by less than 1 point"),
        ("attention", peaked(1.04, 1.0), "no colours: attention is the same everywhere"),
    ],
)
def test_a_map_that_shows_nothing_is_told_in_words(kind, reason, says):
    views = LesionViews(CUBE, SPACING, reason, kind)
    assert reason_told(views).startswith(says)
    assert len(lesion_figure(views, "").axes) == 3  # the cube alone: neither colours nor a bar


@pytest.mark.parametrize(("peak", "opacity"), [(1.1, 0.1 * OPAQUE), (2.0, OPAQUE), (9.0, OPAQUE)])
def test_attention_that_is_nearly_even_is_nearly_clear(peak, opacity):
    below = lesion_figure(LesionViews(CUBE, (1.0, 1.0, 1.0), peaked(peak, 0.5)), "").axes[3:6]
    assert max(axes.images[1].get_alpha().max() for axes in below) == pytest.approx(opacity, abs=1e-6)
