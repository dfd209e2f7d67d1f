"""Bars as small inline SVG, counts by name and histograms, in the colours of the page they stand on."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

import numpy as np
from numpy.typing import ArrayLike

WIDTH, HEIGHT, AXIS = 320, 120, 18  # user units of a histogram; the axis is the strip for its labels
ROW = 26  # height of a horizontal bar with its gap
BINS = 16


def bars(rows: Sequence[tuple[str, int]], colour: str = "blue") -> str:
    """Horizontal bars, longest first: name, bar, count."""
    rows = sorted(rows, key=lambda row: -row[1])
    longest = max((count for _, count in rows), default=1)
    parts = []
    for index, (name, count) in enumerate(rows):
        top, length = index * ROW, max(2.0, 300 * count / longest)
        parts.append(
            f'<text x="388" y="{top + 15}" text-anchor="end" class="n">{escape(name)}</text>'
            f'<rect x="400" y="{top + 3}" width="{length:.1f}" height="16" rx="3" fill="var(--{colour})"/>'
            f'<text x="{408 + length:.1f}" y="{top + 15}" class="c">{count:,}</text>'
        )
    label = "; ".join(f"{name}: {count}" for name, count in rows)
    return _svg(760, ROW * len(rows), label, "".join(parts))


def histogram(values: ArrayLike, unit: str, colour: str = "blue") -> str:
    """How often values occur, in at most 16 bins of equal width; single values get one bar."""
    data = np.asarray(values, dtype=float)
    low, high = float(data.min()), float(data.max())
    if high - low < 1e-9:
        low, high = low - 0.5, high + 0.5
    counts, edges = np.histogram(data, bins=BINS, range=(low, high))
    width, tallest = WIDTH / BINS, counts.max()
    parts = [f'<path d="M0 {HEIGHT}H{WIDTH}" stroke="var(--grid)"/>']
    for index, count in enumerate(counts):
        if count:
            height = max(2.0, (HEIGHT - 14) * count / tallest)
            parts.append(
                f'<rect x="{index * width + 1:.1f}" y="{HEIGHT - height:.1f}" width="{width - 2:.1f}" '
                f'height="{height:.1f}" rx="2" fill="var(--{colour})"><title>{edges[index]:.4g} to '
                f"{edges[index + 1]:.4g} {escape(unit)}: {count:,}</title></rect>"
            )
    at = int(counts.argmax())
    place = min(max((at + 0.5) * width, 14), WIDTH - 14)
    parts.append(f'<text x="{place:.1f}" y="9" text-anchor="middle" class="c">{tallest:,}</text>')
    for x, anchor, value in ((0, "start", low), (WIDTH / 2, "middle", (low + high) / 2), (WIDTH, "end", high)):
        parts.append(f'<text x="{x}" y="{HEIGHT + 14}" text-anchor="{anchor}" class="c">{value:.4g}</text>')
    label = f"histogram from {low:.4g} to {high:.4g} {unit}, median {np.median(data):.4g}"
    return _svg(WIDTH, HEIGHT + AXIS, label, "".join(parts))


def _svg(width: int, height: int, label: str, inner: str) -> str:
    style = "<style>.n{font-size:12.5px;fill:var(--ink)}.c{font-size:11px;fill:var(--muted)}</style>"
    return f'<svg viewBox="0 0 {width} {height}" role="img" aria-label="{escape(label)}">{style}{inner}</svg>'
