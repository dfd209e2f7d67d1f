"""Write a mask as a DICOM segmentation (SEG) that refers to the series it was drawn on, so that any viewer can show it."""

from __future__ import annotations

import logging
import re
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

import numpy as np

from smart_nets import __version__
from smart_nets.errors import GeometryError, InputError
from smart_nets.files import whole
from smart_nets.scans.dicom.folder import BROKEN
from smart_nets.scans.dicom.seg_checks import check_mask, check_paths, check_slices, check_texts
from smart_nets.scans.dicom.series import read_slices
from smart_nets.scans.read import read_checked

if TYPE_CHECKING:
    from pydicom import Dataset

PURPOSE = "{}, research only, not for diagnostic use"
TUMOUR = re.compile(r"(?i)(?<![a-z])(tumou?rs?|gtv|nodules?|lesions?|mass(es)?|metastas[ei]s)(?![a-z])")
SIDE = re.compile(r"(?i)(?<![a-z])(left|right|l|r)(?![a-z])")
CODED = {  # names of organs, and SNOMED CT's keyword for each
    "liver": "Liver", "spleen": "Spleen", "heart": "Heart", "kidney": "Kidney", "pancreas": "Pancreas",
    "stomach": "Stomach", "gallbladder": "Gallbladder", "urinary bladder": "Bladder", "bladder": "Bladder", "lung": "Lung",
    "aorta": "Aorta", "prostate": "Prostate", "esophagus": "Esophagus", "trachea": "Trachea", "femur": "Femur",
    "duodenum": "Duodenum",
}  # fmt: skip
SERIES_NUMBER = 9000  # far behind the scanner's own
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
    check_mask(mask)
    check_texts({"label": label, "model": model, "version": version})
    return _write(mask.astype(np.uint8), folder, target, series, [label], "attention", model, version)


def write_outlines(
    channels: np.ndarray,
    folder: str | Path,
    target: str | Path,
    series: str | None = None,
    *,
    names: Sequence[str],
    model: str,
    version: str,
) -> Path:
    """Write outlines as a binary SEG, a segment for each name of which there is a voxel; otherwise as `write_seg`.

    Segments are coded as the organ of their name where SNOMED CT has it, as "Mass" where the name is one of tumours, and
    else as "Tissue", which claims nothing.

    Args:
        channels: whole numbers (X, Y, Z) on the grid of the series: 0 nothing, 1 the first of `names`.

    Raises:
        InputError, GeometryError: as `write_seg`; and channels that no name stands for.
    """
    if channels.ndim != 3 or channels.dtype.kind not in "iu" or channels.min() < 0 or channels.max() > len(names):
        found = f"{channels.dtype} {channels.shape}, up to {channels.max()}"
        raise InputError("are no outlines", where="channels", expected=f"0 to {len(names)}, (X, Y, Z)", found=found)
    check_texts(
        {**{f"label {number}": name for number, name in enumerate(names, 1)}, "model": model, "version": version}
    )
    present = [int(one) for one in np.unique(channels) if one]
    numbers = np.zeros(len(names) + 1, np.uint8)
    numbers[present] = np.arange(1, len(present) + 1)  # a segment without a frame is not valid
    if not present:
        check_mask(channels > 0)
    shown = [names[one - 1] for one in present]
    return _write(numbers[channels], folder, target, series, shown, "outlines", model, version)


def _write(
    channels: np.ndarray, folder: str | Path, target: str | Path, series: str | None, names: Sequence[str],
    what: str, model: str, version: str,
) -> Path:  # fmt: skip
    highdicom = _highdicom()
    folder, target = Path(folder), Path(target).expanduser()
    check_paths(folder, target)
    scan = read_checked(folder, series=series)
    if channels.shape != scan.array.shape:
        told, shape, found = "mask has another shape than the series", scan.array.shape, channels.shape
        raise GeometryError(told, where=scan.where, expected=shape, found=found, remedy="keep the file's own grid")
    slices = read_slices(folder, series)
    check_slices(slices, scan.where, target)
    segments = [_segment(highdicom, number, name, what, model, version) for number, name in enumerate(names, start=1)]
    segmentation = _segmentation(highdicom, slices, channels, segments, what, scan.where)
    with whole(target) as draft:
        segmentation.save_as(draft)
    return target


def _highdicom() -> ModuleType:
    try:
        import highdicom
    except ImportError as error:
        raise InputError("needs highdicom", where="DICOM SEG", remedy="pip install highdicom") from error
    logging.getLogger("highdicom").setLevel(logging.WARNING)  # it tells of every module that it copies
    return highdicom


def _segment(highdicom: ModuleType, number: int, name: str, what: str, model: str, version: str) -> Dataset:
    """What a segment shows and what drew it, in codes."""
    from pydicom.sr.codedict import codes

    category, kind = codes.SCT.Tissue, codes.SCT.Tissue
    organ = CODED.get(" ".join(SIDE.sub(" ", name.replace("_", " ")).lower().split()))
    if what == "attention":
        category, kind = codes.SCT.SpatialAndRelationalConcept, codes.DCM.Saliency
    elif TUMOUR.search(name):
        category, kind = codes.SCT.MorphologicallyAbnormalStructure, codes.SCT.Mass
    elif organ is not None:
        category, kind = codes.SCT.Organ, getattr(codes.SCT, organ)
    return highdicom.seg.SegmentDescription(
        segment_number=number,
        segment_label=name,
        segmented_property_category=category,
        segmented_property_type=kind,
        algorithm_type=highdicom.seg.SegmentAlgorithmTypeValues.AUTOMATIC,
        algorithm_identification=highdicom.AlgorithmIdentificationSequence(
            name=model, family=codes.DCM.ArtificialIntelligence, version=version
        ),
    )


def _segmentation(
    highdicom: ModuleType, slices: list[Dataset], channels: np.ndarray, segments: list[Dataset], what: str, where: str
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
            pixel_array=np.ascontiguousarray(channels.T),  # (X, Y, Z) -> (Z, rows, columns)
            segmentation_type=highdicom.seg.SegmentationTypeValues.BINARY,
            segment_descriptions=segments,
            series_instance_uid=highdicom.UID(),
            series_number=SERIES_NUMBER,
            sop_instance_uid=highdicom.UID(),
            instance_number=1,
            manufacturer="smart-nets",
            manufacturer_model_name=segments[0].SegmentAlgorithmName,
            software_versions=f"smart-nets {__version__}",
            device_serial_number="0",  # software has none, but the tag must not be empty
            content_label=what.upper(),
            content_description=PURPOSE.format(what),
            series_description=PURPOSE.format(what),
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
