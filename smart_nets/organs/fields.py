"""Fields around points inside organs, and crops cut from them: what `organ_fields` judges features on.

A field is larger than a crop, so that several crops, moved by some mm, can be cut from each. Fields are read from a .npz, or
made of phantoms that no training run sees.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from smart_nets.errors import InputError
from smart_nets.organs.npz import Names, read_boxes
from smart_nets.organs.probe import FIRST_SEED, crop_around
from smart_nets.phantom import make_phantom, organ_centres
from smart_nets.scans.window import window_hu
from smart_nets.settings import ABOVE_0, FROM_1, Rule

SIDE, CROPS, SHIFT = 32, 6, 12.0  # voxels a side, crops a field, mm along each axis: 64 mm at 2 mm, where looks decide
LENGTH = Rule("is no length", "mm above 0, such as 2", ABOVE_0.good)


@dataclass(frozen=True, eq=False)
class Fields:
    """Fields (n, D, H, W) in HU of voxels of `spacing` mm, and the organ and scan of each.

    Raises:
        InputError: there are no fields, the arrays do not match, a voxel is no number, or nothing can be learnt with one
            scan left out. ConfigError: the spacing is no length.
    """

    hu: NDArray[Any]
    organs: Names
    scans: Names
    spacing: float

    def __post_init__(self) -> None:
        LENGTH.check("fields_spacing", self.spacing)
        n = len(self.hu)
        if self.hu.ndim != 4 or not self.hu.size or self.organs.shape != (n,) or self.scans.shape != (n,):
            expected = "x (n, D, H, W), organ (n,), scan (n,)"
            found = f"{self.hu.shape}, {self.organs.shape} and {self.scans.shape}"
            raise InputError("fields, organs and scans do not match", expected=expected, found=found)
        if self.hu.dtype.kind not in "iuf":
            raise InputError("fields are no numbers", expected="HU", found=self.hu.dtype)
        broken = int((~np.isfinite(self.hu)).any((1, 2, 3)).sum())
        if broken:
            raise InputError("voxels are not finite", expected="HU", found=f"{broken} of {n} fields")
        if len(np.unique(self.scans)) < 2:
            what = "fields of one scan judge nothing, for one scan is left out"
            raise InputError(what, expected="2 scans or more", found=self.scans[0])
        for scan in np.unique(self.scans):
            others = np.unique(self.organs[self.scans != scan])
            if len(others) < 2:
                what = "without this scan there is one organ only"
                raise InputError(what, where=f"scan {scan}", expected="2 organs or more", found=others[0])


@dataclass(frozen=True, eq=False)
class FieldCrops:
    """Crops (m, S, S, S) in HU, and the organ and scan of each."""

    hu: NDArray[Any]
    organs: Names
    scans: Names

    def images(self, window: tuple[float, float]) -> Tensor:
        """(m, 1, S, S, S) in [0, 1]."""
        return window_hu(torch.from_numpy(self.hu.astype(np.float32)), *window).unsqueeze(1)


def read_fields(path: str | Path, spacing: float, orientation: str | None = None) -> Fields:
    """Fields of a .npz (`npz.FORMAT`), turned to RAS.

    Args:
        spacing: mm of a voxel's side, with which a file that tells its own must agree.
        orientation: where the axes run, such as "RAS", where the file does not tell it.

    Raises:
        InputError: see `read_boxes` and `Fields`. ConfigError: the spacing is no length.
    """
    LENGTH.check("fields_spacing", spacing)
    boxes = read_boxes(path, spacing, orientation)  # cubes, for all three steps agree with the one number
    try:
        return Fields(boxes.hu, boxes.organs, boxes.scans, spacing)
    except InputError as error:
        where = f"{path}, {error.where}" if error.where else path
        facts = {"expected": error.expected, "found": error.found, "remedy": error.remedy}
        raise InputError(error.what, where=where, **facts) from error


def phantom_fields(patients: int, spacing: float, side: int = SIDE, shift: float = SHIFT, seed: int = 0) -> Fields:
    """Fields, just large enough, around the 11 organs of OrganMNIST3D in phantoms that no training run sees."""
    LENGTH.check("fields_spacing", spacing)
    FROM_1.check("organ_patients", patients)
    size = (side + 2 * reach(spacing, shift),) * 3
    hu, organs, scans = [], [], []
    for number in range(patients):
        phantom = make_phantom(FIRST_SEED + seed + number, spacing=(spacing,) * 3, nodules=0)
        for organ, centre in organ_centres(phantom).items():
            hu.append(crop_around(phantom.image, centre, size))
            organs.append(organ)
            scans.append(phantom.patient_id)
    return Fields(np.stack(hu), np.array(organs), np.array(scans), spacing)


def find_fields(
    source: str | Path | None, patients: int, spacing: float, side: int = SIDE, orientation: str | None = None
) -> Fields:
    """Fields of a .npz; without one those of phantoms."""
    return read_fields(source, spacing, orientation) if source else phantom_fields(patients, spacing, side)


def reach(spacing: float, shift: float) -> int:
    """By how many voxels a crop moves at most."""
    return round(shift / spacing)


def cut(fields: Fields, side: int = SIDE, crops: int = CROPS, shift: float = SHIFT, seed: int = 0) -> FieldCrops:
    """`crops` cubes of `side` voxels of each field, each moved from its middle by up to `shift` mm along every axis.

    Raises:
        ConfigError: a setting that cannot be. InputError: fields smaller than a crop that has been moved.
    """
    for name, value in (("fields_side", side), ("crops", crops)):
        FROM_1.check(name, value)
    most, shape = reach(fields.spacing, shift), fields.hu.shape[1:]
    if min(shape) < side + 2 * most:
        what, found = "fields are smaller than a crop that has been moved", " x ".join(map(str, shape))
        expected = f"{side + 2 * most} voxels a side or more ({side}, and {shift:g} mm on either side)"
        raise InputError(what, expected=expected, found=found, remedy="cut larger fields, or a smaller crop")
    moves = np.random.default_rng(seed).integers(-most, most + 1, (len(fields.hu), crops, 3))
    low = np.array(shape) // 2 - side // 2 + moves  # (n, crops, 3)
    cubes = [
        field[tuple(slice(start, start + side) for start in place)]
        for field, places in zip(fields.hu, low.tolist(), strict=True)
        for place in places
    ]
    return FieldCrops(np.stack(cubes), np.repeat(fields.organs, crops), np.repeat(fields.scans, crops))
