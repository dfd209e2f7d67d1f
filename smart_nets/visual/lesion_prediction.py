"""A prediction as files: the probabilities as a table, and the lesion with what it rests on as a picture."""

from __future__ import annotations

import csv
from collections.abc import Hashable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from monai.transforms import MapTransform

from smart_nets.visual.planes import png, three_planes

NOTE = "research only, not for diagnostic use"


class SavePredictiond(MapTransform):
    """Append one line to predictions.csv and draw <scan>[_<row>].png per lesion.

    The table holds the scan's name, the lesion's row, its centre in RAS mm and the probability of each class. A table
    of an earlier run is replaced with the first lesion.

    Args:
        keys: of the probabilities (classes,).
        output_dir: made when missing.
        classes: their names.
        crop, reason: keys of the lesion's cube in [0, 1] and of the map (1, D, H, W) of what the answer rests on, 1 = even.
    """

    def __init__(
        self, keys: str | Sequence[str], output_dir: str | Path, classes: Sequence[str], crop: str = "image",
        reason: str = "reason",
    ) -> None:  # fmt: skip
        super().__init__(keys)
        self.output_dir, self.classes, self.crop, self.reason = Path(output_dir), list(classes), crop, reason
        self.begun = False

    def __call__(self, data: Mapping[Hashable, Any]) -> dict[Hashable, Any]:
        item = dict(data)
        self.output_dir.mkdir(parents=True, exist_ok=True)
        for key in self.keys:
            probabilities = torch.as_tensor(item[key]).cpu().flatten().tolist()
            name = lesion_name(item["scan_grid"])
            self._append(name, item["scan_grid"], probabilities)
            self._draw(name, item, probabilities)
        return item

    def _append(self, name: str, grid: Mapping[str, Any], probabilities: Sequence[float]) -> None:
        header = ["lesion", "x", "y", "z", *(f"probability of {one}" for one in self.classes), "note"]
        centre = [f"{float(value):.1f}" for value in grid["centre_mm"]]
        with (self.output_dir / "predictions.csv").open(
            "a" if self.begun else "w", newline="", encoding="utf-8"
        ) as file:
            rows = [] if self.begun else [header]
            csv.writer(file).writerows([*rows, [name, *centre, *(f"{value:.4f}" for value in probabilities), NOTE]])
        self.begun = True

    def _draw(self, name: str, item: Mapping[Hashable, Any], probabilities: Sequence[float]) -> None:
        image = item[self.crop]
        cube = torch.as_tensor(image)[0].cpu().numpy()  # (1, D, H, W) -> (D, H, W)
        over = np.clip(torch.as_tensor(item[self.reason])[0].cpu().numpy() - 1, 0, None)  # clear where uniform or less
        spacing = np.linalg.norm(image.affine[:3, :3].numpy(), axis=0)
        said = ", ".join(f"{one} {value:.0%}" for one, value in zip(self.classes, probabilities, strict=True))
        figure = three_planes(cube, spacing, window=(0.0, 1.0), overlay=over, title=f"{said}  ({NOTE})")
        png(figure, self.output_dir / f"{name}.png")


def lesion_name(grid: Mapping[str, Any]) -> str:
    """The scan's file name without its ending, and the lesion's row where there are several."""
    source = Path(str(grid["source"]))
    stem = source.name.removesuffix(".gz").rsplit(".", 1)[0] if source.suffix else source.name
    return stem if int(grid["row"]) < 0 else f"{stem}_{int(grid['row'])}"
