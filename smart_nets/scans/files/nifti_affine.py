"""Where the voxels of a NIfTI file lie. Its header may say so twice, and the two may differ.

The rule: the sform is used, as in nibabel and MONAI; the qform only where there is no sound sform. Where both are sound they
must agree in size (1 %) and direction (1 degree); else nobody knows which is right, and the scan is refused. Another place
alone changes nothing that is learned from a scan, so it is told in the notes, and so is an orientation that is damaged.
"""

from __future__ import annotations

from pathlib import Path

import nibabel as nib
import numpy as np

from smart_nets.errors import GeometryError
from smart_nets.scans.files.voxels import CONVERT_AGAIN

UNIT_IN_MM = {"unknown": 1.0, "mm": 1.0, "micron": 1e-3, "meter": 1e3}
ROUNDED = 1e-5  # by how much rounding may leave a quaternion longer than 1
SIZES, TURN, PLACE = 0.01, 1.0, 1.0  # share, degrees and mm by which two orientations may differ
CLEARLY = 0.1  # share by which pixdim may differ from the sform, as it does under a gantry tilt
Header = nib.Nifti1Header | nib.Nifti2Header


def affine_of(header: Header, path: Path) -> tuple[np.ndarray, list[str]]:
    """Affine (4, 4) from voxel index to RAS mm, and notes of what was decided.

    Raises:
        GeometryError: no orientation, two that contradict each other, or an unknown unit of length.
    """
    unit = header.get_xyzt_units()[0]
    if unit not in UNIT_IN_MM:
        remedy = "correct the header"
        raise GeometryError("unknown unit of length", where=path, expected="mm", found=unit, remedy=remedy)
    forms = {"sform": _sform(header), "qform": _qform(header)}
    stated = {name: form for name, form in forms.items() if int(header[f"{name}_code"])}
    if not stated:
        what = "the header has no orientation, so left and right are unknown"
        expected = "qform_code or sform_code above 0"
        raise GeometryError(what, where=path, expected=expected, found="both 0", remedy=CONVERT_AGAIN)
    if list(stated) == ["qform"]:
        stated["qform"] = _qform(header, ROUNDED)  # there is nothing else to go by
    sound = {name: form for name, form in stated.items() if _is_sound(form)}
    notes = [f"the {name} is damaged, the {other} is used" for name in stated if name not in sound for other in sound]
    if len(sound) == 2:
        notes += _compare(sound["sform"], sound["qform"], path)
    name = next(iter(sound or stated))
    affine = stated[name].copy()
    if name == "sform" and "qform" not in stated:
        notes += _other_sizes(header, affine)
    affine[:3] *= UNIT_IN_MM[unit]
    return affine, notes


def _sform(header: Header) -> np.ndarray:
    return np.array(header.get_sform(), dtype=np.float64)


def _qform(header: Header, rounded: float = 0.0) -> np.ndarray:
    """NaN where its quaternion is longer than 1, by more than `rounded` if that is given."""
    if rounded:
        header.quaternion_threshold = np.float64(-rounded)
    try:
        return np.array(header.get_qform(), dtype=np.float64)
    except (nib.spatialimages.HeaderDataError, ValueError):
        return np.full((4, 4), np.nan)


def _is_sound(affine: np.ndarray) -> bool:
    return bool(np.isfinite(affine).all()) and bool((np.linalg.norm(affine[:3, :3], axis=0) > 0).all())


def _compare(sform: np.ndarray, qform: np.ndarray, path: Path) -> list[str]:
    """Notes of a small difference; a large one is an error."""
    sizes = [np.linalg.norm(form[:3, :3], axis=0) for form in (sform, qform)]
    cosines = ((sform[:3, :3] / sizes[0]) * (qform[:3, :3] / sizes[1])).sum(axis=0)
    turn: float = np.degrees(np.arccos(np.clip(cosines, -1, 1))).max()
    what, found = "the header has two orientations that contradict each other", ""
    if turn > TURN:
        axes = ["".join(nib.aff2axcodes(form)) for form in (qform, sform)]
        found = f"qform {axes[0]}, sform {axes[1]}, {turn:.0f} degrees apart"
    elif (np.abs(sizes[0] / sizes[1] - 1) > SIZES).any():
        found = "voxels of {} mm and {} mm".format(*(" x ".join(f"{length:g}" for length in size) for size in sizes))
    if found:
        expected = "qform and sform alike"
        raise GeometryError(what, where=path, found=found, remedy=CONVERT_AGAIN, expected=expected)
    far = float(np.linalg.norm(sform[:3, 3] - qform[:3, 3]))
    return [f"qform and sform lie {far:.1f} mm apart, the sform is used"] if far > PLACE else []


def _other_sizes(header: Header, affine: np.ndarray) -> list[str]:
    pixdim = np.array(header["pixdim"][1:4], dtype=np.float64)
    lengths: np.ndarray = np.linalg.norm(affine[:3, :3], axis=0)
    if not (pixdim > 0).all() or (pixdim == 1).all() or (np.abs(lengths / pixdim - 1) < CLEARLY).all():
        return []
    told = " x ".join(f"{length:g}" for length in pixdim)
    return [f"pixdim says {told} mm, the sform is used"]
