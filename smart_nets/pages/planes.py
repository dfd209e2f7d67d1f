"""Slices of a scan as a radiologist sees them: the patient's right on the left of the picture, front or head up."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from smart_nets.errors import ConfigError, InputError
from smart_nets.optional import needed

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

LUNG, SOFT_TISSUE, BONE = (-1350.0, 150.0), (-175.0, 250.0), (-200.0, 1000.0)
"""Windows: (lowest, highest) HU that are told apart."""
PLANES = ("axial", "coronal", "sagittal")
FIXED_AXIS = {"sagittal": 0, "coronal": 1, "axial": 2}
EDGES = {"axial": ("R", "L", "A", "P"), "coronal": ("R", "L", "S", "I"), "sagittal": ("A", "P", "S", "I")}
"""Letters at the left, right, top and bottom of a picture."""


def plane_picture(volume: NDArray[Any], plane: str, index: int) -> NDArray[Any]:
    """One slice (rows, columns) of a volume (X, Y, Z) in RAS, row 0 at the top, in radiological convention."""
    if plane not in FIXED_AXIS:
        raise ConfigError("unknown plane", where="plane", expected=" or ".join(PLANES), found=plane)
    slice_2d = np.take(volume, index, axis=FIXED_AXIS[plane])  # (first, second) axis left, both growing to R, A or S
    # the second axis (A or S) goes up; the first one (R or A) goes to the left of the picture
    return slice_2d.T[::-1, ::-1]


def draw_plane(
    axes: Axes, volume: NDArray[Any], spacing: Sequence[float], plane: str, index: int,
    window: tuple[float, float] = SOFT_TISSUE, overlay: NDArray[Any] | None = None, alpha: float = 0.5,
    contour: NDArray[Any] | None = None, letters: bool = True,
) -> None:  # fmt: skip
    """Draw one slice with its true proportions. Arguments as in :func:`three_planes`."""
    across, up = (spacing[k] for k in range(3) if k != FIXED_AXIS[plane])
    picture = plane_picture(volume, plane, index)
    aspect = up / across
    axes.imshow(picture, cmap="gray", vmin=window[0], vmax=window[1], aspect=aspect, interpolation="bilinear")
    if overlay is not None:
        heat = plane_picture(overlay, plane, index).astype(float)
        top = float(np.nanmax(overlay)) or 1.0
        axes.imshow(heat, cmap="inferno", vmin=0, vmax=top, alpha=alpha * np.clip(heat / top, 0, 1), aspect=aspect)
    if contour is not None:
        mask = plane_picture(contour, plane, index).astype(bool)
        if mask.any() and not mask.all():
            axes.contour(mask, levels=[0.5], colors="#ff5a36", linewidths=1.0)
    axes.set_axis_off()
    if letters:
        for letter, (x, y) in zip(EDGES[plane], [(0.02, 0.5), (0.98, 0.5), (0.5, 0.98), (0.5, 0.02)], strict=True):
            sides = {0.02: "left", 0.98: "right"}, {0.02: "bottom", 0.98: "top"}
            axes.text(
                x, y, letter, transform=axes.transAxes, color="#ffd34d", fontsize=8,
                ha=sides[0].get(x, "center"), va=sides[1].get(y, "center"),
            )  # fmt: skip


def three_planes(
    volume: ArrayLike, spacing: Sequence[float], centre: Sequence[int] | None = None,
    window: tuple[float, float] = SOFT_TISSUE, overlay: ArrayLike | None = None, alpha: float = 0.5,
    contour: ArrayLike | None = None, title: str = "",
) -> Figure:  # fmt: skip
    """Axial, coronal and sagittal slices through one voxel.

    Args:
        volume: (X, Y, Z) in HU, axes growing towards Right, Anterior and Superior.
        spacing: voxel size in mm, (x, y, z).
        centre: voxel (i, j, k) the planes meet in; the middle when None.
        window: HU shown black and white.
        overlay: (X, Y, Z) heat map >= 0, drawn over the picture; it is more opaque where it is higher, up to ``alpha``.
        contour: (X, Y, Z) mask whose outline is drawn.
        title: one line above the pictures.

    Raises:
        InputError: shapes differ or the volume is not 3-D. ConfigError: another argument makes no sense.
    """
    image = np.asarray(volume)
    middle = tuple(n // 2 for n in image.shape) if centre is None else tuple(int(c) for c in centre)
    check(image, spacing, middle, window, overlay, contour)
    heat = None if overlay is None else np.asarray(overlay)
    mask = None if contour is None else np.asarray(contour)
    size = [n * s for n, s in zip(image.shape, spacing, strict=True)]  # mm
    widths = [size[0], size[0], size[1]]
    height = max(size[1], size[2])
    figure = black_figure(10, 10 * height / sum(widths) + (0.3 if title else 0))
    for axes, plane in zip(figure.subplots(1, 3, width_ratios=widths), PLANES, strict=True):
        draw_plane(axes, image, spacing, plane, middle[FIXED_AXIS[plane]], window, heat, alpha, mask)
    if title:
        figure.suptitle(title, color="white", fontsize=10)
    return figure


def check(
    image: NDArray[Any], spacing: Sequence[float], centre: tuple[int, ...], window: tuple[float, float],
    overlay: ArrayLike | None, contour: ArrayLike | None,
) -> None:  # fmt: skip
    if image.ndim != 3:
        raise InputError("a volume has three axes", expected="shape (X, Y, Z)", found=image.shape)
    if len(spacing) != 3 or not all(np.isfinite(s) and s > 0 for s in spacing):
        raise ConfigError("not a voxel size", where="spacing", expected="3 lengths in mm above 0", found=spacing)
    if len(centre) != 3 or not all(0 <= c < n for c, n in zip(centre, image.shape, strict=True)):
        raise ConfigError("outside the volume", where="centre", expected=f"a voxel of {image.shape}", found=centre)
    if not window[0] < window[1]:
        raise ConfigError("empty window", where="window", expected="lowest < highest HU", found=window)
    for name, other in (("overlay", overlay), ("contour", contour)):
        if other is not None and np.shape(other) != image.shape:
            raise InputError("shape differs from the volume's", where=name, expected=image.shape, found=np.shape(other))


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
        Path(path).write_bytes(data)
    return data
