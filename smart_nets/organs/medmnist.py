"""OrganMNIST3D as MedMNIST ships it: 11 organs as small cubes of grey values, the set of SMART's Table 1 (section 4.2)."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray

from smart_nets.errors import InputError
from smart_nets.organs.npz import read_arrays_of
from smart_nets.organs.probe import OrganCrops

SPLITS = ("train", "val", "test")
SIDES = (28, 64)
NAMES: tuple[str, ...] = (
    "liver",
    "kidney right",
    "kidney left",
    "femur right",
    "femur left",
    "bladder",
    "heart",
    "lung right",
    "lung left",
)
NAMES += ("spleen", "pancreas")
FORMAT = (
    "train_images (n, 28, 28, 28) or (n, 64, 64, 64) uint8, train_labels (n, 1) from 0 to 10, and val_ and test_ alike"
)


def is_medmnist(arrays: Sequence[str]) -> bool:
    """Whether names of arrays are those of a file of MedMNIST."""
    return any(name.endswith("_images") for name in arrays)


def read_organmnist(path: str | Path, size: Sequence[int], splits: Sequence[str] = SPLITS) -> OrganCrops:
    """All cubes of the splits, linearly resized to `size` voxels; each counts as a patient of its own, for none is told.

    MedMNIST has made a cube of every organ's box, so that millimetres, HU and the organ's shape are lost before.

    Raises:
        InputError: the file is missing, damaged, or another set of MedMNIST.
    """
    arrays = read_arrays_of(path, FORMAT)
    lacking = [f"{one}_{kind}" for one in splits for kind in ("images", "labels") if f"{one}_{kind}" not in arrays]
    if lacking:
        found = ", ".join(arrays)[:200] or "nothing"
        raise InputError("is not OrganMNIST3D", where=path, expected=FORMAT, found=found, remedy="download it again")
    images = [_images(arrays[f"{one}_images"], path) for one in splits]
    labels = [_labels(arrays[f"{one}_labels"], len(cubes), path) for one, cubes in zip(splits, images, strict=True)]
    parts = [torch.from_numpy(cube) for cubes in images for cube in np.array_split(cubes, max(1, len(cubes) // 64))]
    scaled = [
        F.interpolate(part[:, None].float() / 255, tuple(size), mode="trilinear", align_corners=False) for part in parts
    ]  # (k, s, s, s) -> (k, 1, D, H, W)
    present = len(np.unique(np.concatenate(labels)))
    if present != len(NAMES):
        remedy = "take organmnist3d.npz or organmnist3d_64.npz"
        what, expected = "is another set of MedMNIST, or a part of one", f"{len(NAMES)} organs"
        raise InputError(what, where=path, expected=expected, found=f"{present} classes", remedy=remedy)
    names = [f"{one} {number}" for one, cubes in zip(splits, images, strict=True) for number in range(len(cubes))]
    return OrganCrops(torch.cat(scaled), [NAMES[label] for part in labels for label in part.tolist()], names)


def _images(cubes: NDArray[Any], path: str | Path) -> NDArray[np.uint8]:
    if cubes.ndim != 4 or cubes.shape[1:] not in {(side,) * 3 for side in SIDES} or cubes.dtype != np.uint8:
        found = f"{cubes.shape} {cubes.dtype}"
        remedy = "take organmnist3d.npz or organmnist3d_64.npz"
        raise InputError("holds no cubes of OrganMNIST3D", where=path, expected=FORMAT, found=found, remedy=remedy)
    return cubes


def _labels(labels: NDArray[Any], count: int, path: str | Path) -> NDArray[np.int64]:
    flat = labels.reshape(-1)
    if len(flat) != count or flat.dtype.kind not in "iu" or (count and not 0 <= flat.min() <= flat.max() < len(NAMES)):
        found = f"{labels.shape} {labels.dtype}, {', '.join(map(str, np.unique(flat)[:5]))} ..."
        raise InputError("holds no labels of OrganMNIST3D", where=path, expected=FORMAT, found=found)
    return flat.astype(np.int64)
