"""Slices of a scan as a radiologist sees them: the patient's right on the left of the picture, front or head up."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from smart_nets.files import write_bytes
from smart_nets.optional import needed
from smart_nets.settings import one_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

LUNG, SOFT_TISSUE, BONE = (-1350.0, 150.0), (-175.0, 250.0), (-200.0, 1000.0)
"""Windows: (lowest, highest) HU that are told apart."""
HEAT = "inferno"  # colours of whatever is laid over a slice
PLANES = ("axial", "coronal", "sagittal")
FIXED_AXIS = {"sagittal": 0, "coronal": 1, "axial": 2}
EDGES = {"axial": ("R", "L", "A", "P"), "coronal": ("R", "L", "S", "I"), "sagittal": ("A", "P", "S", "I")}
"""Letters at the left, right, top and bottom of a picture."""


def plane_picture(volume: NDArray[Any], plane: str, index: int) -> NDArray[Any]:
    """One slice (rows, columns) of a volume (X, Y, Z) in RAS, row 0 at the top, in radiological convention."""
    one_of("plane", plane, PLANES)
    # not np.take, which copies all of a volume that is turned
    place: list[Any] = [slice(None)] * 3
    place[FIXED_AXIS[plane]] = index
    slice_2d = volume[tuple(place)]  # (first, second) axis left, both growing to R, A or S
    # the second axis (A or S) goes up; the first one (R or A) goes to the left of the picture
    return slice_2d.T[::-1, ::-1]


def draw_plane(
    axes: Axes,
    volume: NDArray[Any],
    spacing: Sequence[float],
    plane: str,
    index: int,
    window: tuple[float, float] = SOFT_TISSUE,
    overlay: NDArray[Any] | None = None,
    alpha: float = 0.5,
    letters: bool = True,
    top: float | None = None,
) -> None:
    """Draw one slice with its true proportions.

    Args:
        volume: (X, Y, Z), axes growing towards Right, Anterior and Superior.
        spacing: voxel size in mm, (x, y, z).
        window: values shown black and white.
        overlay: (X, Y, Z) heat map >= 0, drawn over the picture; it is more opaque where it is higher, up to `alpha`.
        letters: whether the patient's sides are told.
        top: value of the overlay at which colour is strongest; its largest if None.
    """
    across, up = (spacing[k] for k in range(3) if k != FIXED_AXIS[plane])
    picture = plane_picture(volume, plane, index)
    aspect = up / across
    axes.imshow(picture, cmap="gray", vmin=window[0], vmax=window[1], aspect=aspect, interpolation="bilinear")
    if overlay is not None:
        heat = plane_picture(overlay, plane, index).astype(float)
        top = top or float(np.nanmax(overlay)) or 1.0
        axes.imshow(heat, cmap=HEAT, vmin=0, vmax=top, alpha=alpha * np.clip(heat / top, 0, 1), aspect=aspect)
    axes.set_axis_off()
    if letters:
        for letter, (x, y) in zip(EDGES[plane], [(0.02, 0.5), (0.98, 0.5), (0.5, 0.98), (0.5, 0.02)], strict=True):
            ha = {0.02: "left", 0.98: "right"}.get(x, "center")
            va = {0.02: "bottom", 0.98: "top"}.get(y, "center")
            axes.text(x, y, letter, transform=axes.transAxes, color="#ffd34d", fontsize=8, ha=ha, va=va)


def draw_scale_bar(axes: Axes, shape: Sequence[int], spacing: Sequence[float], plane: str) -> None:
    """A bar of whole millimetres, and how many, at the lower right of a slice that `draw_plane` has drawn."""
    across, up = (k for k in range(3) if k != FIXED_AXIS[plane])
    length = bar_mm(shape[across] * spacing[across])
    end, height = (
        shape[across] * 0.96 - 0.5,
        shape[up] * 0.95 - 0.5,
    )  # pixels of the picture, 0 in the middle of the first
    start = end - length / spacing[across]
    outline = [needed("matplotlib.patheffects", "pictures").withStroke(linewidth=3, foreground="black")]  # on bone, too
    line: dict[str, Any] = {"color": "white", "path_effects": outline}
    axes.plot([start, end], [height] * 2, linewidth=1.5, solid_capstyle="butt", scalex=False, scaley=False, **line)
    middle, above = (start + end) / 2, height - 0.02 * shape[up]
    axes.text(middle, above, f"{length:g} mm", fontsize=7, ha="center", va="bottom", **line)


def bar_mm(width: float) -> float:
    """Length of a scale bar for a picture of so many mm: the largest of 1, 2, 5, 10, ... up to 0.4 of it."""
    lengths = [digit * 10.0**power for power in range(-2, 4) for digit in (1, 2, 5)]
    return max(length for length in lengths if length <= max(0.4 * width, lengths[0]))


def black_figure(width: float, height: float) -> Figure:
    """An empty figure of so many inches, without a window of its own."""
    figure: Figure = needed("matplotlib.figure", "pictures").Figure(
        (width, height), facecolor="black", layout="constrained"
    )
    needed("matplotlib.backends.backend_agg", "pictures").FigureCanvasAgg(figure)
    return figure


def png(figure: Figure, path: str | Path | None = None, dpi: int = 110) -> bytes:
    """The picture as PNG bytes; written to ``path`` as well when one is given."""
    stream = io.BytesIO()
    figure.savefig(stream, format="png", dpi=dpi, facecolor=figure.get_facecolor())
    data = stream.getvalue()
    if path is not None:
        write_bytes(path, data)
    return data
