"""Changes of a score as colours over gray: orange where it falls, blue where it rises, clear where nothing changes.

Both are bright on the dark of a CT, and told apart by eyes that do not tell red from green.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
FALLS, RISES = np.array([255.0, 138.0, 36.0]), np.array([64.0, 180.0, 255.0])
OPAQUE = 0.8  # of the strongest change: the image must be seen through it
MIDDLE_GRAY = 110.0
STEP = 0.05  # of probability, to which the end of a scale is rounded up


def change_rgba(strength: Array) -> Array:
    """Colours (..., 4) in [0, 1] of strengths (...) in [-1, 1]; 1 is the largest fall, -1 the largest rise."""
    hue = np.where(strength[..., None] >= 0, FALLS, RISES) / 255
    return np.concatenate([hue, OPAQUE * np.abs(strength[..., None]) ** 0.8], axis=-1)


def tint(gray: Array, strength: Array) -> Array:
    """Gray (..., 3) in 0..255 under the colours of strengths (...) in [-1, 1]."""
    rgba = change_rgba(strength)
    blended: Array = gray * (1 - rgba[..., 3:]) + 255 * rgba[..., :3] * rgba[..., 3:]
    return blended


def change_stops(count: int = 9) -> Array:
    """The colours (count, 3) in 0..255 on a gray image from the largest rise to the largest fall, for a colour bar."""
    return tint(np.full((count, 3), MIDDLE_GRAY), np.linspace(-1, 1, count))


def change_top(change: Array) -> float:
    """End of the scale for changes of probability: the largest one, rounded up to 5 points."""
    largest = float(np.abs(change).max()) if change.size else 0.0
    return STEP * max(1, int(np.ceil(round(largest / STEP, 6))))


def points(change: float) -> str:
    """0.12 -> "12 points": a change of probability in hundredths."""
    number = f"{100 * change:.0f}"
    return f"{number} point" + "s" * (number != "1")
