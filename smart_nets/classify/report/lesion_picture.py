"""The picture of one lesion after inference: where it lies, what it looks like, and what the answer rests on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from smart_nets.classify.report.reasons import block_in_words, is_noticeable, reason_in_words
from smart_nets.optional import needed
from smart_nets.pages.changes import change_rgba, change_stops, change_top
from smart_nets.pages.planes import (
    FIXED_AXIS,
    HEAT,
    PLANES,
    black_figure,
    draw_plane,
    draw_scale_bar,
    plane_picture,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

OPAQUE = 0.55  # of the strongest attention: the lesion must be seen through it
FRAME = "#ffd34d"


@dataclass(frozen=True)
class LesionViews:
    """What is drawn of one lesion; all volumes have axes growing towards R, A, S.

    Attributes:
        cube: (D, H, W) in [0, 1].
        spacing: voxel size in mm.
        reason: (D, H, W) what the answer rests on.
        kind: of that map: "attention", 1 = an even share, or "occlusion", by how much the probability falls.
        overview: (d, h, w) in [0, 1], a larger field with the cube in its middle, or None.
        overview_spacing: its voxel size in mm.
    """

    cube: NDArray[Any]
    spacing: Sequence[float]
    reason: NDArray[Any]
    kind: str = "attention"
    overview: NDArray[Any] | None = None
    overview_spacing: Sequence[float] = (1.0, 1.0, 1.0)


def lesion_figure(views: LesionViews, title: str) -> Figure:
    """Three planes in rows: the larger field with the cube framed, the cube, and the cube with what the answer rests on.

    Where the map shows nothing, the last row is left out and the line below says so.

    Args:
        title: one line above the pictures.
    """
    told = reason_told(views)
    coloured = is_noticeable(views.reason, views.kind)
    rows = (views.overview is not None) + 1 + coloured
    figure = black_figure(9, 3.0 * rows + 0.9)
    grid = np.reshape(figure.subplots(rows, 3), (rows, 3))
    if views.overview is not None:
        _draw_row(grid[0], "overview", views.overview, views.overview_spacing)
        for axes, plane in zip(grid[0], PLANES, strict=True):
            _frame_cube(axes, plane, views)
    cubes = grid[rows - 1 - coloured :]
    for row, name in zip(cubes, ("cube", views.kind), strict=False):
        _draw_row(row, name, views.cube, views.spacing)
    if coloured:
        _colour(figure, grid[-1], views)
    figure.suptitle(title, color="white", fontsize=10)
    figure.supxlabel(told, color="white", fontsize=9)
    return figure


def reason_told(views: LesionViews) -> str:
    """The line below the pictures: what the colours are, or why there are none."""
    told = reason_in_words(views.reason, views.kind)
    told = told or f"colour: what the answer rests on, up to {views.reason.max():.1f} times an even share"
    if views.kind == "occlusion":
        told += f" (blocks of {block_in_words(views.cube.shape, views.spacing)})"
    return told if is_noticeable(views.reason, views.kind) else f"no colours: {told}"


def _draw_row(row: NDArray[Any], name: str, volume: NDArray[Any], spacing: Sequence[float]) -> None:
    for axes, plane in zip(row, PLANES, strict=True):
        draw_plane(axes, volume, spacing, plane, volume.shape[FIXED_AXIS[plane]] // 2, (0.0, 1.0))
        draw_scale_bar(axes, volume.shape, spacing, plane)
    row[0].text(
        -0.04, 0.5, name, transform=row[0].transAxes, color="#c9d2db", fontsize=9, rotation=90, ha="right", va="center"
    )


def _frame_cube(axes: Axes, plane: str, views: LesionViews) -> None:
    assert views.overview is not None
    across, up = (axis for axis in range(3) if axis != FIXED_AXIS[plane])
    share = np.array(views.cube.shape) * views.spacing / np.array(views.overview_spacing)  # voxels of the field
    width, height = share[across], share[up]
    corner = [(views.overview.shape[axis] - side) / 2 - 0.5 for axis, side in ((across, width), (up, height))]
    patch = needed("matplotlib.patches", "pictures").Rectangle(corner, width, height, fill=False, edgecolor=FRAME)
    axes.add_patch(patch)


def _colour(figure: Figure, row: NDArray[Any], views: LesionViews) -> None:
    """Lay the map over a row of pictures, and a colour bar that tells its unit below."""
    colours, cm = needed("matplotlib.colors", "pictures"), needed("matplotlib.cm", "pictures")
    if views.kind == "occlusion":
        top = change_top(views.reason)
        stops = colours.LinearSegmentedColormap.from_list("change", change_stops(33) / 255)
        scale, label = (
            cm.ScalarMappable(colours.Normalize(-100 * top, 100 * top), stops),
            ("fall of the probability when a place is hidden, in points of 100 (blue: it rises)"),
        )
    else:
        top = max(2.0, float(views.reason.max()))
        scale, label = cm.ScalarMappable(colours.Normalize(1, top), HEAT), "attention, times an even share"
    for axes, plane in zip(row, PLANES, strict=True):
        _overlay(axes, plane, views, top)
    bar = figure.colorbar(scale, ax=row.tolist(), orientation="horizontal", fraction=0.05, aspect=50, pad=0.03)
    bar.set_label(label, color="white", fontsize=8)
    bar.ax.tick_params(colors="white", labelsize=8)


def _overlay(axes: Axes, plane: str, views: LesionViews, top: float) -> None:
    index = views.reason.shape[FIXED_AXIS[plane]] // 2
    picture = plane_picture(views.reason, plane, index).astype(float)
    aspect = axes.get_aspect()
    if views.kind == "occlusion":
        axes.imshow(change_rgba(np.clip(picture / top, -1, 1)), aspect=aspect, interpolation="bilinear")
        return
    heat = np.clip((picture - 1) / (top - 1), 0, 1)
    axes.imshow(heat, cmap=HEAT, vmin=0, vmax=1, alpha=OPAQUE * heat, aspect=aspect)
