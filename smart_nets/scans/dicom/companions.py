"""What lies beside a CT in a DICOM folder without being a scan: drawings, reports, localisers, pictures of a screen."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pydicom import Dataset

CT_IMAGES = (
    "1.2.840.10008.5.1.4.1.1.2",  # CT Image Storage
    "1.2.840.10008.5.1.4.1.1.2.1",  # Enhanced CT
    "1.2.840.10008.5.1.4.1.1.2.2",  # Legacy Converted Enhanced CT
)
NO_IMAGES = {
    "RTSTRUCT": "structure set",
    "SEG": "segmentation",
    "SR": "report",
    "PR": "presentation state",
    "KO": "key objects",
    "REG": "registration",
    "FID": "fiducials",
    "DOC": "document",
    "AU": "audio",
    "RTPLAN": "treatment plan",
    "RTDOSE": "dose",
    "RTRECORD": "treatment record",
    "RTIMAGE": "treatment image",
    "RWV": "value mapping",
    "PLAN": "plan",
    "OT": "other picture",
    "SC": "secondary capture",
}
INDEX = "1.2.840.10008.1.3.10"  # Media Storage Directory, whatever the file is called


def companion_kind(header: Dataset) -> str:
    """What a file is if it is no slice, in one or two words; empty for a slice of any modality."""
    if sop_class(header) == INDEX:
        return "index"
    modality = str(header.get("Modality") or "")
    if modality in NO_IMAGES:
        return NO_IMAGES[modality]
    kind = [str(part).upper() for part in _several(header.get("ImageType"))]
    if "LOCALIZER" in kind:
        return "localiser"
    placed = header.get("ImagePositionPatient") or header.get("PerFrameFunctionalGroupsSequence")
    capture = sop_class(header) not in CT_IMAGES or "SECONDARY" in kind or "SCREEN SAVE" in kind
    colours = int(header.get("SamplesPerPixel") or 1) > 1
    if modality == "CT" and not placed and (colours or (capture and header.get("RescaleSlope") is None)):
        return "secondary capture"
    return ""


def sop_class(header: Dataset) -> str:
    """The SOP class of a file, from its content or from its file meta information; empty if neither tells it."""
    return str(header.get("SOPClassUID") or getattr(header, "file_meta", {}).get("MediaStorageSOPClassUID") or "")


def _several(value: object) -> list[object]:
    if value is None or isinstance(value, str):
        return [] if not value else [value]
    return list(value)  # type: ignore[call-overload]
