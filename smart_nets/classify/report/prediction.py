"""A prediction as files: the probabilities as a table, and the lesion with what it rests on as a picture."""

from __future__ import annotations

import csv
import io
from collections.abc import Hashable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from monai.transforms import MapTransform
from numpy.typing import NDArray

from smart_nets.files import one_name, open_to_append, write_text
from smart_nets.optional import absent
from smart_nets.pages.planes import FIXED_AXIS, PLANES, black_figure, draw_plane, png

if TYPE_CHECKING:
    from matplotlib.figure import Figure

NOTE = "research only, not for diagnostic use"
OPAQUE = 0.55  # of the strongest colour: the lesion must be seen through it


class SavePredictiond(MapTransform):
    """Append one line to predictions.csv and draw <name>.png per lesion.

    The table holds the lesion's name (of `with_names`), its centre in RAS mm and the probability of each class. A table
    of an earlier run is replaced with the first lesion.

    Args:
        keys: of the probabilities (classes,).
        output_dir: made when missing.
        classes: their names.
        crop, reason: keys of the lesion's cube in [0, 1] and of the map (1, D, H, W) of what the answer rests on, 1 = even.
    """

    def __init__(
        self,
        keys: str | Sequence[str],
        output_dir: str | Path,
        classes: Sequence[str],
        crop: str = "image",
        reason: str = "reason",
    ) -> None:
        super().__init__(keys)
        self.output_dir, self.classes, self.crop, self.reason = Path(output_dir), list(classes), crop, reason
        self.begun = False

    def __call__(self, data: Mapping[Hashable, Any]) -> dict[Hashable, Any]:
        item = dict(data)
        self.output_dir.mkdir(parents=True, exist_ok=True)
        for key in self.keys:
            probabilities = torch.as_tensor(item[key]).cpu().flatten().tolist()
            name = one_name(item["scan_grid"]["name"])
            self._append(name, item["scan_grid"], probabilities)
            if not absent("pictures of lesions", "matplotlib"):
                self._draw(name, item, probabilities)
        return item

    def _append(self, name: str, grid: Mapping[str, Any], probabilities: Sequence[float]) -> None:
        header = ["lesion", "x", "y", "z", *(f"probability of {one}" for one in self.classes), "note"]
        centre = [f"{float(value):.1f}" for value in grid["centre_mm"]]
        path, text = self.output_dir / "predictions.csv", io.StringIO()
        if not self.begun:
            write_text(path, "")  # in the place of an earlier table
            csv.writer(text).writerow(header)
        csv.writer(text).writerow([name, *centre, *(f"{value:.4f}" for value in probabilities), NOTE])
        with open_to_append(path) as file:
            file.write(text.getvalue())
        self.begun = True

    def _draw(self, name: str, item: Mapping[Hashable, Any], probabilities: Sequence[float]) -> None:
        image = item[self.crop]
        cube, reason = (torch.as_tensor(one)[0].cpu().numpy() for one in (image, item[self.reason]))  # (D, H, W)
        spacing = np.linalg.norm(image.affine[:3, :3].numpy(), axis=0).tolist()
        said = ", ".join(f"{one} {value:.0%}" for one, value in zip(self.classes, probabilities, strict=True))
        png(lesion_figure(cube, reason, spacing, f"{said}  ({NOTE})"), self.output_dir / f"{name}.png")


def lesion_figure(cube: NDArray[Any], reason: NDArray[Any], spacing: Sequence[float], title: str) -> Figure:
    """Three planes through the middle of a cube, plain above and below with what the answer rests on in colour.

    Args:
        cube: (D, H, W) in [0, 1], axes growing towards R, A, S.
        reason: (D, H, W), 1 = an even share. Clear up to there; in full colour only if it reaches twice that somewhere.
        spacing: voxel size in mm.
        title: one line above the pictures.
    """
    figure = black_figure(9, 6.6)
    over = np.clip(reason - 1, 0, None)
    for row, heat in zip(figure.subplots(2, 3), (None, over), strict=True):
        for axes, plane in zip(row, PLANES, strict=True):
            middle = cube.shape[FIXED_AXIS[plane]] // 2
            draw_plane(axes, cube, spacing, plane, middle, (0.0, 1.0), heat, alpha=OPAQUE * min(1.0, float(over.max())))
    figure.suptitle(title, color="white", fontsize=10)
    told = f"colour: what the answer rests on, up to {reason.max():.1f} times an even share"
    figure.supxlabel(told, color="white", fontsize=9)
    return figure
