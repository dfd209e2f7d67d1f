"""The pictures of the documentation, drawn anew from a seed."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from numpy.typing import NDArray
from PIL import Image

from smart_nets.files import write_bytes
from smart_nets.pages.planes import LUNG, SOFT_TISSUE, draw_plane, png
from smart_nets.phantom import Lesion, Phantom, make_phantom, organ_centres

ZOOM_MM = 64.0
COLOURS = 64  # a palette this small keeps the file small, and no eye sees it in a noisy picture


def lesion_voxel(phantom: Phantom, lesion: Lesion) -> tuple[int, int, int]:
    """The voxel a lesion's centre lies in."""
    i, j, k = np.rint(np.linalg.solve(phantom.affine, [*lesion.centre_mm, 1.0])[:3]).astype(int).tolist()
    return i, j, k


def phantom_figure(seed: int = 374, spacing: float = 1.5) -> Figure:
    """One patient: coronal in both windows, axial chest and abdomen, and both kinds of nodule enlarged."""
    phantom = make_phantom(seed, spacing=(spacing,) * 3)
    centres = organ_centres(phantom)
    figure = Figure(figsize=(11.6, 5.6), facecolor="black", layout="constrained")
    FigureCanvasAgg(figure)
    figure.get_layout_engine().set(w_pad=0.01, h_pad=0.01, wspace=0.01, hspace=0.01)  # type: ignore[union-attr, call-arg]
    grid = figure.add_gridspec(2, 4, width_ratios=[360, 360, 360, 284])
    nodules = {lesion.label: lesion for lesion in phantom.lesions}
    _, front, level = lesion_voxel(phantom, nodules[1])
    pictures: list[tuple[Any, str, int, tuple[float, float], str]] = [
        (grid[:, 0], "coronal", front, LUNG, "lung window"),
        (grid[:, 1], "coronal", centres["heart"][1], SOFT_TISSUE, "soft-tissue window"),
        (grid[0, 2], "axial", level, LUNG, "chest, with a malignant nodule"),
        (grid[1, 2], "axial", centres["pancreas"][2], SOFT_TISSUE, "abdomen"),
    ]
    for cell, plane, index, window, title in pictures:
        axes = figure.add_subplot(cell)
        draw_plane(axes, phantom.image, phantom.spacing, plane, index, window)
        axes.set_title(title, color="white", fontsize=9)
    for row, (label, name) in enumerate(((1, "malignant: spiculated"), (0, "benign: smooth"))):
        axes = figure.add_subplot(grid[row, 3])
        volume, middle = around_lesion(phantom, nodules[label])
        draw_plane(axes, volume, phantom.spacing, "axial", middle, LUNG, letters=False)
        axes.set_title(f"{name}, {nodules[label].diameter_mm:.0f} mm", color="white", fontsize=9)
    return figure


def around_lesion(phantom: Phantom, lesion: Lesion) -> tuple[NDArray[np.int16], int]:
    """A box around a lesion, air where it leaves the image, and the index of its middle slice."""
    half = [int(ZOOM_MM / 2 / step) for step in phantom.spacing]
    padded = np.pad(phantom.image, [(h, h) for h in half], constant_values=-1024)
    i, j, k = lesion_voxel(phantom, lesion)
    box = padded[i : i + 2 * half[0] + 1, j : j + 2 * half[1] + 1, k : k + 2 * half[2] + 1]
    return box, half[2]


def write_phantom_picture(
    path: str | Path = "docs/images/phantom.png", seed: int = 374, spacing: float = 1.5, dpi: int = 100
) -> Path:
    """Write the picture that the README shows, with few colours so that the file stays small."""
    picture = Image.open(io.BytesIO(png(phantom_figure(seed, spacing), dpi=dpi))).convert("RGB")
    stream = io.BytesIO()
    picture.quantize(COLOURS, dither=Image.Dither.NONE).save(stream, "PNG", optimize=True)
    write_bytes(path, stream.getvalue())
    return Path(path)
