"""One picture of a pretraining run for a README or a slide: crops, masks, painting, and where the model looks."""

from __future__ import annotations

import base64
import io
import math
from pathlib import Path

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from PIL import Image

from smart_nets.errors import InputError
from smart_nets.visual.panels import Array, Crop, middle
from smart_nets.visual.planes import png
from smart_nets.visual.run_folder import read_run

COLUMNS = (
    "a scan's crop",
    "what the teacher saw",
    "what the student saw",
    "what the student painted",
    "where the model looks",
)


def run_figure(run_dir: str | Path, crops: int = 2) -> Figure:
    """A row per probe crop, in the axial plane.

    Raises:
        InputError: the run kept no pictures of all five kinds.
    """
    shots = read_run(Path(run_dir)).snapshots or {}
    lacking = {"image", "dropped", "mask", "reconstruction", "attention_after"} - set(shots)
    if lacking:
        raise InputError("this run kept no such pictures", where=run_dir, found=f"without {', '.join(sorted(lacking))}",
                         remedy="take a run with all losses, semantic attention and a noisy teacher")  # fmt: skip
    rows = min(crops, len(shots["image"]))
    top = max(2.0, math.ceil(float(np.percentile(shots["attention_after"], 99.5))))
    figure = Figure(figsize=(11.6, 2.3 * rows + 0.3), facecolor="black", layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots(rows, len(COLUMNS), squeeze=False)
    for i in range(rows):
        crop = Crop(shots["image"][i], shots["spacing"])
        index = middle(shots["image"][i])["axial"]
        pictures = (
            crop.plain("axial", index),
            crop.covered(shots["dropped"][i], "axial", index),
            crop.covered(shots["mask"][i], "axial", index),
            crop.rebuilt(shots["reconstruction"][i], shots["mask"][i], "axial", index),
            crop.looked_at(shots["attention_after"][i], "axial", index, top),
        )
        for cell, title, picture in zip(axes[i], COLUMNS, pictures, strict=True):
            cell.imshow(_pixels(picture))
            cell.set_axis_off()
            if i == 0:
                cell.set_title(title, color="white", fontsize=10)
    return figure


def write_run_picture(run_dir: str | Path, path: str | Path, crops: int = 2) -> Path:
    """Write `run_figure` as a PNG."""
    Path(path).write_bytes(png(run_figure(run_dir, crops), dpi=100))
    return Path(path)


def _pixels(data_uri: str) -> Array:
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(data_uri.split(",", 1)[1]))).convert("RGB"))
