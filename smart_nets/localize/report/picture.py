"""Attention over a scan as a radiologist looks at it: three planes, tumour and mask outlined, checkpoints side by side.

SMART Figures 4 and 5.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from smart_nets.errors import InputError
from smart_nets.localize.marking import Marked
from smart_nets.optional import needed
from smart_nets.pages.planes import FIXED_AXIS, HEAT, LUNG, PLANES, SOFT_TISSUE, black_figure, draw_plane, plane_picture
from smart_nets.scans.volume import Volume

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

NOTE = "research only, not for diagnostic use"
TUMOUR, MASK = "#ff5a36", "#4fd8ff"
WIDTH = 3.4  # inches of one picture
TOP = 99.5  # percentile of the region at which colour is strongest: single voxels must not dim the rest
LEAST = 0.5  # of an even share, over which the colours run at least: a peak 6 % above even must not look like a find
LUNG_HU = -600.0  # a place this dark is looked at in the lung window


@dataclass(frozen=True)
class Shown:
    """What one checkpoint makes of a scan: its name, its map (X, Y, Z), 1 = an even share, and what is marked of it."""

    name: str
    score: NDArray[np.float32]
    marked: Marked

    @cached_property
    def span(self) -> tuple[float, float]:
        """The region's median and its top, in multiples of an even share."""
        low, high = np.percentile(self.score[self.marked.region], [50, TOP], overwrite_input=True)
        return float(low), float(max(high, low + 1e-6))


def attention_figure(
    scan: Volume, shown: Sequence[Shown], tumour: NDArray[np.bool_] | None = None, title: str = NOTE
) -> Figure:
    """The scan, and each checkpoint's attention over it, in the three planes through the tumour or the strongest place.

    One checkpoint is drawn below the plain scan; several stand beside it, a plane per row.

    Args:
        scan: HU on any grid.
        shown: maps and masks on that grid.
        tumour: bool (X, Y, Z), outlined.
        title: one line above the pictures.

    Raises:
        InputError: nothing to show, or shapes differ.
    """
    _check(scan, shown, tumour)
    centre = _centre(shown[0], tumour)
    pictures = [None, *shown]
    wide = len(shown) == 1
    image, scale = scan.to_ras(), scale_of(shown)
    size = [n * s for n, s in zip(image.array.shape, image.spacing, strict=True)]  # mm
    across = {"axial": size[0], "coronal": size[0], "sagittal": size[1]}
    down = {"axial": size[1], "coronal": size[2], "sagittal": size[2]}
    figure, grid = _grid(wide, len(pictures), across, down)
    drawn = _ras(scan, tumour)
    place = _voxel_in_ras(scan, centre)
    lung = _is_lung(image.array, place)
    window, told = (LUNG, "scan, lung window") if lung else (SOFT_TISSUE, "scan, soft tissue window")
    for row, each in enumerate(pictures):
        heat, mask = (None, None) if each is None else (_heat(scan, each, scale), _ras(scan, each.marked.mask))
        for column, plane in enumerate(PLANES):
            axes = grid[row, column] if wide else grid[column, row]
            index = place[FIXED_AXIS[plane]]
            draw_plane(axes, image.array, image.spacing.tolist(), plane, index, window, heat, 0.65, row == 0, top=1.0)
            _outline(axes, mask, plane, index, MASK)
            _outline(axes, drawn, plane, index, TUMOUR)
            if column == 0:
                axes.set_title(told if each is None else each.name, color="white", fontsize=9, parse_math=False)
    _colour_bar(figure, grid, scale)
    _legend(figure, tumour is not None and bool(tumour.any()), title)
    return figure


def scale_of(shown: Sequence[Shown]) -> tuple[float, float]:
    """The multiples of an even share between which colour grows, one scale for all that stand beside each other."""
    low = min(one.span[0] for one in shown)
    return low, max(low + LEAST, *(one.span[1] for one in shown))


def _check(scan: Volume, shown: Sequence[Shown], tumour: NDArray[np.bool_] | None) -> None:
    if not shown:
        raise InputError("there is no map to show", expected="one or more")
    others: list[NDArray[Any]] = [] if tumour is None else [tumour]
    for one in shown:
        others += [one.score, one.marked.mask, one.marked.region]
    for other in others:
        if other.shape != scan.array.shape:
            raise InputError("map and scan differ in shape", expected=scan.array.shape, found=other.shape)


def _centre(first: Shown, tumour: NDArray[np.bool_] | None) -> tuple[int, int, int]:
    """A voxel of the scan: the middle of the largest tumour, or the strongest voxel of what is marked."""
    if tumour is not None and tumour.any():
        pieces, _ = needed("scipy.ndimage", "pictures of tumours").label(tumour)
        voxels = np.argwhere(pieces == 1 + np.argmax(np.bincount(pieces.ravel())[1:]))  # (n, 3)
        away = np.linalg.norm(voxels - voxels.mean(axis=0), axis=1)
        i, j, k = voxels[np.argmin(away)].tolist()  # the middle itself may lie in the hollow of a tumour
    else:
        i, j, k = peak_voxel(first.score, first.marked.mask if first.marked.mask.any() else first.marked.region)
    return i, j, k


def peak_voxel(score: NDArray[Any], inside: NDArray[np.bool_]) -> tuple[int, int, int]:
    """The first voxel of the highest score inside, found without a copy of a map that fills a gigabyte."""
    top = np.max(score, where=inside, initial=-np.inf)
    i, j, k = np.unravel_index(int(np.argmax((score == top) & inside)), inside.shape)
    return int(i), int(j), int(k)


def _grid(wide: bool, count: int, across: dict[str, float], down: dict[str, float]) -> tuple[Figure, NDArray[Any]]:
    """An empty figure and its axes (count, planes) if wide, else (planes, count), with room in proportion to mm."""
    if wide:
        widths, heights = [across[plane] for plane in PLANES], [max(down.values())] * count
    else:
        widths, heights = [max(across.values())] * count, [down[plane] for plane in PLANES]
    inches = WIDTH / max(across.values())
    figure = black_figure(sum(widths) * inches, sum(heights) * inches + 0.9)
    figure.get_layout_engine().set(w_pad=0.01, h_pad=0.05, wspace=0.01, hspace=0.01)  # type: ignore[union-attr, call-arg]
    axes = figure.subplots(len(heights), len(widths), squeeze=False, width_ratios=widths, height_ratios=heights)
    return figure, axes


def _ras(scan: Volume, values: NDArray[Any] | None) -> NDArray[Any] | None:
    """Voxels of the scan's grid with axes to the Right, Anterior and Superior."""
    return None if values is None else Volume(values, scan.affine, scan.where).to_ras().array


def _voxel_in_ras(scan: Volume, voxel: tuple[int, int, int]) -> tuple[int, int, int]:
    mm = scan.affine @ [*voxel, 1]
    i, j, k = np.rint(np.linalg.solve(scan.to_ras().affine, mm)[:3]).astype(int).tolist()
    return i, j, k


def _is_lung(array: NDArray[Any], voxel: tuple[int, int, int]) -> bool:
    """Whether much around a voxel is lung."""
    box = tuple(slice(max(0, c - 10), c + 11) for c in voxel)
    return float((array[box] < LUNG_HU).mean()) > 0.2


def _heat(scan: Volume, shown: Shown, scale: tuple[float, float]) -> NDArray[Any] | None:
    low, high = scale
    heat = np.empty(shown.score.shape, np.float16)  # enough for colours; slice by slice, as whole scans take gigabytes
    for place, (score, region) in enumerate(zip(shown.score, shown.marked.region, strict=True)):
        heat[place] = np.clip((score - low) / (high - low), 0, 1) * region
    return _ras(scan, heat)


def _outline(axes: Axes, mask: NDArray[Any] | None, plane: str, index: int, colour: str) -> None:
    if mask is None:
        return
    picture = plane_picture(mask, plane, index)
    if picture.any() and not picture.all():
        axes.contour(picture.astype(float), levels=[0.5], colors=colour, linewidths=1.0)


def _colour_bar(figure: Figure, grid: NDArray[Any], scale: tuple[float, float]) -> None:
    colours = needed("matplotlib.cm", "pictures").ScalarMappable(
        needed("matplotlib.colors", "pictures").Normalize(*scale), HEAT
    )
    bar = figure.colorbar(colours, ax=grid.ravel().tolist(), shrink=0.6, aspect=30, pad=0.01)
    bar.set_label("attention; 1 = an even share", color="white", fontsize=8)
    bar.ax.tick_params(colors="white", labelsize=8)
    bar.outline.set_edgecolor("white")


def _legend(figure: Figure, has_tumour: bool, title: str) -> None:
    lines = [(MASK, "marked")] + [(TUMOUR, "tumour drawn by readers")] * has_tumour
    line = needed("matplotlib.lines", "pictures").Line2D
    handles = [line([], [], color=colour, label=text) for colour, text in lines]
    figure.legend(handles=handles, loc="outside lower center", ncols=2, labelcolor="white", frameon=False, fontsize=9)
    figure.suptitle(title, color="white", fontsize=10)
