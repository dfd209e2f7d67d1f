"""What bad scans are made from: a little CT, as NIfTI and as DICOM. `robustness.py` gives them to every reader."""

from __future__ import annotations

import gzip
import struct
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pydicom
from pydicom.dataset import FileDataset, FileMetaDataset
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian

SHAPE, STEP = (48, 40, 36), 6.0  # voxels, mm
AFFINE = np.diag([STEP, STEP, STEP, 1.0])
AFFINE[:3, 3] = [-141, -117, -105]
READ, REFUSE, EITHER = "read", "refuse", "read or refuse"  # what is right
Edit = Callable[[pydicom.Dataset, int], Any]


def little_ct(seed: int = 0) -> np.ndarray:
    """(X, Y, Z) int16 HU in RAS: an elliptic body with a larger right lung, a spine, and a nodule on the left."""
    rng = np.random.default_rng(seed)
    x, y, z = np.meshgrid(*[np.linspace(-1, 1, n) for n in SHAPE], indexing="ij")
    image = np.where((x / 0.9) ** 2 + (y / 0.8) ** 2 < 1, rng.normal(40, 12, SHAPE), rng.normal(-1000, 6, SHAPE))
    lungs = ((x - 0.42) / 0.34) ** 2 + (y / 0.5) ** 2 + (z / 0.95) ** 2 < 1
    lungs |= ((x + 0.42) / 0.28) ** 2 + (y / 0.42) ** 2 + (z / 0.85) ** 2 < 1
    image = np.where(lungs, rng.normal(-820, 25, SHAPE), image)
    image = np.where(x**2 + (y + 0.55) ** 2 < 0.02, rng.normal(500, 30, SHAPE), image)
    image = np.where(((x + 0.4) / 0.1) ** 2 + (y / 0.12) ** 2 + ((z - 0.1) / 0.13) ** 2 < 1, 30, image)
    return image.clip(-1024, 3071).astype(np.int16)


CT = little_ct()


@dataclass(frozen=True)
class BadScan:
    """One input: `make` writes it into a folder and returns its path, `right` is (voxels, affine), None if nobody can know.

    `row` is that of the table of bad inputs in docs/data.md; 0 for what is not in it. `is_source`: a folder to search.
    """

    name: str
    wanted: str
    make: Callable[[Path], Path]
    row: int = 0
    right: tuple[np.ndarray, np.ndarray] | None = (CT, AFFINE)
    is_source: bool = False


def nifti(
    path: Path, array: np.ndarray = CT, patches: tuple[tuple[int, str, Any], ...] = (), suffix: str = ".gz"
) -> Path:
    """A NIfTI file; `patches` are (byte, struct format, values) of its header."""
    image = nib.Nifti1Image(array, AFFINE)
    image.header.set_xyzt_units("mm")
    image.set_qform(AFFINE, 1)
    image.set_sform(AFFINE, 1)
    content = bytearray(image.to_bytes())
    for place, form, values in patches:
        struct.pack_into("<" + form, content, place, *values)
    path = path / f"case.nii{suffix}"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(gzip.compress(bytes(content), mtime=0) if suffix else bytes(content))
    return path


def dicom(folder: Path, edit: Edit = lambda dataset, number: None, array: np.ndarray = CT, **options: Any) -> Path:
    """A series, one file a slice from foot to head. `edit` changes each data set, and leaves it out if it returns False."""
    folder.mkdir(parents=True, exist_ok=True)
    signed, uid, name = options.get("signed", False), options.get("uid", "1.2.826.0.1.3680043.8.498.1"), "{:04d}.dcm"
    offset = 0 if signed else 1024
    for number in range(array.shape[2]):
        meta = FileMetaDataset()
        meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID = CTImageStorage, f"{uid}.{number + 1}"
        meta.TransferSyntaxUID = ExplicitVRLittleEndian
        one = FileDataset(None, {}, file_meta=meta, preamble=b"\0" * 128)
        one.SOPClassUID, one.SOPInstanceUID = CTImageStorage, f"{uid}.{number + 1}"
        one.StudyInstanceUID, one.SeriesInstanceUID, one.FrameOfReferenceUID = f"{uid}.91", uid, f"{uid}.92"
        one.PatientID, one.PatientName, one.Modality, one.ImageType = (
            "P-1",
            "Doe^J",
            "CT",
            ["ORIGINAL", "PRIMARY", "AXIAL"],
        )
        one.InstanceNumber, one.Rows, one.Columns = number + 1, SHAPE[1], SHAPE[0]
        one.PixelSpacing, one.SliceThickness, one.ImageOrientationPatient = [STEP, STEP], STEP, [1, 0, 0, 0, 1, 0]
        one.ImagePositionPatient = [-141, -117, -105 + STEP * number]  # the grid is symmetric: LPS starts as RAS does
        one.SamplesPerPixel, one.PhotometricInterpretation, one.PixelRepresentation = 1, "MONOCHROME2", int(signed)
        one.BitsAllocated, one.BitsStored, one.HighBit = 16, 16 if signed else 12, 15 if signed else 11
        one.RescaleSlope, one.RescaleIntercept, one.RescaleType = "1", str(-offset), "HU"
        stored = array[::-1, ::-1, number].T.astype(np.int32) + offset  # RAS to LPS
        one.PixelData = stored.astype("<i2" if signed else "<u2").tobytes()
        if edit(one, number) is not False:
            one.save_as(folder / name.format(number + 1), enforce_file_format=True)
    return folder
