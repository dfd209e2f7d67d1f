"""Write a mask as a DICOM segmentation (SEG) that refers to the series it was drawn on, so that any viewer can show it."""

from __future__ import annotations

import logging
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

import numpy as np

from smart_nets import __version__
from smart_nets.errors import GeometryError, InputError
from smart_nets.files import check_output, whole
from smart_nets.scans.dicom.folder import BROKEN
from smart_nets.scans.dicom.series import read_slices
from smart_nets.scans.read import read_checked

if TYPE_CHECKING:
    from pydicom import Dataset

PURPOSE = "attention, research only, not for diagnostic use"
LONGEST = 64  # characters of a name in DICOM (value representation LO)
SERIES_NUMBER = 9000  # far behind the scanner's own
NEEDED = ("SOPClassUID", "SOPInstanceUID", "StudyInstanceUID", "SeriesInstanceUID", "FrameOfReferenceUID")
MAY_BE_EMPTY = ("AccessionNumber", "StudyID", "StudyDate", "StudyTime", "ReferringPhysicianName", "PatientID")
PATIENT = ("PatientName", "PatientBirthDate", "PatientSex")


def write_seg(
    mask: np.ndarray,
    folder: str | Path,
    target: str | Path,
    series: str | None = None,
    *,
    label: str,
    model: str,
    version: str,
) -> Path:
    """Write a mask as a binary SEG of one segment with fresh UIDs, and return its path.

    Patient, study and frame of reference are those of the series, and each frame names the slice it lies on. The
    segment is coded as "Saliency" (DCM 130404, a visual explanation): it claims neither anatomy nor disease.

    Args:
        mask: bool (X, Y, Z) on the grid of the series as `read_checked` and `LoadScand` give it, True = marked.
        folder: the DICOM series.
        target: a path ending in .dcm; an earlier SEG there is replaced.
        series: SeriesInstanceUID, needed where the folder holds several.
        label: of the segment, as the viewer shows it.
        model: name of what drew the mask.
        version: of the model.

    Raises:
        InputError: highdicom is not installed, the mask is empty or not bool, a name that DICOM cannot hold, a target
            that cannot be written, or a series that cannot be read or lost the identifiers a SEG refers to.
        GeometryError: the mask has another shape than the series, or the series has no grid that can be trusted.
    """
    highdicom = _highdicom()
    folder, target = Path(folder), Path(target).expanduser()
    _check_mask(mask)
    _check_names({"label": label, "model": model, "version": version})
    _check_paths(folder, target)
    scan = read_checked(folder, series=series)
    if mask.shape != scan.array.shape:
        what, shape = "mask has another shape than the series", scan.array.shape
        raise GeometryError(what, where=scan.where, expected=shape, found=mask.shape, remedy="keep the file's own grid")
    slices = read_slices(folder, series)
    _check_slices(slices, scan.where, target)
    segment = _segment(highdicom, label, model, version)
    segmentation = _segmentation(highdicom, slices, mask, segment, scan.where)
    with whole(target) as draft:
        segmentation.save_as(draft)
    return target


def _highdicom() -> ModuleType:
    try:
        import highdicom
    except ImportError as error:
        raise InputError("needs highdicom", where="DICOM SEG", remedy="pip install 'smart-nets[dicom]'") from error
    logging.getLogger("highdicom").setLevel(logging.WARNING)  # it tells of every module that it copies
    return highdicom


def _segment(highdicom: ModuleType, label: str, model: str, version: str) -> Dataset:
    """What the mask shows and what drew it, in codes."""
    from pydicom.sr.codedict import codes

    return highdicom.seg.SegmentDescription(
        segment_number=1,
        segment_label=label,
        segmented_property_category=codes.SCT.SpatialAndRelationalConcept,
        segmented_property_type=codes.DCM.Saliency,
        algorithm_type=highdicom.seg.SegmentAlgorithmTypeValues.AUTOMATIC,
        algorithm_identification=highdicom.AlgorithmIdentificationSequence(
            name=model, family=codes.DCM.ArtificialIntelligence, version=version
        ),
    )


def _segmentation(
    highdicom: ModuleType, slices: list[Dataset], mask: np.ndarray, segment: Dataset, where: str
) -> Dataset:
    """The SEG in memory; highdicom takes patient, study and places from the slices."""
    first = slices[0]
    for tag in (*MAY_BE_EMPTY, *PATIENT):  # a SEG must have them, if only without a value
        first.setdefault(tag, "")
    first.LossyImageCompression = first.get("LossyImageCompression") or "00"
    patient = {tag: first[tag].value for tag in PATIENT}
    for tag in PATIENT:  # highdicom doubts some names and sexes, and repeats them in warnings: it gets to see none
        setattr(first, tag, "")
    try:
        result = highdicom.seg.Segmentation(
            source_images=slices,
            pixel_array=np.ascontiguousarray(mask.T),  # (X, Y, Z) -> (Z, rows, columns)
            segmentation_type=highdicom.seg.SegmentationTypeValues.BINARY,
            segment_descriptions=[segment],
            series_instance_uid=highdicom.UID(),
            series_number=SERIES_NUMBER,
            sop_instance_uid=highdicom.UID(),
            instance_number=1,
            manufacturer="smart-nets",
            manufacturer_model_name=segment.SegmentAlgorithmName,
            software_versions=f"smart-nets {__version__}",
            device_serial_number="0",  # software has none, but the tag must not be empty
            content_label="ATTENTION",
            content_description=PURPOSE,
            series_description=PURPOSE,
            specific_character_set=None,  # set below: some that scanners use, as in Japan, highdicom refuses
            omit_empty_frames=True,  # viewers take a slice without a frame for empty, and the file stays small
        )
    except BROKEN as error:
        what, expected = "cannot be described in a DICOM SEG", "sound patient and study tags"
        raise InputError(what, where=where, expected=expected, found=error, remedy="export the series again") from error
    result.ContentCreatorName = ""  # no person; the tag must be there by older editions of the standard
    if first.get("SpecificCharacterSet"):
        result.SpecificCharacterSet = first.SpecificCharacterSet
    for tag, value in patient.items():
        result[tag].value = value
    return result


def _check_mask(mask: np.ndarray) -> None:
    if mask.dtype != bool or mask.ndim != 3:
        remedy = "compare it with a threshold first"
        raise InputError(
            "is no mask", where="mask", expected="bool (X, Y, Z)", found=f"{mask.dtype} {mask.shape}", remedy=remedy
        )
    if not mask.any():
        expected = "at least one voxel"
        raise InputError(
            "mask is empty", where="mask", remedy="write no SEG: one without frames is not valid", expected=expected
        )


def _check_names(names: dict[str, str]) -> None:
    """Raise InputError for text that the character set of some series could not hold."""
    for name, text in names.items():
        if not (text.strip() and len(text) <= LONGEST and text.isascii() and text.isprintable() and "\\" not in text):
            expected = f"1 to {LONGEST} ASCII characters without backslash"
            raise InputError("cannot stand in a DICOM file", where=name, expected=expected, found=repr(text))


def _check_paths(folder: Path, target: Path) -> None:
    if folder.is_file():
        expected = "the folder of a series"
        raise InputError(
            "is no DICOM series",
            where=folder,
            found="a file",
            remedy="write a NIfTI mask, or give the folder",
            expected=expected,
        )
    if target.suffix.lower() != ".dcm" or target.is_dir():
        found = "a folder" if target.is_dir() else target.suffix or "no ending"
        remedy = "give another target"
        raise InputError(
            "is no name for a DICOM file", where=target, expected="a file ending in .dcm", found=found, remedy=remedy
        )
    check_output(target.parent)


def _check_slices(slices: list[Dataset], where: str, target: Path) -> None:
    """Raise InputError unless each slice can be referred to, and none would be overwritten."""
    missing = [tag for tag in NEEDED if any(not header.get(tag) for header in slices)]
    if missing:
        what, remedy = "lost the identifiers that a SEG refers to", "export the series again with them"
        expected, found = ", ".join(NEEDED), f"no {', '.join(missing)}"
        raise InputError(what, where=where, expected=expected, found=found, remedy=remedy)
    if len({str(header.SOPInstanceUID) for header in slices}) < len(slices):
        expected = "one each"
        raise InputError(
            "slices share a SOPInstanceUID", where=where, remedy="export the series again", expected=expected
        )
    if target.resolve() in {Path(str(header.filename)).resolve() for header in slices}:
        raise InputError("is a slice of the series", where=target, remedy="give another target")
