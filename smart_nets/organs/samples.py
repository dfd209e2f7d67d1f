"""Organ crops from wherever they come: phantoms, OrganMNIST3D, a .npz of boxes, scans with label maps, or plain volumes."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch

from smart_nets.errors import InputError
from smart_nets.lists.manifest import datalist
from smart_nets.lists.pseudonym import pseudonym
from smart_nets.optional import bar
from smart_nets.organs.fields import CROPS, SHIFT, Fields, cut, phantom_fields, reach
from smart_nets.organs.label_maps import ORGANS, crops_of_scans, has_label_maps
from smart_nets.organs.medmnist import is_medmnist, read_organmnist
from smart_nets.organs.npz import read_arrays_of, read_boxes
from smart_nets.organs.probe import OrganCrops, middle_mm, read_organ_crops
from smart_nets.scans.crop import crop_or_pad
from smart_nets.scans.grid import network_grid
from smart_nets.scans.read import read_options, read_volume
from smart_nets.scans.window import window_hu
from smart_nets.settings import Rule
from smart_nets.statistics.places import crop_places

NPZ = "a .npz of OrganMNIST3D, or of x, organ, scan (docs/README.md)"
ORGAN_NAMES = Rule(
    "are no names", "None, or a list such as ['aorta', 'stomach']",
    lambda value: value is None or (isinstance(value, (list, tuple)) and all(isinstance(one, str) for one in value)),
)  # fmt: skip
UNNAMED = ""  # the organ of a volume that nobody names


def find_samples(
    source: str | Path | None,
    size: Sequence[int],
    spacing: Sequence[float],
    window: Sequence[float],
    patients: int = 8,
    organs: Sequence[str] | None = None,
    fields_spacing: float | None = None,
    orientation: str | None = None,
) -> OrganCrops:
    """Crops of `size` voxels of `spacing` mm in [0, 1], with the organ and scan of each.

    Args:
        source: None for phantoms; a .npz; a folder of scans with label maps (`label_maps.FORMAT`); or volumes as `datalist`
            takes them, of which each gives its middle, named by its "organ" in a datalist or by the folder it lies in.
        patients: phantoms. organs: names of labels to take from label maps, and of folders of volumes.
        fields_spacing, orientation: what a .npz does not tell itself.

    Raises:
        InputError: the source is missing, damaged or of another form.
    """
    ORGAN_NAMES.check("organs", organs)
    low, high = float(window[0]), float(window[1])
    cube, steps = (int(size[0]), int(size[1]), int(size[2])), (float(spacing[0]), float(spacing[1]), float(spacing[2]))
    if source is None:
        return _moved(phantom_fields(patients, steps[0], cube[0]), cube[0], (low, high))
    path = Path(source).expanduser()
    if path.suffix == ".npz":
        return _of_npz(path, cube, steps, (low, high), fields_spacing, orientation)
    if path.is_dir() and has_label_maps(path):
        return crops_of_scans(path, cube, steps, (low, high), organs)
    return _of_volumes(path, cube, steps, (low, high), organs or ())


def spelt(organ: str) -> str:
    """kidney_left and Kidney-Left are "kidney left"."""
    return organ.lower().replace("_", " ").replace("-", " ").strip()


def _of_npz(
    path: Path,
    size: tuple[int, int, int],
    spacing: tuple[float, float, float],
    window: tuple[float, float],
    fields_spacing: float | None,
    orientation: str | None,
) -> OrganCrops:
    if is_medmnist(tuple(read_arrays_of(path, NPZ))):
        return read_organmnist(path, size)
    boxes = read_boxes(path, fields_spacing, orientation)
    roomy = min(boxes.hu.shape[1:]) >= size[0] + 2 * reach(spacing[0], SHIFT)
    if roomy and len(set(size)) == 1 and np.allclose(boxes.spacing, spacing, rtol=1e-3):
        return _moved(Fields(boxes.hu, boxes.organs, boxes.scans, spacing[0]), size[0], window)
    if fields_spacing is None:
        return read_organ_crops(path, size, window, spacing, orientation)
    found, remedy = f"{fields_spacing:g} mm", "cut larger boxes, with an array spacing in the file"
    expected = f"{size[0] + 2 * reach(spacing[0], SHIFT)} voxels or more of {spacing[0]:g} mm"
    raise InputError("boxes do not hold moved crops", where=path, expected=expected, found=found, remedy=remedy)


def _moved(fields: Fields, side: int, window: tuple[float, float]) -> OrganCrops:
    """Several crops of each field, each moved by some mm: placed exactly, crops would look too much alike."""
    crops = cut(fields, side, CROPS, SHIFT)
    return OrganCrops(crops.images(window), crops.organs.tolist(), crops.scans.tolist())


def _of_volumes(
    path: Path,
    size: tuple[int, int, int],
    spacing: tuple[float, float, float],
    window: tuple[float, float],
    named: Sequence[str],
) -> OrganCrops:
    """The middle of each volume; folders tell the organ only where they bear the name of one: many bear a patient's."""
    known = {spelt(name) for name in (*ORGANS, *ORGANS.values(), *named)}
    crops, organs, names, centres = [], [], [], []
    items = datalist(path)
    for item in bar(items, "volumes"):
        scan = network_grid(read_volume(item["image"], **read_options(item)), spacing)
        grid, corner = scan.array, (np.array(scan.array.shape) - size) // 2
        box = crop_or_pad(grid, corner, np.array(size))
        centres.append(middle_mm(scan.affine, corner, size))
        crops.append(window_hu(box, *window))
        folder = Path(item["image"]).parent.name
        organs.append(str(item.get("organ", spelt(folder) if spelt(folder) in known else UNNAMED)))
        names.append(pseudonym(str(item["patient_id"])))
    stacked = torch.stack(crops).unsqueeze(1)  # n of (D, H, W) -> (n, 1, D, H, W)
    return OrganCrops(stacked, organs, names, crop_places(items, centres))
