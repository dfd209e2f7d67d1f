"""Charts of a segmentation: Dice of every case, and volumes as Bland and Altman draw them."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from smart_nets.pages import page
from smart_nets.pages.curves import empty_chart, inline_svg
from smart_nets.pages.style import GUIDE, GUIDE_KEY, PALETTE
from smart_nets.segment.report.run import SegmentRun
from smart_nets.segment.scores import volume_agreement

LETTER = 0.072  # inches of a letter of the labels
DOT: dict[str, Any] = {"color": PALETTE["blue"][0], "markersize": 4.8, "alpha": 0.6, "markeredgewidth": 0}


def dice_chart(run: SegmentRun) -> str:
    """A row of dots per name, each a case, and the mean with its interval."""
    names = run.names
    letters = max(map(len, names))
    figure, axes = empty_chart(wide=True, height=0.75 + 0.34 * len(names), left=0.2 + LETTER * letters)
    axes.grid(axis="y", visible=False)
    rng = np.random.default_rng(0)
    for place, name in enumerate(names):
        values = np.array([row["dice"] for row in run.of(name)], float)
        values = values[np.isfinite(values)]
        axes.plot(values, -place + 0.24 * (rng.random(len(values)) - 0.5), "o", clip_on=False, **DOT)
        mean = run.measure(name, "dice")
        if mean.known:
            ink: dict[str, Any] = {"color": PALETTE["ink"][0]}
            axes.plot([mean.low, mean.high], [-place] * 2, linewidth=1.6, **ink)
            axes.plot([mean.value], [-place], "|", markersize=13, markeredgewidth=2, **ink)
    axes.set(
        xlim=(0, 1.02), ylim=(-len(names) + 0.4, 0.6), yticks=[-place for place in range(len(names))], yticklabels=names
    )
    axes.set_xticks([0, 0.2, 0.4, 0.6, 0.8, 1], ["0", "0.2", "0.4", "0.6", "0.8", "1"])
    axes.spines["left"].set_visible(False)
    svg = inline_svg(figure, "dice", "Dice of every case, by what is outlined")
    return page.chart(svg, "Dice", "dots: cases; line: mean and its 95% interval over patients")


def volume_chart(run: SegmentRun, name: str) -> str:
    """Predicted less reference volume over their mean, with bias and limits of agreement; nothing for fewer than two cases."""
    rows = [row for row in run.of(name) if row["reference_ml"] > 0]
    agreed = volume_agreement(rows)
    low, high, bias = agreed["low_ml"], agreed["high_ml"], agreed["bias_ml"]
    if low is None or high is None or bias is None:
        return ""
    figure, axes = empty_chart(wide=False, left=0.62)
    middle = np.array([(row["predicted_ml"] + row["reference_ml"]) / 2 for row in rows])
    gap = np.array([row["predicted_ml"] - row["reference_ml"] for row in rows])
    axes.plot(middle, gap, "o", clip_on=False, **DOT)
    axes.axhline(0, color=PALETTE["grid"][0], linewidth=1)
    axes.axhline(bias, color=PALETTE["ink"][0], linewidth=1.4)
    for limit in (low, high):
        axes.axhline(limit, **GUIDE)
    reach = 1.15 * max(abs(low), abs(high), float(np.abs(gap).max()), 1e-6)
    axes.set_ylim(-reach, reach)
    if middle.min() > 0 and middle.max() > 20 * middle.min():
        axes.set_xscale("log")
        axes.tick_params(which="minor", length=0)
    axes.set_xlabel("ml", loc="right", labelpad=1)
    svg = inline_svg(figure, f"volume-{run.names.index(name)}", f"volumes of {name}")
    keys = page.keys([("bias", "ink", "none"), ("limits of agreement", *GUIDE_KEY)])
    remark = "predicted less drawn, over the mean of both"
    return page.chart(svg, f"Volume of {name}", remark, f"{_signed(bias)} ml", keys=keys)


def _signed(value: float) -> str:
    return "–" if math.isnan(value) else f"{value:+.3g}".replace("-", "−")
