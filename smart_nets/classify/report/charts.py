"""Charts of a classifier: ROC and precision-recall curves with their bands, calibration, sizes, and few-shot curves."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from smart_nets.classify.report.evaluation import Curve
from smart_nets.optional import needed
from smart_nets.pages.curves import empty_chart, inline_svg
from smart_nets.pages.measures import Array
from smart_nets.pages.style import DASHES, GUIDE, PALETTE

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

COLOURS = ("blue", "orange", "green", "pink", "plain")
LOOKS: tuple[tuple[str, Any, str], ...] = tuple((colour, *dashes) for dashes in DASHES for colour in COLOURS)
"""How lines are told apart: colour of the palette, dashes for matplotlib and for a legend's SVG."""
TICKS = (0.0, 0.25, 0.5, 0.75, 1.0)
CLASS_COLOURS = ("plain", "orange")  # of label 0 and label 1


@dataclass(frozen=True)
class Stroke:
    """A curve to draw and its place in LOOKS; marked draws its points as well."""

    curve: Curve
    look: int = 0
    marked: bool = False


def share_chart(
    name: str, strokes: Sequence[Stroke], *, label: str, axes_names: tuple[str, str], chance: float | None = None
) -> str:
    """Curves of one share over another, both from 0 to 1, such as ROC and precision-recall.

    Args:
        name: unique on the page.
        strokes: drawn in their order, each with its band.
        label: what a screen reader says.
        axes_names: of the horizontal and the vertical axis.
        chance: level of a horizontal line of chance; None draws the diagonal. The legend has to name it, see GUIDE_KEY.
    """
    figure, axes = _square(axes_names)
    if chance is None:
        axes.plot([0, 1], [0, 1], **GUIDE)
    else:
        axes.axhline(chance, **GUIDE)
    for stroke in strokes:
        _draw(axes, stroke)
    return inline_svg(figure, name, label)


def size_curve(labels: NDArray[Any], sizes: NDArray[Any]) -> Curve | None:
    """ROC curve of the lesions' size as if it were a prediction; None unless both classes have known sizes."""
    known = np.isfinite(sizes)
    if len(np.unique(labels[known])) < 2:
        return None
    fpr, tpr, _ = needed("sklearn.metrics", "charts").roc_curve(labels[known], sizes[known])
    return Curve(fpr, tpr, np.full(len(fpr), np.nan), np.full(len(fpr), np.nan))


def calibration_chart(bins: dict[str, Array], label: str) -> str:
    """Share found over the mean probability of every bin, with intervals and the number of cases per bin.

    Args:
        bins: "mean", "share", "low", "high", "count", each (k,).
        label: what a screen reader says.
    """
    figure, axes = _square(("mean probability", "share found"))
    colour = PALETTE["blue"][0]
    axes.plot([0, 1], [0, 1], **GUIDE)
    axes.vlines(bins["mean"], bins["low"], bins["high"], color=colour, linewidth=1.6, alpha=0.55)
    axes.plot(bins["mean"], bins["share"], color=colour, linewidth=1, marker="o", markersize=4.5)
    axes.set_ylim(-0.14, 1.02)
    axes.axhline(0, color=PALETTE["grid"][0], linewidth=0.8)
    style: dict[str, Any] = {"ha": "center", "va": "center", "fontsize": 8, "color": PALETTE["muted"][0]}
    for x, count in zip(spread(bins["mean"], 0.085, 0.08, 1.0), bins["count"], strict=True):
        axes.text(x, -0.07, f"{count:,.0f}", **style)
    axes.set_yticks([-0.07, *TICKS], ["n", *(f"{tick:g}" for tick in TICKS)])
    return inline_svg(figure, "calibration", label)


def class_histogram(
    name: str,
    labels: NDArray[Any],
    values: NDArray[Any],
    *,
    label: str,
    axis: str,
    height: float = 2.7,
    shaded: tuple[float, float] | None = None,
    limits: tuple[float, float] | None = None,
) -> str:
    """How values (n,) spread in either class, as shares of the class; NaN are left out, a range may be shaded."""
    figure, axes = empty_chart(wide=True, height=height, left=0.6)
    known = np.isfinite(values)
    count = min(24, max(5, int(np.sqrt(known.sum()))))
    edges = np.histogram_bin_edges(values[known], bins=count, range=limits)
    _shade(axes, shaded, edges)
    for value, colour in enumerate(CLASS_COLOURS):
        one = values[known & (labels == value)]
        if len(one):
            heights = np.histogram(one, edges)[0] / len(one) * 100
            axes.stairs(heights, edges, color=PALETTE[colour][0], fill=True, alpha=0.18)
            axes.stairs(heights, edges, color=PALETTE[colour][0], linewidth=1.6)
    axes.set_ylim(0, axes.get_ylim()[1] * 1.12)
    if limits:
        axes.set_xticks(np.linspace(*limits, 5))
    axes.set_xlabel(axis, loc="right", labelpad=1)
    _y_name(axes, "% of the class")
    return inline_svg(figure, name, label)


def size_scatter(
    labels: NDArray[Any],
    sizes: NDArray[Any],
    probabilities: NDArray[Any],
    shaded: tuple[float, float] | None,
    label: str,
) -> str:
    """The probability of every lesion of known size over its diameter, all (n,), in the colour of its class."""
    figure, axes = empty_chart(wide=True, height=2.7, left=0.6)
    _shade(axes, shaded, sizes[np.isfinite(sizes)])
    for value, colour in enumerate(CLASS_COLOURS):
        of = (labels == value) & np.isfinite(sizes)
        style: dict[str, Any] = {"color": PALETTE[colour][0], "markersize": 3.2, "alpha": 0.55, "markeredgewidth": 0}
        axes.plot(sizes[of], probabilities[of], "o", **style)
    axes.set_ylim(-0.02, 1.02)
    axes.set_yticks(TICKS)
    axes.set_xlabel("diameter in mm", loc="right", labelpad=1)
    _y_name(axes, "probability")
    return inline_svg(figure, "size-scatter", label)


def few_shot_chart(strokes: Sequence[Stroke], label: str, size_alone: float | None = None) -> str:
    """AUC over the share of the training lesions in (0, 1], one line with a band per model; size alone is dotted."""
    figure, axes = empty_chart(wide=True, height=3.95, left=0.6)
    for stroke in strokes:
        _draw(axes, stroke)
    values = np.concatenate([np.concatenate([stroke.curve.y, stroke.curve.low]) for stroke in strokes])
    lowest = min([0.5, *values[np.isfinite(values)]])
    axes.set_ylim(max(0.0, lowest - 0.03), 1.0)
    axes.axhline(0.5, **GUIDE)
    if size_alone is not None:
        axes.axhline(size_alone, **{**GUIDE, "linestyle": (0, (1, 2)), "linewidth": 1.4})
    fractions = sorted({float(x) for stroke in strokes for x in stroke.curve.x})
    axes.set_xlim(0, 1.03)
    axes.xaxis.set_major_locator(needed("matplotlib.ticker", "charts").FixedLocator(fractions))
    axes.set_xticks(fractions, [f"{fraction:.0%}" for fraction in fractions])
    axes.set_xlabel("share of the training lesions", loc="right", labelpad=1)
    _y_name(axes, "AUC")
    return inline_svg(figure, "few-shot", label)


def spread(places: Array, gap: float, low: float, high: float) -> list[float]:
    """Places for labels near their points (k,), in the same order, at least gap apart if there is room for that."""
    order = np.argsort(places, kind="stable")
    gap = min(gap, (high - low) / max(1, len(places) - 1))
    moved = np.clip(places[order], low, high).astype(float)
    for i in range(1, len(moved)):
        moved[i] = max(moved[i], moved[i - 1] + gap)
    for i in range(len(moved) - 1, -1, -1):
        moved[i] = min(moved[i], high - gap * (len(moved) - 1 - i))
    found = np.empty_like(moved)
    found[order] = moved
    return found.tolist()


def looks(count: int) -> Iterator[tuple[int, str, str]]:
    """For each of count lines: place in LOOKS, colour of the palette, dashes of a legend."""
    for i in range(count):
        colour, _, dashes = LOOKS[i % len(LOOKS)]
        yield i % len(LOOKS), colour, dashes


def _square(names: tuple[str, str]) -> tuple[Figure, Axes]:
    figure, axes = empty_chart(wide=True, height=3.95, left=0.6)
    axes.set(xlim=(-0.015, 1.015), ylim=(-0.015, 1.015))
    axes.set_xticks(TICKS)
    axes.set_yticks(TICKS)
    axes.set_xlabel(names[0], loc="right", labelpad=1)
    _y_name(axes, names[1])
    return figure, axes


def _shade(axes: Axes, shaded: tuple[float, float] | None, values: NDArray[Any]) -> None:
    """Mark a range of the horizontal axis, which reaches over all values and the range."""
    ends = [float(values.min()), float(values.max()), *(shaded or ())]
    room = 0.02 * (max(ends) - min(ends)) or 0.5
    axes.set_xlim(min(ends) - room, max(ends) + room)
    if shaded:
        axes.axvspan(*shaded, color=PALETTE["muted"][0], alpha=0.1, linewidth=0)


def _y_name(axes: Axes, name: str) -> None:
    axes.set_ylabel(name, loc="top", labelpad=2, color=PALETTE["muted"][0], fontsize=8.5)


def _draw(axes: Axes, stroke: Stroke) -> None:
    name, dashes, _ = LOOKS[stroke.look]
    colour, curve = PALETTE[name][0], stroke.curve
    axes.fill_between(curve.x, curve.low, curve.high, color=colour, alpha=0.14, linewidth=0)
    if stroke.marked:
        axes.vlines(curve.x, curve.low, curve.high, color=colour, linewidth=1, alpha=0.6)
    marker = "o" if stroke.marked else ""
    style = {"color": colour, "linewidth": 1.8, "linestyle": dashes, "marker": marker, "markersize": 4.5}
    axes.plot(curve.x, curve.y, **style)
