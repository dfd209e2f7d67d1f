"""The one reader: any scan of any format becomes HU in RAS, or an error that says why not."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypedDict, cast, get_args

import numpy as np
import torch
from typing_extensions import Unpack  # of typing from Python 3.11 on

from smart_nets.errors import GeometryError, InputError, SmartError
from smart_nets.files import check_exists
from smart_nets.scans import checks
from smart_nets.scans.dicom.series import Spacing, is_dicom, read_dicom
from smart_nets.scans.dicom.tilt import straighten
from smart_nets.scans.files.foreign import FOREIGN, read_foreign
from smart_nets.scans.files.metaimage import read_metaimage
from smart_nets.scans.files.nifti import read_nifti
from smart_nets.scans.files.nrrd import read_nrrd
from smart_nets.scans.hounsfield import check_hu
from smart_nets.scans.volume import Volume
from smart_nets.settings import one_of

if TYPE_CHECKING:
    from monai.data import MetaTensor

NIFTI = (".nii", ".nii.gz")
NRRD = (".nrrd", ".nhdr")
METAIMAGE = (".mha", ".mhd")
PAIR = (".hdr",)  # a NIfTI whose voxels lie in an .img beside it
FILES = NIFTI + NRRD + METAIMAGE + FOREIGN + PAIR
READERS = ((NIFTI + PAIR, read_nifti), (NRRD, read_nrrd), (METAIMAGE, read_metaimage), (FOREIGN, read_foreign))
Tilt = Literal["refuse", "correct"]
READ_OPTIONS = ("volume", "tilt", "spacing", "hu_offset")


class ReadOptions(TypedDict, total=False):
    """What may be said about how a scan is read, see `read_checked`."""

    series: str | None
    volume: int | None
    tilt: Tilt
    spacing: Spacing
    min_depth: int
    hu_offset: float | None


def read_options(item: Mapping[Any, Any]) -> ReadOptions:
    """How the scan of a datalist's item is read: its "series", and what "reading" says of it, as `check_data` writes it.

    Raises:
        InputError: "reading" holds anything that `read_checked` does not know.
    """
    reading = item.get("reading", {})
    if not isinstance(reading, dict) or set(reading) - set(READ_OPTIONS):
        expected, where = ", ".join(READ_OPTIONS), item.get("image", "item")
        raise InputError(
            "reading is not known", where=where, expected=expected, found=reading, remedy="correct the entry"
        )
    offset, volume = reading.get("hu_offset", 0), reading.get("volume")
    numbers = type(offset) in (int, float) and (volume is None or type(volume) is int)
    if not numbers or not isinstance(item.get("series") or "", str):
        expected, where = "hu_offset a number, volume a whole number, series a UID", item.get("image", "item")
        raise InputError("reading is wrong", where=where, expected=expected, found=reading, remedy="correct the entry")
    series = {"series": item["series"]} if item.get("series") else {}
    return cast("ReadOptions", {**series, **reading})


def read_scan(path: str | Path, **how: Unpack[ReadOptions]) -> MetaTensor:
    """A CT as float32 HU (1, X, Y, Z) in RAS, with its affine and the notes of what was repaired.

    Arguments and errors are those of `read_checked`.
    """
    from monai.data import MetaTensor  # takes seconds to import, which checking a folder of scans need not wait for

    scan = read_volume(path, **how)
    array = np.ascontiguousarray(scan.array, dtype=np.float32)
    meta = {"filename_or_obj": scan.where, "notes": list(scan.notes)}
    return MetaTensor(torch.from_numpy(array)[None], affine=torch.from_numpy(scan.affine), meta=meta)


def read_volume(path: str | Path, **how: Unpack[ReadOptions]) -> Volume:
    """As `read_scan`, in the numeric type of the file and without a copy: for code that goes on computing."""
    return read_checked(path, **how).to_ras()


def read_checked(
    path: str | Path,
    *,
    series: str | None = None,
    volume: int | None = None,
    tilt: Tilt = "refuse",
    spacing: Spacing = "refuse",
    min_depth: int = 2,
    hu_offset: float | None = None,
) -> Volume:
    """As `read_volume`, with the axes in the order of the file: for results that go back onto the file's own grid.

    Args:
        path: a file whose name ends in one of `FILES`, or the folder of a DICOM series.
        series: SeriesInstanceUID, where a folder holds several.
        volume: which volume of a 4-D file.
        tilt: whether a gantry tilt is refused, or corrected by shifting the slices.
        spacing: whether uneven distances of DICOM slices are refused, or the slices resampled to even ones.
        min_depth: fewest slices on any axis.
        hu_offset: added to every voxel, for files that store HU + 1024 without saying so (-1024). Whoever gives it, be it 0,
            vouches for HU: where tissues lie is not looked at then.

    Raises:
        InputError: the file is missing, damaged, or no CT in HU.
        GeometryError: positions, spacing or orientation cannot be trusted.
        ConfigError: an argument makes no sense.
    """
    one_of("tilt", tilt, get_args(Tilt))
    one_of("spacing", spacing, get_args(Spacing))
    scan = checks.check_shape(read_stored(Path(path), series, spacing), volume, min_depth)
    shear = checks.check_affine(scan)
    if shear <= checks.TILT_TOLERANCE:
        return check_hu(scan, hu_offset)
    if tilt == "correct":
        return straighten(check_hu(scan, hu_offset))
    what = f"axes are sheared by {shear:.1f} degrees (gantry tilt)"
    remedy = "give tilt='correct' to shift the slices back"
    found = f"{shear:.1f} degrees"
    raise GeometryError(what, where=scan.where, expected="right angles", found=found, remedy=remedy)


def read_stored(path: Path, series: str | None = None, spacing: Spacing = "refuse") -> Volume:
    """Voxels and affine as stored, by format, before any check of geometry or values."""
    check_exists(path)
    try:
        if path.is_dir() or (is_dicom(path) and not path.name.lower().endswith(FILES)):
            return read_dicom(path, series, spacing)
        for endings, read in READERS:
            if path.name.lower().endswith(endings):
                return read(path)
    except OSError as error:  # no permission, a failing disk, a share that went away
        found, remedy = error.strerror or error, "check its permissions and the disk"
        raise InputError(
            "cannot be read", where=path, expected="a readable file", found=found, remedy=remedy
        ) from error
    except (SmartError, MemoryError):
        raise
    except Exception as error:  # whatever a library says of one file is that file's refusal, and no other's
        found, remedy = f"{type(error).__name__}: {error}", "export or convert the scan again"
        raise InputError("cannot be read", where=path, expected="a sound file", found=found, remedy=remedy) from error
    expected, found, remedy = ", ".join(FILES) + " or DICOM", path.suffix or "no extension", "convert it"
    raise InputError("is no image format that is read here", where=path, expected=expected, found=found, remedy=remedy)
