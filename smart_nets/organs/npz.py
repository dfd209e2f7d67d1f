"""A .npz of boxes around organs, and what it must tell of them: HU, organ, scan, voxel size and which way the axes run."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from smart_nets.errors import InputError
from smart_nets.scans.volume import Volume
from smart_nets.statistics.features import FAULTS, checked_arrays

KEYS = ("x", "organ", "scan")
GRID = ("spacing", "orientation")
SIDES = {"R": (0, 1.0), "L": (0, -1.0), "A": (1, 1.0), "P": (1, -1.0), "S": (2, 1.0), "I": (2, -1.0)}
FORMAT = "x (n, D, H, W) in HU, organ (n,), scan (n,), spacing in mm of the axes of x, orientation such as RAS"
FAT = -50  # HU; every part of a body holds something darker

Names = NDArray[np.str_]


@dataclass(frozen=True, eq=False)
class OrganBoxes:
    """Boxes x (n, D, H, W) in HU, axes to the Right, Anterior and Superior, and the organ and scan of each."""

    hu: NDArray[Any]
    organs: Names
    scans: Names
    spacing: tuple[float, float, float]


def read_boxes(path: str | Path, spacing: float | None = None, orientation: str | None = None) -> OrganBoxes:
    """Boxes of a .npz as `FORMAT` says, turned to RAS.

    Args:
        spacing: mm of a voxel's side, where the file does not tell it; both must agree.
        orientation: where the axes of x run, where the file does not tell it; both must agree.

    Raises:
        InputError: the file is missing, damaged or lacks an array, nobody tells its spacing or orientation or they are none,
            or the arrays do not match.
    """
    path = Path(path)
    arrays = read_arrays_of(path, FORMAT)
    if not set(KEYS) <= arrays.keys():
        found = ", ".join(arrays)[:200] or "nothing"
        raise InputError("lacks arrays", where=path, expected=FORMAT, found=found, remedy="add and name them so")
    n = len(arrays["x"]) if arrays["x"].ndim else 0
    shapes = {name: arrays[name].shape for name in KEYS}
    if arrays["x"].ndim != 4 or not arrays["x"].size or not shapes["organ"] == shapes["scan"] == (n,):
        found = ", ".join(f"{name} {shape}" for name, shape in shapes.items())
        raise InputError(
            "arrays do not match", where=path, expected="x (n, D, H, W), organ (n,), scan (n,)", found=found
        )
    steps = _steps(path, arrays.get("spacing"), spacing)
    letters = _letters(path, arrays.get("orientation"), orientation)
    _check_values(arrays["x"], path)
    affine = np.zeros((4, 4))
    for axis, (letter, step) in enumerate(zip(letters, steps, strict=True)):
        side, sign = SIDES[letter]
        affine[side, axis] = sign * step
    affine[3, 3] = 1
    upright = [Volume(box, affine, str(path)).to_ras() for box in arrays["x"]]
    hu = np.stack([box.array for box in upright])
    d, h, w = upright[0].spacing.tolist()
    return OrganBoxes(hu, arrays["organ"].astype(np.str_), arrays["scan"].astype(np.str_), (d, h, w))


def read_arrays_of(path: str | Path, expected: str, left_out: Collection[str] = ()) -> dict[str, NDArray[Any]]:
    """The arrays of a .npz; InputError, with the format that was expected, where it is missing or damaged."""
    path = Path(path)
    if not path.is_file():
        raise InputError("there is no such file", where=path, expected=expected, remedy="give a .npz")
    try:
        return checked_arrays(path, left_out)
    except FAULTS as error:
        what, remedy = "is damaged, or no .npz of organs", "copy or make it again"
        raise InputError(what, where=path, expected=expected, found=error, remedy=remedy) from error


def _steps(path: Path, told: NDArray[Any] | None, given: float | None) -> list[float]:
    """Voxel sizes (3,) in mm along the axes of x."""
    value = given if told is None else told
    if value is None:
        remedy = "add an array spacing, in mm along the axes of x"
        raise InputError("does not tell its voxel size", where=path, expected=FORMAT, found="no spacing", remedy=remedy)
    steps = np.asarray(value)
    if (
        steps.dtype.kind not in "iuf"
        or steps.shape not in ((), (1,), (3,))
        or not (np.isfinite(steps) & (steps > 0)).all()
    ):
        raise InputError(
            "spacing is no length", where=path, expected="one or three numbers above 0, in mm", found=value
        )
    if given is not None and not np.allclose(steps, given, rtol=1e-3):
        found, remedy = f"{given} in the settings", "correct one of them"
        raise InputError(
            "spacing is told twice", where=path, expected=f"{told} as in the file", found=found, remedy=remedy
        )
    return [float(step) for step in np.broadcast_to(steps, 3)]


def _letters(path: Path, told: NDArray[Any] | None, given: str | None) -> str:
    """Where each axis of x runs to, such as RAS."""
    if told is None and given is None:
        remedy = "add an array orientation: three letters, where the axes of x run to"
        raise InputError("does not tell its axes", where=path, expected=FORMAT, found="no orientation", remedy=remedy)
    text = str(given) if told is None else "".join(np.asarray(told).astype(str).ravel())
    sides = {SIDES[letter][0] for letter in text if letter in SIDES}
    if len(text) != 3 or len(sides) != 3:
        expected = "three letters, one each of R or L, A or P, S or I, such as RAS"
        raise InputError("orientation is none", where=path, expected=expected, found=text[:40] or "nothing")
    if given is not None and text != given:
        found, remedy = f"{given} in the settings", "correct one of them"
        raise InputError(
            "orientation is told twice", where=path, expected=f"{text} as in the file", found=found, remedy=remedy
        )
    return text


def _check_values(x: NDArray[Any], path: Path) -> None:
    if x.dtype.kind not in "iuf":
        raise InputError("voxels are no numbers", where=path, expected="HU", found=x.dtype)
    broken = int((~np.isfinite(x)).any((1, 2, 3)).sum())
    if broken:
        raise InputError("voxels are not finite", where=path, expected="HU", found=f"{broken} of {len(x)} boxes")
    if x.min() > FAT:
        found, remedy = f"{x.min()} to {x.max()}", "give HU, neither grey values nor HU + 1024"
        raise InputError("is not in HU", where=path, expected=f"values below {FAT}", found=found, remedy=remedy)
