from __future__ import annotations

import re
from xml.etree import ElementTree

import numpy as np
import pytest

from smart_nets.pages.curves import Line, knn_chart, line_chart, moving_average, thin
from smart_nets.pages.metrics_log import LoggedSeries
from smart_nets.pages.style import PALETTE, colours


def series(values: np.ndarray) -> LoggedSeries:
    return LoggedSeries(np.arange(1, len(values) + 1), values.astype(float))


def test_moving_average_by_hand() -> None:
    # windows of 3: (0+3)/2, (0+3+6)/3, (3+6)/2 because the third neighbour is NaN, NaN stays, (9)/1 after it
    values = np.array([0.0, 3.0, 6.0, np.nan, 9.0])
    np.testing.assert_allclose(moving_average(values, 3), [1.5, 3.0, 4.5, np.nan, 9.0])


def test_thinning_keeps_extremes_order_and_gaps() -> None:
    values = np.sin(np.arange(5000) / 50)
    values[1234], values[4321], values[3000:3003] = 9.0, -9.0, np.nan
    x, y = thin(series(values), 100)
    assert len(x) <= 300
    assert (np.diff(x) >= 0).all()
    assert np.nanmax(y) == 9.0 and x[np.nanargmax(y)] == 1235 and np.nanmin(y) == -9.0
    assert np.isnan(y).any()


def test_short_series_are_not_thinned() -> None:
    x, y = thin(series(np.array([3.0, 1.0, 2.0])), 100)
    assert x.tolist() == [1, 2, 3] and y.tolist() == [3, 1, 2]


def test_a_chart_is_inline_svg_that_follows_the_page() -> None:
    svg = line_chart("lr", [Line(series(np.linspace(0, 8e-4, 50)), "plain")], label='the "rate" & more', smooth=False)
    root = ElementTree.fromstring(svg)
    assert root.tag == "svg" and root.attrib["aria-label"] == 'the "rate" & more'
    assert not re.search(r"#[0-9a-f]{6}", svg.lower().replace("&#", "")), "a fixed colour would not turn dark"
    assert "http" not in svg and "font-family" not in svg
    assert ">0.0008<" in svg, "tick labels keep their digits"


def test_charts_do_not_share_ids() -> None:
    line = Line(series(np.array([1.0, np.nan, 2.0])), "blue")
    ids = [set(re.findall(r'id="([^"]+)"', line_chart(name, [line], label="x"))) for name in ("amip", "ampd")]
    assert ids[0] and not ids[0] & ids[1]


def test_each_gap_gets_one_cross() -> None:
    values = np.ones(100)
    values[[0, 10, 11, 12, 99]] = np.nan
    svg = line_chart("loss", [Line(series(values), "plain")], label="x")
    assert len(re.findall("<use ", svg)) == 3


@pytest.mark.parametrize(
    "values", [np.array([1.0]), np.full(5, np.nan), np.zeros(3), np.array([1.0, 1.0, 1e6]), np.array([-1.0, 2.0])]
)
def test_odd_series_are_drawn(values: np.ndarray) -> None:
    for from_zero in (True, False):
        svg = line_chart("x", [Line(series(values), "blue")], label="x", from_zero=from_zero, reference=(9.01, "ln K"))
        assert "<path" in svg and "ln K" in svg


def test_bars_are_as_long_as_the_accuracy() -> None:
    svg = knn_chart([("before", 0.25, 0.2, 0.3), ("after", 0.5, 0.45, 0.55)], chance=0.1, label="x")
    bars = re.findall(r'd="M ([\d.]+) [\d.]+ \nL ([\d.]+) [^"]+" clip-path="[^"]+" style="[^"]*opacity', svg)
    before, after = (float(right) - float(left) for left, right in bars)
    assert after == pytest.approx(2 * before, abs=0.05)
    assert ">25%<" in svg and ">chance 10%<" in svg


def test_long_names_of_bars_fit() -> None:
    names = ["mean of the last stage, before training", "[CLS], after training", "x"]
    root = ElementTree.fromstring(knn_chart([(name, 0.25, 0.2, 0.3) for name in names], chance=0.1, label="x"))
    shown = {text.text: text for text in root.iter() if text.tag == "text"}
    assert "mean of the last stage," in shown and "before training" in shown, "two lines"
    assert float(re.search(r"translate\(([\d.]+)", shown["mean of the last stage,"].attrib["transform"])[1]) >= 0
    end = float(shown["[CLS], after training"].attrib["x"])
    assert end > 21 * 0.6 * 9, "21 letters of a wide font (0.6 em) of 9 points fit before it"


def luminance(colour: str) -> float:
    """Relative luminance (WCAG 2)."""
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.03928 else ((c + 0.055) / 1.055) ** 2.4 for c in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    low, high = sorted([luminance(one), luminance(other)])
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("side", [0, 1], ids=["light", "dark"])
@pytest.mark.parametrize(
    ("name", "least"),
    [("ink", 7), ("muted", 4.5), ("alarm", 4.5), *((name, 3) for name in ("blue", "orange", "green", "pink", "plain"))],
)
def test_colours_can_be_read_on_the_page(name: str, least: float, side: int) -> None:
    """WCAG 2: 4.5 for text, 3 for lines."""
    assert contrast(PALETTE[name][side], PALETTE["card"][side]) >= least


def test_dark_colours_are_for_screens_only() -> None:
    light, dark = colours().split("@media screen and (prefers-color-scheme:dark)")
    assert PALETTE["page"][0] in light and PALETTE["page"][1] in dark
