"""Curves of a run as small inline SVG charts whose colours follow the page, so light and dark need one figure only.

matplotlib draws with the light palette; afterwards every colour becomes a CSS variable and every font the page's font.
"""

from __future__ import annotations

import html
import io
import re
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from smart_nets.optional import needed
from smart_nets.pages.metrics_log import LoggedSeries
from smart_nets.pages.style import DASHES, GUIDE, PALETTE

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

RAW_POINTS, SMOOTH_POINTS = 300, 220
LABEL_LETTERS = 24  # of a bar, in a line
LETTER = 0.072  # inches of a letter of the tick labels (9 pt) in a wide font: the page's own font is the reader's
SMALL: dict[str, Any] = {"color": PALETTE["muted"][0], "fontsize": 8.5, "textcoords": "offset points"}  # a remark
METADATA = {"Creator": None, "Date": None, "Format": None, "Type": None}


@dataclass(frozen=True)
class Line:
    """A series, the palette's name of its colour, and which of `DASHES` it has where lines share a chart."""

    series: LoggedSeries
    colour: str
    dashes: int = 0


def line_chart(
    name: str,
    lines: Sequence[Line],
    *,
    label: str,
    wide: bool = False,
    smooth: bool = True,
    from_zero: bool = False,
    reference: tuple[float, str] | None = None,
    axis: str = "step",
) -> str:
    """A chart over optimiser steps: raw values faint, their moving average strong, gaps where a value is no number.

    Args:
        name: unique on the page (keeps the SVG's ids apart).
        label: what a screen reader says.
        wide: for half a page instead of a third.
        smooth: off for what is smooth by nature (schedules).
        from_zero: the axis starts at 0, unless a spike makes it logarithmic.
        reference: a value to mark by a dashed line, with its text.
        axis: what the steps count.

    Returns:
        an <svg> element without ids or references that could clash with other charts of the page.
    """
    figure, axes = empty_chart(wide)
    values = np.concatenate([line.series.values for line in lines])
    values = values[np.isfinite(values)]
    log = bool(len(values)) and values.min() > 0 and values.max() > 30 * np.median(values)
    for line in lines:
        _draw(axes, line, smooth, log, DASHES[line.dashes if len(lines) > 1 else 0][0])
    if log:
        axes.set_yscale("log")
        axes.tick_params(which="minor", length=0)
    elif from_zero:
        axes.set_ylim(bottom=0, top=max(values.max(initial=0), reference[0] if reference else 0) * 1.12 or 1)
    if reference:
        axes.axhline(reference[0], **GUIDE)
        axes.annotate(reference[1], (1, reference[0]), (0, 3), xycoords=("axes fraction", "data"), ha="right", **SMALL)
    axes.set_xlabel(axis, loc="right", labelpad=1)
    return inline_svg(figure, name, label)


def knn_chart(rows: Sequence[tuple[str, float, float, float]], chance: float, label: str) -> str:
    """Horizontal bars of accuracy with intervals; rows are (name, accuracy, low, high), all in [0, 1]."""
    names = [textwrap.fill(row[0], LABEL_LETTERS) for row in rows]
    letters = max(len(line) for name in names for line in name.splitlines() or [""])
    figure, axes = empty_chart(wide=True, height=0.7 + 0.4 * len(rows), top=0.24, left=0.15 + LETTER * letters)
    axes.grid(axis="y", visible=False)
    for i, (_, accuracy, low, high) in enumerate(rows):
        colour, alpha = ("blue", 0.85) if i == len(rows) - 1 else ("plain", 0.55)
        axes.barh(-i, accuracy, height=0.52, color=PALETTE[colour][0], alpha=alpha)
        axes.plot([low, high], [-i, -i], color=PALETTE["ink"][0], linewidth=1.3, marker="|", markersize=7)
        bold: dict[str, Any] = {"color": PALETTE["ink"][0], "fontweight": "bold", "textcoords": "offset points"}
        axes.annotate(f"{accuracy:.0%}", (max(high, accuracy), -i), (6, 0), va="center", **bold)
    axes.axvline(chance, **GUIDE)
    axes.annotate(f"chance {chance:.0%}", (chance, 1), (3, 2), xycoords=("data", "axes fraction"), **SMALL)
    axes.set(xlim=(0, 1.12), yticks=[-i for i in range(len(rows))], yticklabels=names)
    axes.set_xticks([0, 0.25, 0.5, 0.75, 1], ["0", "25%", "50%", "75%", "100%"])
    axes.spines["left"].set_visible(False)
    return inline_svg(figure, "knn", label)


def thin(series: LoggedSeries, points: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """(x, y) with lowest and highest value of every bucket of steps in their order; a bucket with a NaN ends in one."""
    n = len(series.values)
    if n <= 2 * points:
        return series.steps.astype(np.float64), series.values
    x, y = [], []
    for bucket in np.array_split(np.arange(n), points):
        values = series.values[bucket]
        if np.isfinite(values).any():
            for i in sorted({int(np.nanargmin(values)), int(np.nanargmax(values))}):
                x.append(series.steps[bucket[i]])
                y.append(values[i])
        if np.isnan(values).any():
            x.append(series.steps[bucket[-1]])
            y.append(np.nan)
    return np.array(x, dtype=np.float64), np.array(y, dtype=np.float64)


def moving_average(values: NDArray[np.float64], window: int) -> NDArray[np.float64]:
    """Centred mean over `window` values (fewer at both ends) that leaves NaN out of the mean and keeps its gap."""
    half, finite = window // 2, np.isfinite(values)
    total = np.concatenate([[0.0], np.cumsum(np.where(finite, values, 0.0))])
    count = np.concatenate([[0], np.cumsum(finite)])
    i = np.arange(len(values))
    low, high = np.maximum(i - half, 0), np.minimum(i + half + 1, len(values))
    mean = (total[high] - total[low]) / np.maximum(count[high] - count[low], 1)
    return np.where(finite, mean, np.nan)


def empty_chart(wide: bool, height: float = 1.85, top: float = 0.08, left: float = 0.5) -> tuple[Figure, Axes]:
    """An empty chart whose margins are given in inches, so that the charts of a row line up."""
    ticker = needed("matplotlib.ticker", "charts")
    figure = needed("matplotlib.figure", "charts").Figure(figsize=(4.3 if wide else 3.3, height))
    width, right = figure.get_figwidth(), 0.14
    bottom = 0.36
    axes = figure.add_axes(
        (left / width, bottom / height, (width - left - right) / width, (height - bottom - top) / height)
    )
    muted, grid = PALETTE["muted"][0], PALETTE["grid"][0]
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color(grid)
    axes.grid(axis="both", color=grid, linewidth=0.6)
    axes.set_axisbelow(True)
    axes.margins(x=0.01)
    axes.tick_params(colors=muted, labelsize=9, length=0, pad=4)
    axes.xaxis.label.set(color=muted, fontsize=8.5)
    axes.xaxis.set_major_locator(ticker.MaxNLocator(5, integer=True))
    axes.yaxis.set_major_locator(ticker.MaxNLocator(5))
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_formatter(ticker.FuncFormatter(lambda v, _: f"{v:,.0f}" if abs(v) >= 1000 else f"{v:g}"))
    return figure, axes


def _draw(axes: Axes, line: Line, smooth: bool, log: bool, dashes: Any) -> None:
    """Raw and smoothed line; on a logarithmic axis the mean is geometric, so that one spike does not become a block."""
    steps, values = line.series.steps, line.series.values
    colour = PALETTE[line.colour][0]
    strong = {"color": colour, "linewidth": 1.7, "linestyle": dashes, "solid_capstyle": "round"}
    if smooth:
        axes.plot(*thin(line.series, RAW_POINTS), color=colour, linewidth=0.6, alpha=0.35)
        window = max(1, len(values) // 40)
        values = np.exp(moving_average(np.log(values), window)) if log else moving_average(values, window)
    axes.plot(*thin(LoggedSeries(steps, values), SMOOTH_POINTS // 2), **strong)
    if len(values) == 1:  # a line of one point would not be seen
        axes.plot(steps, values, color=colour, marker="o", markersize=4)
    nan = np.isnan(line.series.values)
    bad = steps[nan & ~np.concatenate([[False], nan[:-1]])]  # where each gap begins
    cross: dict[str, Any] = {"color": PALETTE["alarm"][0], "markersize": 4, "clip_on": False}
    axes.plot(bad, np.zeros(len(bad)), "x", transform=axes.get_xaxis_transform(), **cross)


def inline_svg(figure: Figure, name: str, label: str) -> str:
    """The figure as an inline <svg>: page fonts, CSS variables for colours, short numbers, no foreign names."""
    buffer = io.StringIO()
    style = {"svg.fonttype": "none", "svg.hashsalt": name, "path.simplify_threshold": 0.2}
    with needed("matplotlib", "charts").rc_context(style):
        figure.savefig(buffer, format="svg", transparent=True, metadata=METADATA)
    svg = buffer.getvalue()[buffer.getvalue().index("<svg") :]
    used = set(re.findall(r'(?:url\(|href=")#([^)"]+)', svg))
    svg = re.sub(r' id="([^"]+)"', lambda m: m[0] if m[1] in used else "", svg)
    head = f'role="img" aria-label="{html.escape(label)}"'
    svg = re.sub(r'<svg [^>]*?(viewBox="[^"]+")[^>]*>', lambda m: f"<svg {m[1]} {head}>", svg, count=1)
    svg = re.sub(r"<style.*?</style>|<!--.*?-->", "", svg, flags=re.DOTALL).replace("xlink:href", "href")
    svg = re.sub(r"font-family: [^;\"]+(; )?", "", svg)
    svg = re.sub(r"<[^>]+>", lambda tag: re.sub(r"\d+\.\d{3,}", lambda m: f"{float(m[0]):.2f}", tag[0]), svg)
    for colour, (light, _) in PALETTE.items():
        svg = svg.replace(light, f"var(--{colour})")
    return re.sub(r"\n\s*", "\n", svg)
