"""A prediction as files: the probabilities as a table, and the lesion with what it rests on as a picture."""

from __future__ import annotations

import csv
import io
from collections.abc import Hashable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from monai.transforms import MapTransform

from smart_nets.classify.report.lesion_picture import LesionViews, lesion_figure
from smart_nets.files import one_name, open_to_append, write_text
from smart_nets.optional import absent
from smart_nets.pages.planes import png
from smart_nets.settings import one_of

NOTE = "research only, not for diagnostic use"
KINDS_OF_REASON = ("attention", "occlusion")


class SavePredictiond(MapTransform):
    """Append one line to predictions.csv and draw <name>.png per lesion.

    The table holds the lesion's name (of `with_names`), its centre in RAS mm and the probability of each class. A table
    of an earlier run is replaced with the first lesion.

    Args:
        keys: of the probabilities (classes,).
        output_dir: made when missing.
        classes: their names.
        crop, reason: keys of the lesion's cube in [0, 1] and of the map (1, D, H, W) of what the answer rests on.
        kind: of that map, "attention" or "occlusion", see `reason_map`.
        overview: key of the larger field around the cube in [0, 1]; a lesion without it is drawn without.

    Raises:
        ConfigError: a kind that is none of these.
    """

    def __init__(
        self,
        keys: str | Sequence[str],
        output_dir: str | Path,
        classes: Sequence[str],
        crop: str = "image",
        reason: str = "reason",
        kind: str = "attention",
        overview: str = "overview",
    ) -> None:
        super().__init__(keys)
        one_of("kind", kind, KINDS_OF_REASON)
        self.output_dir, self.classes, self.crop, self.reason = Path(output_dir), list(classes), crop, reason
        self.kind, self.overview = kind, overview
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
        image, field = item[self.crop], item.get(self.overview)
        cube, reason = (torch.as_tensor(one)[0].cpu().numpy() for one in (image, item[self.reason]))  # (D, H, W)
        wide = None if field is None else torch.as_tensor(field)[0].cpu().numpy()  # (1, d, h, w) -> (d, h, w)
        steps = (1.0, 1.0, 1.0) if field is None else _spacing_of(field)
        views = LesionViews(cube, _spacing_of(image), reason, self.kind, wide, steps)
        said = ", ".join(f"{one} {value:.0%}" for one, value in zip(self.classes, probabilities, strict=True))
        png(lesion_figure(views, f"{said}  ({NOTE})"), self.output_dir / f"{name}.png")


def _spacing_of(image: Any) -> list[float]:
    """Voxel size in mm of a MetaTensor."""
    lengths: list[float] = np.linalg.norm(image.affine[:3, :3].numpy(), axis=0).tolist()
    return lengths
