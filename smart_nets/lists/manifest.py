"""Which scans there are: a folder, a file or a MONAI datalist becomes a list of items that exist and may be CT."""

from __future__ import annotations

import logging
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from smart_nets.errors import InputError, SmartError
from smart_nets.lists.find import Candidate, find
from smart_nets.scans.files.nifti import data_bytes, read_header
from smart_nets.scans.files.nifti_affine import Header, affine_of
from smart_nets.scans.hounsfield import is_label_map
from smart_nets.scans.read import NIFTI, read_stored
from smart_nets.scans.volume import sides_mm

log = logging.getLogger(__name__)
MOST_SHOWN = 5  # reasons told in a warning; `check_data` writes all of them
NO_CT = (OTHER, MAP) = "modality is not CT", "label map, not HU"  # what lies beside scans and was never meant to be one
SMALL = 1_000_000  # bytes that are read faster than they are reasoned about
LABEL_RATIO = 0.05  # label maps shrink below a twentieth of their size; a CT's noise does not


def datalist(
    source: str | Path | None,
    key: str = "training",
    patient_pattern: str = "",
    tag: str | None = None,
    keep_broken: bool = False,
) -> list[dict[str, Any]]:
    """Items {"image": absolute path, "patient_id": ...} (and "series" for DICOM) of a data source, with the sides of the scan
    along R, A and S in mm ("scan_mm") where headers tell them.

    A folder is searched with everything below it: each NIfTI, NRRD or MetaImage file is a scan, each SeriesInstanceUID
    among the DICOM files of a folder too. Files that are no CT (label maps, unreadable ones) are left out, counted
    and logged with their reasons. In a JSON file, every entry must be usable: MONAI's form {"training": [...]} or a
    plain list, paths relative to the JSON file. Mostly headers are read here; `check_data` reads every voxel.

    Args:
        source: folder, image file, or JSON file (for instance the manifest that `check_data` wrote).
        key: the list to take from a JSON file.
        patient_pattern: regular expression that finds the patient in a path, for files that do not tell it.
        tag: only entries of a JSON file with this "tag", such as "lung".
        keep_broken: of a folder, files that should be scans and cannot be read stay in the list, for those who read every
            scan and count what they had to leave out.

    Raises:
        InputError: the source does not exist, is empty, holds nothing usable, nothing has the tag, or an entry of the
            JSON is wrong.
        ConfigError: the pattern is no regular expression.
    """
    if source is None:
        what, remedy = "needs a datalist whose entries have tags", "give it as dataset_dir"
        raise InputError(what, where=f"tag {tag}", found="no data", remedy=remedy)
    path = Path(source).expanduser()
    candidates = [one for one in find(path, key, patient_pattern=patient_pattern) if not one.companion]
    candidates = candidates if tag is None else tagged(candidates, tag, path)
    examined = [_examined(candidate) for candidate in candidates]
    if keep_broken and not path.is_file():
        examined = [(fault if fault is None or fault.what in NO_CT else None, sides) for fault, sides in examined]
    refused = [fault for fault, _ in examined if fault is not None]
    if refused and path.is_file():
        raise refused[0]
    if len(refused) == len(candidates):
        raise InputError(
            f"none of {len(candidates)} files can be used", where=path, found=refused[0], remedy="give CT scans"
        )
    if refused:
        shown = [str(fault) for fault in refused[:MOST_SHOWN]] + ["..."] * (len(refused) > MOST_SHOWN)
        log.warning("%d of %d left out of %s:\n  %s", len(refused), len(candidates), path, "\n  ".join(shown))
    kept = [(one.item(), sides) for one, (fault, sides) in zip(candidates, examined, strict=True) if fault is None]
    return [item if sides is None else {"scan_mm": sides, **item} for item, sides in kept]


def large_enough(
    items: Sequence[dict[str, Any]], crop: Sequence[int], spacing: Sequence[float]
) -> list[dict[str, Any]]:
    """Those whose body fills half of a crop along each axis; the others are counted.

    The body is as a manifest tells it ("body_mm"), or at most as large as the scan ("scan_mm"); where neither is told, the
    scan stays.

    Args:
        crop: voxels.
        spacing: mm of a voxel.

    Raises:
        InputError: none is left.
    """
    half = (np.asarray(crop) + 1) // 2
    small = [item for item in items if (np.rint(_body(item) / spacing) < half).any()]
    if not small:
        return list(items)
    expected = (
        f"a body of at least {' x '.join(f'{side * step:g}' for side, step in zip(half, spacing, strict=True))} mm"
    )
    found = " x ".join(f"{side:.0f}" for side in _body(small[0])) + " mm"
    if len(small) == len(items):
        what, remedy = "no scan is large enough for half a crop", "take a smaller crop or spacing"
        raise InputError(what, where=small[0]["image"], expected=expected, found=found, remedy=remedy)
    log.warning("%d of %d scans left out: too small for half a crop (expected %s, found %s in %s)",
                len(small), len(items), expected, found, Path(small[0]["image"]).name)  # fmt: skip
    left_out = set(map(id, small))
    return [item for item in items if id(item) not in left_out]


def _body(item: Mapping[str, Any]) -> NDArray[np.float64]:
    """Most millimetres (3,) that a body can have; endless where a list does not tell them."""
    return np.minimum(_lengths(item.get("body_mm")), _lengths(item.get("scan_mm")))


def _lengths(told: object) -> NDArray[np.float64]:
    sides = told if isinstance(told, list) and len(told) == 3 else [None]
    good = all(isinstance(side, (int, float)) and math.isfinite(side) for side in sides)
    return np.array(sides if good else [math.inf] * 3, np.float64)


def tagged(candidates: Sequence[Candidate], tag: str, where: Path) -> list[Candidate]:
    """Those with this tag; InputError if there are none."""
    found = [one for one in candidates if one.fields.get("tag") == tag]
    if not found:
        tags = sorted({str(one.fields["tag"]) for one in candidates if "tag" in one.fields})
        what, remedy = (
            "no scan has this tag",
            'write "tag" into the entries, or take a manifest of `smart_nets collect`',
        )
        raise InputError(what, where=where, expected=tag, found=", ".join(tags) or "no tags", remedy=remedy)
    return found


def _examined(candidate: Candidate) -> tuple[SmartError | None, list[float] | None]:
    """Why a candidate cannot be a CT, judged by its header and, if that is suspicious, its voxels; None if it can.

    And the sides of the scan in mm, where these tell them.
    """
    path = candidate.path
    if candidate.fault is not None or path.is_dir():
        other = candidate.modality not in ("", "CT")
        fault = InputError(OTHER, where=candidate.name, expected="CT", found=candidate.modality)
        sides = None if candidate.sides_mm is None else [round(side, 1) for side in candidate.sides_mm]
        return candidate.fault or (fault if other else None), sides
    try:
        header = _header(path) if path.name.lower().endswith(NIFTI) else None
        if header is not None and not _suspicious(path, header):
            return None, _header_sides(header, path)
        volume = read_stored(path)
    except SmartError as error:
        return error, None
    if volume.array.dtype.kind in "iuf" and is_label_map(volume.array):
        found, remedy = f"{len(np.unique(volume.array))} whole numbers", "give the CT"
        return InputError(MAP, where=path, expected="air near -1000", found=found, remedy=remedy), None
    return None, _rounded(volume.affine, volume.array.shape)


def _header(path: Path) -> Header:
    header = read_header(path)
    if len(header.get_data_shape()) < 3:
        found, remedy = f"shape {header.get_data_shape()}", "give the whole volume, not a slice"
        raise InputError("needs 3-D", where=path, expected="3 dimensions", found=found, remedy=remedy)
    return header


def _suspicious(path: Path, header: Header) -> bool:
    """Whether a NIfTI file looks like a label map from outside: bytes for voxels, or far too small for a CT."""
    if header.get_data_dtype() == np.uint8 or path.suffix != ".gz":
        return True
    size = sum(data_bytes(header))
    return size < SMALL or path.stat().st_size < LABEL_RATIO * size


def _header_sides(header: Header, path: Path) -> list[float] | None:
    """None where the header does not tell the geometry: the reader will say why."""
    try:
        return _rounded(affine_of(header, path)[0], header.get_data_shape())
    except SmartError:
        return None


def _rounded(affine: NDArray[Any], shape: Sequence[int]) -> list[float] | None:
    """The sides in mm; None of an affine that is not finite."""
    sides = sides_mm(affine, shape)
    return [round(float(side), 1) for side in sides] if np.isfinite(sides).all() and len(shape) >= 3 else None
