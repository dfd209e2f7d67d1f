from __future__ import annotations

import re
from collections.abc import Callable
from xml.etree import ElementTree

import numpy as np
import pytest

from smart_nets.classify.report.charts import (
    LOOKS,
    Stroke,
    calibration_chart,
    class_histogram,
    few_shot_chart,
    looks,
    share_chart,
    size_curve,
    size_scatter,
    spread,
)
from smart_nets.classify.report.evaluation import Curve

NONE = np.full(3, np.nan)
CURVE = Curve(
    np.array([0.0, 0.5, 1.0]), np.array([0.0, 0.8, 1.0]), np.array([0.0, 0.6, 0.9]), np.array([0.2, 0.9, 1.0])
)
BARE = Curve(CURVE.x, CURVE.y, NONE, NONE)
LABELS, SIZES = np.array([0, 0, 1, 1]), np.array([4.0, 9.0, 7.0, 20.0])
BINS = {
    "mean": np.array([0.1, 0.11, 0.9]),
    "share": np.array([0.0, 0.2, 1.0]),
    "low": np.array([0.0, 0.1, 0.7]),
    "high": np.array([0.2, 0.5, 1.0]),
    "count": np.array([1234.0, 7.0, 3.0]),
}
CHARTS: dict[str, Callable[[], str]] = {
    "roc": lambda: share_chart("roc", [Stroke(CURVE), Stroke(BARE, 6)], label="l", axes_names=("x", "y")),
    "pr": lambda: share_chart("pr", [Stroke(BARE)], label="l", axes_names=("x", "y"), chance=0.25),
    "calibration": lambda: calibration_chart(BINS, "l"),
    "sizes": lambda: class_histogram("s", LABELS, SIZES, label="l", axis="mm", shaded=(8, 15)),
    "probabilities": lambda: class_histogram("p", LABELS, SIZES / 20, label="l", axis="p", limits=(0, 1)),
    "scatter": lambda: size_scatter(LABELS, SIZES, SIZES / 20, (8, 15), "l"),
    "few": lambda: few_shot_chart([Stroke(CURVE, marked=True), Stroke(BARE, 1, marked=True)], "l", 0.7),
}


@pytest.mark.parametrize("name", CHARTS)
def test_a_chart_is_inline_svg_that_follows_the_page(name: str) -> None:
    svg = CHARTS[name]()
    root = ElementTree.fromstring(svg)
    assert root.tag == "svg" and root.attrib["aria-label"] == "l"
    assert not re.search(r"#[0-9a-f]{6}", svg.lower()), "a fixed colour would not turn dark"
    assert "http" not in svg and "font-family" not in svg and "NaN" not in svg and "nan" not in svg


def test_charts_say_what_they_compare_with() -> None:
    assert "stroke-dasharray" in CHARTS["roc"]() and "stroke-dasharray" in CHARTS["pr"]()
    assert ">1,234<" in CHARTS["calibration"]() and ">7<" in CHARTS["calibration"]()
    assert ">50%<" in CHARTS["few"]() and ">100%<" in CHARTS["few"]()


@pytest.mark.parametrize("sizes", [np.array([5.0, np.nan, np.nan, np.nan]), np.full(4, 5.0)])
def test_odd_sizes_are_drawn(sizes: np.ndarray) -> None:
    for shaded in (None, (8.0, 15.0)):
        assert "<path" in class_histogram("s", LABELS, sizes, label="l", axis="mm", shaded=shaded)
        assert "<path" in size_scatter(LABELS, sizes, np.full(4, 0.5), shaded, "l")


def test_one_point_per_lesion() -> None:
    assert (
        len(re.findall("<use ", CHARTS["scatter"]()))
        - len(re.findall("<use ", size_scatter(LABELS[:2], SIZES[:2], SIZES[:2] / 20, (8, 15), "l")))
        == 2
    )


def test_the_curve_of_size_by_hand() -> None:
    # sizes from the largest: 20 (malignant), 9 (benign), 7 (malignant), 4 (benign)
    curve = size_curve(LABELS, SIZES)
    assert curve is not None
    points = set(zip(curve.x.tolist(), curve.y.tolist(), strict=True))
    assert {(0, 0), (0, 0.5), (0.5, 0.5), (0.5, 1), (1, 1)} == points


@pytest.mark.parametrize("sizes", [np.full(4, np.nan), np.array([1.0, 2.0, np.nan, np.nan])])
def test_without_sizes_of_both_classes_there_is_no_curve(sizes: np.ndarray) -> None:
    assert size_curve(LABELS, sizes) is None


@pytest.mark.parametrize(
    ("places", "moved"),
    [
        ([0.1, 0.5, 0.9], [0.1, 0.5, 0.9]),
        ([0.5, 0.5], [0.5, 0.6]),
        ([0.5, 0.45], [0.55, 0.45]),
        ([0.99, 1.0], [0.9, 1.0]),
        ([0.0], [0.05]),
    ],
)
def test_labels_make_room_for_each_other(places: list[float], moved: list[float]) -> None:
    np.testing.assert_allclose(spread(np.array(places), 0.1, 0.05, 1.0), moved)


def test_many_labels_share_the_room_there_is() -> None:
    found = spread(np.full(21, 0.5), 0.1, 0.0, 1.0)
    np.testing.assert_allclose(np.diff(found), 0.05)
    assert min(found) >= 0 and max(found) <= 1


def test_many_models_look_different() -> None:
    assert len({(colour, dashes) for _, colour, dashes in looks(len(LOOKS))}) == len(LOOKS) == 15
    assert next(looks(1)) == (0, "blue", "none")
