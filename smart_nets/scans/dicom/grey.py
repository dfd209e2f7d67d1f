"""From the stored values of a slice to HU: bits, rescale, padding, and greys that run from white to black."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from smart_nets.errors import InputError
from smart_nets.optional import needed
from smart_nets.scans.dicom.folder import INSTALL, said
from smart_nets.scans.volume import AIR

if TYPE_CHECKING:
    from pydicom import Dataset

HU_NAMES = (
    "HU",
    "H.U",
    "US",
    "HOUNSFIELD",
    "HOUNSFIELD UNITS",
    "HOUNSFIELD_UNITS",
    "HOUNSFIELD UNIT",
)  # US: unspecified
SHADES = ("MONOCHROME2", "MONOCHROME1")
CORNERS = ([0, 0, -1, -1], [0, -1, 0, -1])
HIGHEST = 3071  # HU that 12 bits hold; what is above is padding or metal
MOST_LIKELY = 0.5  # share of voxels that must be air, lung or soft tissue, to tell which way greys run


def slice_hu(header: Dataset) -> np.ndarray:
    """One slice (rows, columns) in HU, padding as air: int16 where the scale is whole, else float32.

    Raises:
        InputError: pixels that cannot be decoded, or no scale to HU.
    """
    name = str(header.filename)
    photometric = str(header.get("PhotometricInterpretation") or SHADES[0])
    if photometric not in SHADES:
        what, remedy = "its grey values are not stored as plain HU", "export the series again"
        raise InputError(what, where=name, expected=" or ".join(SHADES), found=photometric, remedy=remedy)
    slope, intercept, kind = (header.get(tag) for tag in ("RescaleSlope", "RescaleIntercept", "RescaleType"))
    if (
        slope is None
        or intercept is None
        or float(slope) == 0
        or not np.isfinite([float(slope), float(intercept)]).all()
    ):
        what, found = "HU unknown: no usable RescaleSlope and RescaleIntercept", f"{slope}, {intercept}"
        raise InputError(what, where=name, expected="two numbers", found=found, remedy="export the series with them")
    if str(kind or "HU").strip().upper().rstrip(".") not in HU_NAMES:
        remedy = "give the series in HU"
        raise InputError("its values are not in HU", where=name, expected="RescaleType HU", found=kind, remedy=remedy)
    stored = _decode(header, name)
    padded = padding(header, stored, float(slope), float(intercept))
    if float(slope) == 1 and float(intercept).is_integer():
        values = stored.astype(np.int32) + int(intercept)
        values[padded] = AIR
        if values.min() >= -32768 and values.max() <= 32767:
            return values.astype(np.int16)
    result = (stored * float(slope) + float(intercept)).astype(np.float32)
    result[padded] = AIR
    return result


def padding(header: Dataset, stored: np.ndarray, slope: float, intercept: float) -> np.ndarray:
    """bool (rows, columns): pixels that the header calls padding, outside of what the scanner saw.

    A padding value that lies among HU of tissue is believed only where all four corners have it: some headers name a
    value that their pixels use for water; and only for what hangs together with the corners.
    """
    ends = [header.get(tag) for tag in ("PixelPaddingValue", "PixelPaddingRangeLimit")]
    if not isinstance(ends[0], int):
        return np.zeros(stored.shape, dtype=bool)
    first, last = (_as_stored(header, end if isinstance(end, int) else ends[0]) for end in ends)
    padded: np.ndarray = (stored >= min(first, last)) & (stored <= max(first, last))
    tissue = any(AIR < end * slope + intercept <= HIGHEST for end in (first, last))
    if not tissue:
        return padded
    if not padded[CORNERS].all():
        return np.zeros(stored.shape, dtype=bool)
    regions, _ = needed("scipy.ndimage", "padding among HU of tissue").label(padded)
    return np.isin(regions, regions[CORNERS])  # what else has this value is tissue


def _as_stored(header: Dataset, value: int) -> int:
    """A padding value with the sign of the pixels: headers write -2000 as 63536 and the other way round."""
    bits = int(header.get("BitsAllocated", 16) or 16)
    value %= 1 << bits
    return value - (1 << bits) if header.get("PixelRepresentation") == 1 and value >= 1 << (bits - 1) else value


def dark_air(pixels: np.ndarray, headers: list[Dataset], where: str) -> tuple[np.ndarray, str]:
    """The values of a MONOCHROME1 series, inverted if only that makes them those of a patient in air, and a note.

    The standard says that MONOCHROME1 is a matter of display, and HU are what the rescale gives. Some programs invert
    the stored values as well; their air is bright.

    Args:
        pixels: (slices, rows, columns) by the rescale.
        headers: of the slices.
        where: the scan, for messages.

    Raises:
        InputError: neither way looks like a CT.
    """
    if all(header.get("PhotometricInterpretation") != SHADES[1] for header in headers):
        return pixels, ""
    inverted = np.stack([_mirrored(hu, header) for hu, header in zip(pixels, headers, strict=True)])
    shares = [_likely(values) for values in (pixels, inverted)]
    if max(shares) < MOST_LIKELY:
        what, found = (
            "MONOCHROME1: neither the values nor their inverse look like HU",
            f"{max(shares):.0%} of the voxels",
        )
        expected, remedy = "most voxels air, lung or soft tissue", "export the series as MONOCHROME2"
        raise InputError(what, where=where, expected=expected, found=found, remedy=remedy)
    if shares[0] >= shares[1]:
        return pixels, "MONOCHROME1: the values are HU as they are"
    return inverted, "MONOCHROME1: the values were inverted to HU"


def _mirrored(hu: np.ndarray, header: Dataset) -> np.ndarray:
    """HU of the stored value that lies as far from the other end of its bits."""
    bits = int(header.get("BitsStored", 16) or 16)
    ends = -1 if header.get("PixelRepresentation") == 1 else (1 << bits) - 1  # lowest plus highest stored value
    mirrored = float(header.RescaleSlope) * ends + 2 * float(header.RescaleIntercept) - hu.astype(np.float32)
    return mirrored if hu.dtype.kind == "f" else np.clip(np.rint(mirrored), -32768, 32767).astype(np.int16)


def _likely(hu: np.ndarray) -> float:
    sample = hu.ravel()[:: max(1, hu.size // 200_000)]
    return float((((sample >= -1100) & (sample <= -650)) | ((sample >= -200) & (sample <= 200))).mean())


def _decode(header: Dataset, name: str) -> np.ndarray:
    syntax = header.file_meta.TransferSyntaxUID
    if header.get("SamplesPerPixel") is None:
        header.SamplesPerPixel = 1
    if not header.get("PhotometricInterpretation"):
        header.PhotometricInterpretation = SHADES[0]
    missing = [tag for tag in ("Rows", "Columns", "BitsAllocated", "PixelRepresentation") if header.get(tag) is None]
    if missing:
        what, remedy = "lacks tags without which its pixels cannot be read", "export the series again with them"
        raise InputError(what, where=name, expected=", ".join(missing), found="nothing", remedy=remedy)
    if header.get("BitsStored") is None:
        header.BitsStored = header.BitsAllocated
    try:
        pixels = np.asarray(header.pixel_array)
    except MemoryError:
        raise
    except Exception as error:  # decoders raise what they like
        if syntax.is_compressed:
            what, remedy = f"slice cannot be decoded ({said(error)})", f"copy it again, or {INSTALL}"
            found = f"transfer syntax {syntax.name}"
            raise InputError(what, where=name, expected="readable pixels", found=found, remedy=remedy) from error
        if header.PixelData[:4] == b"\xfe\xff\x00\xe0":
            what, remedy = "lacks the transfer syntax of its compressed pixels", "export the series again"
            raise InputError(what, where=name, expected="TransferSyntaxUID", found="none", remedy=remedy) from error
        size = f"{header.get('Rows')}x{header.get('Columns')} pixels"
        what = f"slice is truncated or damaged ({said(error)})"
        raise InputError(what, where=name, expected=size, found="fewer", remedy="copy it again") from error
    if pixels.ndim != 2:
        found, remedy = f"shape {pixels.shape}", "export the series again"
        raise InputError("slice is no plain image", where=name, expected="2-D", found=found, remedy=remedy)
    return pixels
