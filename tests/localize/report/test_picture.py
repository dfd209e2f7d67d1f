"""A small scan with a tumour whose place is known: outlines and colours lie on it, however the file's axes run."""

import io

import nibabel as nib
import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from PIL import Image

from smart_nets.errors import InputError
from smart_nets.localize.marking import Marked
from smart_nets.localize.report.picture import MASK, NOTE, TUMOUR, Shown, attention_figure, scale_of
from smart_nets.pages.planes import FIXED_AXIS, LUNG, PLANES, SOFT_TISSUE, plane_picture, png
from smart_nets.scans.volume import Volume

SHAPE, SPACING = (14, 12, 10), (2.0, 3.0, 4.0)
RIGHT_LOW_FRONT = np.s_[9:12, 2:5, 6:8]  # x grows to the right, y to the front, z upwards
BRIGHT = 200  # HU of the tumour, and of nothing else
# (left, right), (top, bottom) of its outline in pixels of a picture, patient's right at the left and row 0 at the top: half a
# pixel around columns 13 - 11 to 13 - 9 and rows 11 - 4 to 11 - 2 of the axial one, and so on
PLACES = {
    "axial": ((1.5, 4.5), (6.5, 9.5)),
    "coronal": ((1.5, 4.5), (1.5, 3.5)),
    "sagittal": ((6.5, 9.5), (1.5, 3.5)),
}
TURNS = [
    ((0, 1, 2), (1, 1, 1)),
    ((0, 1, 2), (-1, -1, 1)),
    ((2, 0, 1), (1, -1, 1)),
    ((1, 0, 2), (-1, -1, -1)),
    ((0, 2, 1), (-1, 1, -1)),
]


def turned(array: np.ndarray, order: tuple[int, ...], flips: tuple[int, ...]) -> np.ndarray:
    """The same voxels stored with their axes in another order and direction."""
    return np.ascontiguousarray(nib.orientations.apply_orientation(array, np.stack([order, flips], axis=1)))


def box(*places: tuple[slice, ...]) -> np.ndarray:
    mask = np.zeros(SHAPE, bool)
    for place in places:
        mask[place] = True
    return mask


def scan_of(array: np.ndarray, affine: np.ndarray | None = None) -> Volume:
    return Volume(array, np.diag([*SPACING, 1.0]) if affine is None else affine, "scan")


@pytest.fixture
def scan() -> Volume:
    """A body whose HU differ in every voxel, with a bright tumour."""
    array = np.linspace(-100, 100, np.prod(SHAPE), dtype=np.float32).reshape(SHAPE)
    array[RIGHT_LOW_FRONT] = BRIGHT
    return scan_of(array)


def looked(name: str = "model", **parts: np.ndarray) -> Shown:
    """Attention to the voxel (4, 5, 3), and a little around the tumour; of all voxels, some are marked."""
    score = np.ones(SHAPE, np.float32)
    score[RIGHT_LOW_FRONT] = 2
    score[4, 5, 3] = 3
    parts = {"score": score, "mask": score > 1, "region": np.ones(SHAPE, bool), **parts}
    return Shown(name, parts["score"], Marked(parts["mask"], parts["region"], 1.0))


def pictures(figure: Figure) -> list[Axes]:
    """The axes of a figure, without those of the colour bar."""
    return figure.axes[:-1]


def outline(axes: Axes, colour: str) -> tuple[tuple[float, float], tuple[float, float]] | None:
    """(left, right), (top, bottom) of what is drawn in a colour."""
    [lines] = [one for one in axes.collections if to_hex(one.get_edgecolor()[0]) == colour] or [None]
    if lines is None:
        return None
    x, y = np.concatenate([path.vertices for path in lines.get_paths()]).T
    return (x.min(), x.max()), (y.min(), y.max())


def shown_slices(figure: Figure, scan: Volume) -> list[int]:
    """x, y and z of the slices in the pictures of the plain scan, which lie in a row."""
    found = {}
    for axes, plane in zip(pictures(figure), PLANES, strict=False):
        fixed = FIXED_AXIS[plane]
        picture = np.asarray(axes.images[0].get_array())
        (found[fixed],) = [
            k for k in range(SHAPE[fixed]) if np.array_equal(plane_picture(scan.array, plane, k), picture)
        ]
    return [found[axis] for axis in range(3)]


@pytest.mark.parametrize(("order", "flips"), TURNS)
def test_the_outline_lies_on_the_tumour_whatever_the_files_axes(scan, order, flips):
    affine = scan.affine @ nib.orientations.inv_ornt_aff(np.stack([order, flips], axis=1), SHAPE)
    stored = scan_of(turned(scan.array, order, flips), affine)
    upright = looked()
    score, mask, region = (
        turned(one, order, flips) for one in (upright.score, upright.marked.mask, upright.marked.region)
    )
    figure = attention_figure(
        stored, [Shown("model", score, Marked(mask, region, 1.0))], turned(box(RIGHT_LOW_FRONT), order, flips)
    )
    for axes, plane in zip(pictures(figure), [*PLANES, *PLANES], strict=True):
        assert outline(axes, TUMOUR) == PLACES[plane]
        picture = np.asarray(axes.images[0].get_array())
        rows, columns = np.nonzero(picture == BRIGHT)
        (left, right), (top, bottom) = PLACES[plane]
        assert (columns.min() - 0.5, columns.max() + 0.5) == (left, right)
        assert (rows.min() - 0.5, rows.max() + 0.5) == (top, bottom)
    for axes, plane in zip(pictures(figure)[3:], PLANES, strict=True):  # of the tumour all is marked
        assert outline(axes, MASK) == PLACES[plane]
        rows, columns = np.nonzero(np.asarray(axes.images[1].get_array()) > 0)
        (left, right), (top, bottom) = PLACES[plane]
        assert left < columns.min() <= columns.max() < right and top < rows.min() <= rows.max() < bottom


def test_one_model_is_drawn_below_the_scan(scan):
    figure = attention_figure(scan, [looked("SMART")], box(RIGHT_LOW_FRONT))
    assert [axes.get_title() for axes in pictures(figure)] == ["scan, soft tissue window", "", "", "SMART", "", ""]
    assert [axes.get_subplotspec().get_gridspec().get_geometry() for axes in pictures(figure)] == [(2, 3)] * 6
    assert [len(axes.images) for axes in pictures(figure)] == [1, 1, 1, 2, 2, 2]  # no colour on the plain scan
    assert [outline(axes, MASK) is not None for axes in pictures(figure)] == [False] * 3 + [True] * 3
    # slices 4 mm apart of voxels 2 and 3 mm wide; letters stand once
    assert [axes.get_aspect() for axes in pictures(figure)] == [1.5, 2.0, 4 / 3] * 2
    assert [len(axes.texts) for axes in pictures(figure)] == [4, 4, 4, 0, 0, 0]


def test_three_models_stand_beside_the_scan(scan):
    figure = attention_figure(scan, [looked(name) for name in ("a", "b", "c")], box(RIGHT_LOW_FRONT), "one line")
    assert [axes.get_title() for axes in pictures(figure)] == ["scan, soft tissue window", "a", "b", "c"] + [""] * 8
    assert [axes.get_subplotspec().get_gridspec().get_geometry() for axes in pictures(figure)] == [(3, 4)] * 12
    for row, plane in enumerate(PLANES):
        for axes in pictures(figure)[4 * row : 4 * row + 4]:
            assert outline(axes, TUMOUR) == PLACES[plane]
    assert figure.get_suptitle() == "one line"


def test_what_the_lines_mean_stands_below(scan):
    def legend(tumour: np.ndarray | None) -> list[tuple[str, str]]:
        figure = attention_figure(scan, [looked()], tumour)
        assert figure.get_suptitle() == NOTE and "not for diagnostic use" in NOTE
        [below] = figure.legends
        return [
            (text.get_text(), line.get_color()) for text, line in zip(below.texts, below.legend_handles, strict=True)
        ]

    assert legend(None) == legend(box()) == [("marked", MASK)]
    assert legend(box(RIGHT_LOW_FRONT)) == [("marked", MASK), ("tumour drawn by readers", TUMOUR)]


def test_the_planes_meet_in_the_tumour(scan):
    assert shown_slices(attention_figure(scan, [looked()], box(RIGHT_LOW_FRONT)), scan) == [10, 3, 6]


def test_of_several_tumours_the_largest_is_shown(scan):
    """The middle of both, (6, 6, 5), lies in neither."""
    figure = attention_figure(scan, [looked()], box(RIGHT_LOW_FRONT, np.s_[1:3, 9:11, 2:4]))
    assert shown_slices(figure, scan) == [10, 3, 6]


def test_a_hollow_tumour_is_cut_where_it_is(scan):
    """Its middle is (7, 6, 4); the wall is nearest to it above or below, 2 voxels away."""
    hollow = box(np.s_[3:12, 2:11, 2:7]) & ~box(np.s_[4:11, 3:10, 3:6])
    i, j, k = shown_slices(attention_figure(scan, [looked()], hollow), scan)
    assert (i, j) == (7, 6) and k in (2, 6)


@pytest.mark.parametrize(
    ("parts", "place"),
    [
        ({}, [4, 5, 3]),
        ({"mask": box(RIGHT_LOW_FRONT)}, [9, 2, 6]),  # the strongest place is not marked: the first of the others
        ({"mask": box()}, [4, 5, 3]),
        ({"mask": box(), "region": box(np.s_[9:10, 3:4, 7:8])}, [9, 3, 7]),
    ],
)
def test_without_a_tumour_the_planes_meet_in_the_strongest_place(scan, parts, place):
    for tumour in (None, box()):
        assert shown_slices(attention_figure(scan, [looked(**parts)], tumour), scan) == place


@pytest.mark.parametrize(
    ("hu", "lung", "window"), [(-850, 0.25, LUNG), (-850, 0.15, SOFT_TISSUE), (-500, 0.9, SOFT_TISSUE)]
)
def test_lungs_are_shown_in_their_own_window(scan, hu, lung, window):
    """All of this scan is near the tumour."""
    array = scan.array.copy()
    array.ravel()[: round(lung * array.size)] = hu
    figure = attention_figure(scan_of(array), [looked()], box(RIGHT_LOW_FRONT))
    assert [axes.images[0].get_clim() for axes in pictures(figure)] == [window] * 6


def test_colour_grows_from_the_median_to_the_top_half_per_cent_of_the_region(scan):
    """The region's 1001 scores are 0 to 1 in steps of 0.001: the median is 0.5, the 99.5th percentile 0.995."""
    score, region = np.full(SHAPE, 9, np.float32), np.zeros(SHAPE, bool)
    region.ravel()[:1001] = True
    score[region] = np.arange(1001) / 1000
    score[region] *= 2  # 0 to 2: the median is 1, the top 1.99
    one = looked(score=score, mask=region, region=region)
    assert one.span == pytest.approx((1.0, 1.99))
    figure = attention_figure(scan, [one], box(np.s_[7:8, 6:7, 4:5]))
    colour = np.where(region, np.clip((score - 1) / 0.99, 0, 1), 0)
    for axes, plane, index in zip(pictures(figure)[3:], PLANES, (4, 6, 7), strict=True):
        heat = axes.images[1]
        np.testing.assert_allclose(np.asarray(heat.get_array()), plane_picture(colour, plane, index), atol=1e-3)
        assert heat.get_clim() == (0, 1)


def test_models_beside_each_other_have_one_scale_which_a_bar_tells(scan):
    flat, steep = (
        looked(name, score=(1 + rise * box(RIGHT_LOW_FRONT)).astype(np.float32))
        for name, rise in (("a", 0.06), ("b", 3))
    )
    assert scale_of([flat, steep]) == pytest.approx((1.0, 4.0))
    assert scale_of([flat]) == pytest.approx((1.0, 1.5))  # 6 % above even is an eighth of the colours
    figure = attention_figure(scan, [flat, steep], box(RIGHT_LOW_FRONT))
    bar = figure.axes[-1]
    assert bar.get_ylabel() == "attention; 1 = an even share" and bar.get_ylim() == pytest.approx((1.0, 4.0))
    heats = [np.asarray(axes.images[1].get_array()).max() for axes in pictures(figure)[1:3]]
    assert heats == pytest.approx([0.02, 1.0], abs=1e-3)
    assert all(axes.images[1].get_clim() == (0, 1) for axes in pictures(figure)[1:3])  # and not each to its own largest


def test_an_even_map_has_no_colour(scan):
    even = looked(score=np.ones(SHAPE, np.float32), mask=box())
    low, high = even.span
    assert low == 1 < high
    figure = attention_figure(scan, [even], box(RIGHT_LOW_FRONT))
    assert all(np.asarray(axes.images[1].get_alpha()).max() == 0 for axes in pictures(figure)[3:])
    assert all(outline(axes, MASK) is None for axes in pictures(figure))


@pytest.mark.parametrize("count", [1, 3])
def test_a_picture_is_drawn_of_any_name(scan, count):
    """Text between dollars is a formula to matplotlib, and this one is none."""
    names = [r"run $\frac{$ 1", "a_b^c", ""][:count]
    figure = attention_figure(scan, [looked(name) for name in names], box(RIGHT_LOW_FRONT))
    with Image.open(io.BytesIO(png(figure, dpi=50))) as picture:
        assert picture.size == tuple(int(50 * inches) for inches in figure.get_size_inches())
        shown = np.asarray(picture.convert("RGB")).reshape(-1, 3)
    assert len(np.unique(shown, axis=0)) > 100
    boxes = [axes.get_window_extent() for axes in pictures(figure)]
    assert not any(a.overlaps(b) for n, a in enumerate(boxes) for b in boxes[:n])


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"shown": []}, "there is no map to show .expected one or more"),
        ({"shown": [looked(), looked(score=np.ones((14, 12, 9), np.float32))]}, r"differ in shape .*\(14, 12, 9\)"),
        ({"shown": [looked(mask=np.ones((12, 14, 10), bool))]}, r"differ in shape .*found \(12, 14, 10\)"),
        ({"shown": [looked(region=np.ones((14, 12), bool))]}, r"differ in shape .*found \(14, 12\)"),
        ({"tumour": np.ones((10, 12, 14), bool)}, r"differ in shape .expected \(14, 12, 10\), found \(10, 12, 14\)"),
    ],
)
def test_bad_inputs_are_named(scan, change, says):
    with pytest.raises(InputError, match=says):
        attention_figure(**{"scan": scan, "shown": [looked()], **change})
