"""The colours of the pages and their charts, for light and dark; the rules are in templates/style.css."""

from __future__ import annotations

from typing import Any

# name: (light, dark); the first four are close to Okabe and Ito's colours, which colour-blind readers can tell apart
PALETTE = {
    "blue": ("#0072b2", "#5bb8ec"),
    "orange": ("#d55e00", "#f58b4c"),
    "green": ("#009e73", "#35c99c"),
    "pink": ("#b0578d", "#e59ac6"),
    "plain": ("#44546a", "#a9b8cc"),
    "ink": ("#1c2430", "#e8edf2"),
    "muted": ("#5d6977", "#9aa7b4"),
    "grid": ("#e4e8ec", "#2b343d"),
    "alarm": ("#b3261e", "#ff8a80"),
    "page": ("#fcfcfb", "#0f1317"),
    "card": ("#ffffff", "#161b21"),
}


def colours() -> str:
    """The palette as CSS variables; dark on a screen that asks for it, light on paper."""
    light, dark = (
        ":root{" + "".join(f"--{name}:{pair[side]};" for name, pair in PALETTE.items()) + "}" for side in (0, 1)
    )
    return f"{light}@media screen and (prefers-color-scheme:dark){{{dark}}}"


GUIDE: dict[str, Any] = {"color": PALETTE["muted"][0], "linewidth": 1, "linestyle": (0, (4, 3))}
GUIDE_KEY = ("muted", "4 3")  # the same line in a legend
DASHES: tuple[tuple[Any, str], ...] = (("-", "none"), ((0, (5, 1.6)), "8 3"), ((0, (1.4, 1.2)), "2 2"))
"""How the lines of a chart differ beside their colours: for matplotlib, and for a legend's SVG."""
