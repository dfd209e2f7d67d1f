"""Whether voxels are HU: what a CT must have is looked for, where it must be, after padding was set aside."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from smart_nets.errors import ConfigError, InputError
from smart_nets.scans.hu_likelihood import looks_like
from smart_nets.scans.volume import AIR, Volume

MOST_BAD_VOXELS = 1e-3  # share of NaN and Inf voxels that is repaired
FEW_LABELS = 10  # distinct values no picture of tissue has
SAME_NEIGHBOURS = 0.3  # share of neighbours alike inside regions; noise makes it a few per cent in tissue
MOST_LABELS = 150  # distinct values; a CT has hundreds, a label map rarely more than 120
LARGEST_HU = 32767  # metal reaches 30,000 in extended HU; what lies higher is no HU and does not fit int16
LARGEST_OFFSET = 32768


def check_hu(volume: Volume, offset: float | None = None) -> Volume:
    """Voxels that are plausible HU: single NaN or Inf voxels become air, values below -1024 (padding) too.

    Args:
        volume: voxels of any numeric type.
        offset: added first, for files that store HU + 1024 without saying so (-1024). Given, be it 0, it vouches for HU.

    Raises:
        InputError: too many NaN, a constant volume, a label map, or values that cannot be HU.
        ConfigError: an offset that no scanner has.
    """
    if offset is not None and not abs(offset) <= LARGEST_OFFSET:
        raise ConfigError("is no offset in HU", where="hu_offset", expected="-1024, for instance", found=offset)
    array, where, notes = volume.array, volume.where, list(volume.notes)
    if array.dtype.kind == "f":
        array = _repair(array, where, notes)
    low, high = array.min(), array.max()
    if low == high:
        what, found = "has no contrast: all voxels are the same", f"{low:g} everywhere"
        raise InputError(what, where=where, expected="a range of HU", found=found, remedy="export the scan again")
    if offset:
        array = _shifted(array, offset)
        low, high = array.min(), array.max()
        notes.append(f"{offset:+g} added to every voxel (hu_offset)")
    _refuse_non_hu(replace(volume, array=array), vouched=offset is not None)
    if low < AIR:
        notes.append(f"padding set to air ({int((array < AIR).sum()):,} voxels, down to {low:g} HU)")
        array = np.maximum(array, array.dtype.type(AIR))
    return replace(volume, array=array, notes=notes)


def _shifted(array: np.ndarray, offset: float) -> np.ndarray:
    """Voxels plus the offset, in a type that holds them."""
    fits = array.dtype.kind == "f" or not float(offset).is_integer()
    return array.astype(np.float32) + np.float32(offset) if fits else array.astype(np.int32) + np.int32(offset)


def _repair(array: np.ndarray, where: str, notes: list[str]) -> np.ndarray:
    bad = int(array.size - np.isfinite(array).sum())
    if bad > MOST_BAD_VOXELS * array.size:
        expected, found = f"at most {MOST_BAD_VOXELS:.1%}", f"{bad:,} of {array.size:,}"
        remedy = "export the scan again"
        raise InputError("has NaN or Inf voxels", where=where, expected=expected, found=found, remedy=remedy)
    if bad:
        notes.append(f"NaN or Inf set to air ({bad} voxels)")
        array = np.where(np.isfinite(array), array, array.dtype.type(AIR))
    return array


def _refuse_non_hu(volume: Volume, vouched: bool) -> None:
    """Say of a scan that cannot be in HU what it looks like; of one that is vouched for, only what it surely is not."""
    array, where = volume.array, volume.where
    low, high = float(array.min()), float(array.max())
    span, remedy = f"range {low:g} to {high:g}", "export it in HU, or give hu_offset=0 if you know that it is"
    if low >= 0 and is_label_map(array):
        span = f"{len(np.unique(array))} whole numbers, {span}"
        remedy = "give the CT; masks belong in the label column"
        raise InputError("label map, not HU", where=where, expected="air near -1000", found=span, remedy=remedy)
    if high > LARGEST_HU:
        what, expected = "values are too high for HU", f"at most {LARGEST_HU:,}"
        raise InputError(what, where=where, expected=expected, found=span, remedy="check the slope")
    if vouched:
        return
    if low >= 0 and high <= 255:
        what, expected = f"not in HU: range {low:g}..{high:g}", "air near -1000"
        raise InputError(what, where=where, expected=expected, found=span, remedy="export the CT, not a picture of it")
    extent = float((np.array(array.shape) * volume.spacing).min())
    signed_bytes = -128 <= low <= -126 and high <= 127 and bool((array == np.rint(array)).all())
    guess = looks_like(voxel_sample(array).astype(np.float64), signed_bytes or array.dtype == np.int8, extent)
    if guess:
        if "hu_offset" in guess:
            guess, _, remedy = guess.partition("; ")
        expected = "air near -1000 and soft tissue at 0 to 80"
        raise InputError(f"not in HU: {guess}", where=where, expected=expected, found=span, remedy=remedy)


def voxel_sample(array: np.ndarray) -> np.ndarray:
    """Up to 400,000 voxels, evenly spread."""
    return array.ravel(order="K")[:: max(1, array.size // 200_000)]


def is_label_map(array: np.ndarray) -> bool:
    """Whether voxels are a few whole numbers from 0 up that form regions, as in a segmentation and never in a CT."""
    sample = voxel_sample(array)
    if sample.min() < 0 or (sample != np.rint(sample)).any() or len(np.unique(sample)) > MOST_LABELS:
        return False
    if array.min() < 0 or (count := len(np.unique(array))) > MOST_LABELS:
        return False
    inside = (array[1:] != 0) | (array[:-1] != 0)
    return count <= FEW_LABELS or float((array[1:] == array[:-1])[inside].mean()) > SAME_NEIGHBOURS
