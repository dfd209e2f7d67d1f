"""Check one scan: everything the manifest says of it, or the reason why it is refused."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args

import numpy as np

from smart_nets.errors import InputError, SmartError
from smart_nets.lists.cache import foreground_box
from smart_nets.lists.find import Candidate
from smart_nets.scans.dicom.folder import list_series
from smart_nets.scans.dicom.series import Spacing
from smart_nets.scans.hounsfield import LARGEST_OFFSET
from smart_nets.scans.read import Tilt, read_options, read_volume
from smart_nets.scans.volume import Volume
from smart_nets.scans.window import WINDOW
from smart_nets.settings import ABOVE_0, FROM_0, between, one_of

VERSION = 2  # raise when a check changes, so that scans are checked again
LUNG_ONLY = "shows nothing but lung"
PIECE_MM = 100.0  # shorter on every axis, an image is a piece of a scan
PERCENTILES = (0.5, 5, 50, 95, 99.5)


@dataclass(frozen=True)
class Rules:
    """What a scan must fulfil beside being a sound CT in HU.

    Args:
        min_depth: fewest voxels on any axis.
        tilt: "refuse" a gantry tilt, or "correct" it.
        crop: voxels of a training crop per axis; a body shorter than half of it is refused. 0 leaves this check out.
        spacing: voxel size in mm at which the crop is taken.
        slice_spacing: "refuse" uneven slice distances of DICOM, or "resample" the slices to even ones.
        hu_offset: added to every voxel, see `read_checked`.
    """

    min_depth: int = 2
    tilt: Tilt = "refuse"
    crop: int = 0
    spacing: float = 2.0
    slice_spacing: Spacing = "refuse"
    hu_offset: float | None = None

    @property
    def reading(self) -> dict[str, Any]:
        """What later readers of the scans must know: what is not as usual."""
        told = {"tilt": self.tilt, "spacing": self.slice_spacing, "hu_offset": self.hu_offset}
        return {name: value for name, value in told.items() if value not in ("refuse", None)}

    def __post_init__(self) -> None:
        between("min_depth", self.min_depth, 2)
        one_of("tilt", self.tilt, get_args(Tilt))
        one_of("slice_spacing", self.slice_spacing, get_args(Spacing))
        FROM_0.check("crop", self.crop)
        ABOVE_0.check("spacing", self.spacing)
        if self.hu_offset is not None:
            between("hu_offset", self.hu_offset, -LARGEST_OFFSET, LARGEST_OFFSET)


def check_scan(candidate: Candidate, rules: Rules) -> dict[str, Any]:
    """The manifest's fields of a scan; or "reason", "fault" (the same without names) and "kind" (the error's class)."""
    fault: SmartError
    try:
        if candidate.fault is not None:
            raise candidate.fault
        reading = {**rules.reading, **read_options(candidate.fields)}
        volume = read_volume(candidate.path, **{"series": candidate.series, **reading}, min_depth=rules.min_depth)
        _check_tissue(volume)
        corner, end = foreground_box(volume.array, WINDOW[0], volume.where)
        body = (end - corner) * volume.spacing  # mm
        _check_crop(body, rules, volume.where)
        described = _description(candidate, volume, body)
        return {**described, **({"reading": reading} if reading else {})}
    except SmartError as error:
        fault = error
    except (OSError, MemoryError) as error:
        expected, remedy = "a readable scan that fits into memory", "check disk and memory, or use fewer workers"
        fault = InputError("cannot be read", where=candidate.name, expected=expected, found=error, remedy=remedy)
    except Exception as error:  # one scan never ends the check of all others
        found, remedy = f"{type(error).__name__}: {error}", "export or convert the scan again"
        fault = InputError("cannot be checked", where=candidate.name, found=found, remedy=remedy)
    return {"reason": str(fault), "fault": fault.what, "kind": type(fault).__name__}


def _description(candidate: Candidate, volume: Volume, body: np.ndarray) -> dict[str, Any]:
    sample = volume.array.ravel(order="K")[:: max(1, volume.array.size // 200_000)]
    levels = np.percentile(sample, PERCENTILES)
    return {
        "sha256": file_hash(candidate),
        "voxels_sha256": voxel_hash(volume),
        "shape": list(volume.array.shape),
        "spacing": [round(float(length), 4) for length in volume.spacing],
        "body_mm": [round(float(length), 1) for length in body],
        "hu_percentiles": {f"{p:g}": round(float(hu), 1) for p, hu in zip(PERCENTILES, levels, strict=True)},
        "notes": volume.notes,
    }


def _check_tissue(volume: Volume) -> None:
    """Nothing is wrong with a small piece of lung, but nothing can be learnt from it; `foreground_box` tells the rest."""
    sides = volume.spacing * volume.array.shape
    if sides.max() < PIECE_MM and volume.array.max() <= WINDOW[0]:
        found, remedy = f"at most {volume.array.max():g} HU in {sides.max():.0f} mm", "leave it out"
        expected = f"tissue above {WINDOW[0]:g} HU"
        raise InputError(LUNG_ONLY, where=volume.where, expected=expected, found=found, remedy=remedy)


def _check_crop(body: np.ndarray, rules: Rules, where: str) -> None:
    voxels = np.rint(body / rules.spacing).astype(int)
    if rules.crop and (2 * voxels < rules.crop).any():
        expected = f"at least {(rules.crop + 1) // 2} voxels of {rules.spacing:g} mm per axis"
        remedy, found = "leave it out, or take a smaller crop", voxels.tolist()
        raise InputError("is smaller than half the crop", where=where, expected=expected, found=found, remedy=remedy)


def file_hash(candidate: Candidate) -> str:
    """SHA-256 of a file's bytes, or of the hashes of all files of a DICOM series."""
    if candidate.path.is_file():
        return _sha256(candidate.path)
    groups = {} if candidate.files else list_series(candidate.path, below=True)
    wanted = [groups[candidate.series]] if candidate.series and groups else groups.values()
    files = candidate.files or [file for group in wanted for file in group.files]
    return hashlib.sha256("".join(map(_sha256, files)).encode()).hexdigest()


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def voxel_hash(volume: Volume) -> str:
    """SHA-256 of what is seen: HU in RAS order with their spacing. Copies in other formats have the same."""
    digest = hashlib.sha256(f"{volume.array.shape} {volume.spacing.round(3)}".encode())
    digest.update(np.ascontiguousarray(np.rint(volume.array), dtype="<i2").data)
    return digest.hexdigest()
