"""Phantoms as files: NIfTI, or a DICOM series as a scanner would send it."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np

from smart_nets.files import DRAFT, whole, write_bytes
from smart_nets.optional import needed
from smart_nets.phantom.model import Phantom
from smart_nets.scans.files.gz import pack

DICOM = "phantoms as DICOM"
UID_ROOT = "1.2.826.0.1.3680043.8.498."  # pydicom's own root, free to use
RESCALE_INTERCEPT = -1024


def write_nifti(phantom: Phantom, folder: str | Path, labels: bool = False) -> Path:
    """Write ``<patient_id>.nii.gz`` (int16 HU) and, when asked, ``<patient_id>__labels.nii.gz`` (uint8)."""
    if labels:
        write_labels(phantom, folder)
    return write_image(phantom.image, phantom.affine, Path(folder) / f"{phantom.patient_id}.nii.gz")


def write_labels(phantom: Phantom, folder: str | Path) -> Path:
    """Write ``<patient_id>__labels.nii.gz``: uint8 with the values of ORGANS."""
    return write_image(phantom.labels, phantom.affine, Path(folder) / f"{phantom.patient_id}__labels.nii.gz")


def write_image(volume: np.ndarray, affine: np.ndarray, path: Path) -> Path:
    image = nib.Nifti1Image(volume, affine)
    image.set_sform(affine, code=1)
    image.set_qform(affine, code=1)
    image.header.set_xyzt_units("mm")
    write_bytes(path, pack(image.to_bytes()))
    return path


def write_dicom(phantom: Phantom, folder: str | Path) -> Path:
    """Write one CT Image Storage file per slice into ``folder/<patient_id>`` and return that folder.

    Stored values are unsigned with intercept -1024; rows run towards Posterior and columns towards Left, as in any
    axial series. All identifiers follow from the seed. Slices of an earlier series in that folder are replaced.
    """
    generate_uid = needed("pydicom.uid", DICOM).generate_uid
    series = Path(folder) / phantom.patient_id
    series.mkdir(parents=True, exist_ok=True)
    shape = phantom.image.shape
    others = [] if phantom.task == "malignancy" else [phantom.task]  # the same patient with another disease
    study_uid, series_uid, frame_uid = (
        generate_uid(UID_ROOT, [kind, str(phantom.seed), str(shape), str(phantom.spacing), *others])
        for kind in ("study", "series", "frame")
    )
    stored = (phantom.image - RESCALE_INTERCEPT).astype(np.uint16)
    pixels = np.ascontiguousarray(stored[::-1, ::-1].transpose(2, 1, 0))  # (X, Y, Z) -> (Z, rows, columns)
    corner = phantom.affine @ [shape[0] - 1, shape[1] - 1, 0, 1]
    for k in range(shape[2]):
        dataset = slice_dataset(phantom, pixels[k])
        dataset.StudyInstanceUID, dataset.SeriesInstanceUID = study_uid, series_uid
        dataset.FrameOfReferenceUID = frame_uid
        dataset.SOPInstanceUID = generate_uid(UID_ROOT, [series_uid, str(k)])
        dataset.file_meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
        z = float(corner[2] + k * phantom.spacing[2])
        dataset.ImagePositionPatient = [f"{-corner[0]:.6g}", f"{-corner[1]:.6g}", f"{z:.8g}"]
        dataset.SliceLocation, dataset.InstanceNumber = f"{z:.8g}", k + 1
        with whole(series / f"{k + 1:04d}.dcm") as draft:
            dataset.save_as(draft)
    stale = set(series.iterdir()) - {series / f"{k + 1:04d}.dcm" for k in range(shape[2])}
    for path in stale:  # of an earlier series, or drafts that a killed run left
        if re.fullmatch(r"\d.*\.dcm|\.\d+\.dcm" + DRAFT, path.name):
            path.unlink()
    return series


def slice_dataset(phantom: Phantom, pixels: np.ndarray) -> Any:
    """What all slices of a series have in common, and the pixels (rows, columns) of one."""
    dataset, uid = needed("pydicom.dataset", DICOM), needed("pydicom.uid", DICOM)
    meta = dataset.FileMetaDataset()
    meta.FileMetaInformationGroupLength = 0  # filled in on writing
    meta.FileMetaInformationVersion = b"\0\1"
    meta.MediaStorageSOPClassUID = uid.CTImageStorage
    meta.TransferSyntaxUID = uid.ExplicitVRLittleEndian
    meta.ImplementationClassUID = uid.UID(UID_ROOT + "1")
    out = dataset.FileDataset("", dataset.Dataset(), b"\0" * 128, meta, is_implicit_VR=False, is_little_endian=True)
    out.SpecificCharacterSet = "ISO_IR 192"
    out.ImageType = ["DERIVED", "SECONDARY", "AXIAL"]
    out.SOPClassUID = uid.CTImageStorage
    out.Modality, out.Manufacturer, out.SeriesDescription = "CT", "smart-nets phantom", "synthetic CT, no patient"
    out.StudyDate = out.SeriesDate = out.ContentDate = "20000101"
    out.StudyTime = out.SeriesTime = out.ContentTime = "000000"
    out.AccessionNumber = out.ReferringPhysicianName = out.PatientBirthDate = out.PatientSex = ""
    out.PatientName, out.PatientID = f"PHANTOM^{phantom.seed:04d}", phantom.patient_id
    out.PatientPosition, out.StudyID, out.SeriesNumber, out.AcquisitionNumber = "HFS", "1", 1, 1
    out.BodyPartExamined, out.KVP, out.PositionReferenceIndicator = "CHESTABDPELVIS", "120", ""
    x, y, z = phantom.spacing
    out.PixelSpacing, out.SliceThickness = [f"{y:.6g}", f"{x:.6g}"], f"{z:.6g}"
    out.ImageOrientationPatient = [1, 0, 0, 0, 1, 0]
    out.Rows, out.Columns = pixels.shape
    out.SamplesPerPixel, out.PhotometricInterpretation, out.PixelRepresentation = 1, "MONOCHROME2", 0
    out.BitsAllocated, out.BitsStored, out.HighBit = 16, 16, 15
    out.RescaleIntercept, out.RescaleSlope, out.RescaleType = str(RESCALE_INTERCEPT), "1", "HU"
    out.WindowCenter, out.WindowWidth = "40", "400"
    out.PixelData = pixels.astype("<u2").tobytes()
    out["PixelData"].VR = "OW"
    return out
