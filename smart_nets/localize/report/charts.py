"""Charts of localisation: contrast from the smallest tumour to the largest, and Dice over the best one possible."""

from __future__ import annotations

from typing import Any

import numpy as np

from smart_nets.localize.report.record import NONE, Localised
from smart_nets.pages import page
from smart_nets.pages.curves import empty_chart, inline_svg
from smart_nets.pages.style import GUIDE, GUIDE_KEY, PALETTE

COLOURS = ("blue", "orange", "green", "pink", "plain")  # of the methods
TICKS = (0, 0.01, 0.05, 0.1, 0.2, 0.4, 0.6, 0.8, 1)  # of Dice, on an axis of square roots


def charts(found: Localised) -> str:
    """Contrast from the smallest tumour to the largest, and Dice over the best one possible."""
    (left, contrast), (right, dice) = (empty_chart(wide=True, height=3.4, left=0.6) for _ in range(2))
    tumours = sorted(found.tumours, key=lambda one: one.ml)
    values = {  # (methods, tumours)
        key: np.array([[one.of(name, key) for one in tumours] for name in found.methods])
        for key in ("contrast", "dice", "oracle")
    }
    low, high = np.fmin.reduce(values["contrast"]), np.fmax.reduce(values["contrast"])
    contrast.axhline(NONE, **GUIDE)
    contrast.vlines(range(len(tumours)), low, high, color=PALETTE["muted"][0], linewidth=0.7, alpha=0.5)
    dice.axline((0, 0), (1, 1), **GUIDE)
    for row, colour in enumerate(COLOURS[: len(found.methods)]):
        style: dict[str, Any] = {"color": PALETTE[colour][0], "markersize": 4.8, "alpha": 0.75, "markeredgewidth": 0}
        contrast.plot(values["contrast"][row], "o", **style)
        dice.plot(values["oracle"][row], values["dice"][row], "o", clip_on=False, **style)
    ends = sorted({0, len(tumours) // 2, len(tumours) - 1})
    contrast.set(xmargin=0.05, xticks=ends, xticklabels=[f"{page.number(tumours[place].ml)} ml" for place in ends])
    dice.set_xscale("function", functions=(np.sqrt, np.square))  # most are small, and some are 0
    dice.set_yscale("function", functions=(np.sqrt, np.square))
    top = 1.1 * max(0.01, float(np.fmax.reduce(values["oracle"], axis=None)))
    ticks = [tick for tick in TICKS if tick < top]
    dice.set(xticks=ticks, yticks=ticks, xticklabels=ticks, yticklabels=ticks, xlim=(0, top), ylim=(0, top))
    dice.set_xlabel("best Dice possible", loc="right", labelpad=1)
    names = [(name, colour, "none") for name, colour in zip(found.methods, COLOURS, strict=False)]
    cards = (
        (left, "Contrast", "of the tumours from the smallest to the largest", "none"),
        (right, "Dice", "over the best one possible", "as good as possible"),
    )
    shown = ""
    for figure, title, remark, guide in cards:
        svg = inline_svg(figure, f"localize-{title}", f"{title} {remark}")
        shown += page.chart(svg, title, remark, keys=page.keys([*names, (guide, *GUIDE_KEY)]))
    return shown
