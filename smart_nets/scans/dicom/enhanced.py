"""Take an Enhanced (multi-frame) CT apart into slices as classic CT stores them, so that all checks are the same."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from smart_nets.errors import InputError
from smart_nets.scans.dicom.folder import damage_told

if TYPE_CHECKING:
    from pydicom import DataElement, Dataset

GROUPS = {  # functional group -> what of it a slice of classic CT holds, and under which name
    "PixelMeasuresSequence": {"PixelSpacing": "PixelSpacing"},
    "PlaneOrientationSequence": {"ImageOrientationPatient": "ImageOrientationPatient"},
    "PlanePositionSequence": {"ImagePositionPatient": "ImagePositionPatient"},
    "PixelValueTransformationSequence": {
        "RescaleSlope": "RescaleSlope",
        "RescaleIntercept": "RescaleIntercept",
        "RescaleType": "RescaleType",
    },
    "CTImageFrameTypeSequence": {"FrameType": "ImageType"},
    "FrameContentSequence": {
        "FrameAcquisitionNumber": "AcquisitionNumber",
        "TemporalPositionIndex": "TemporalPositionIndex",
    },
}
PLACES, SHARED = "PerFrameFunctionalGroupsSequence", "SharedFunctionalGroupsSequence"


def frame_count(header: Dataset) -> int:
    """Frames of a file: 1 for a classic slice."""
    return int(header.get("NumberOfFrames", 1) or 1)


def split_frames(header: Dataset) -> list[Dataset]:
    """One data set per frame, with the frame's own place and HU scale, uncompressed pixels and a name for messages.

    Raises:
        InputError: the file does not tell where its frames lie, or they cannot be decoded.
    """
    name, count = str(header.filename), frame_count(header)
    places = header.get(PLACES) or []
    if len(places) != count:
        what = "is a multi-frame file that does not tell where its frames lie"
        expected, found = f"{count} items in {PLACES}", len(places)
        raise InputError(what, where=name, expected=expected, found=found, remedy="convert it with dcm2niix")
    with damage_told(name):
        pixels = np.asarray(header.pixel_array).reshape(count, int(header.Rows), int(header.Columns))
    shared = (header.get(SHARED) or [None])[0]
    common = [element for element in header if element.keyword not in ("PixelData", PLACES, SHARED, "NumberOfFrames")]
    return [_slice(header, common, shared, places[index], pixels[index], index + 1) for index in range(count)]


def _slice(
    header: Dataset, common: list[DataElement], shared: Dataset | None, own: Dataset, pixels: np.ndarray, number: int
) -> Dataset:
    from pydicom import Dataset as Slice
    from pydicom.dataset import FileMetaDataset
    from pydicom.uid import ExplicitVRLittleEndian

    result = Slice()
    for element in common:
        result.add(element)
    for group, tags in GROUPS.items():
        holders = own.get(group) or (shared.get(group) if shared is not None else None) or [Slice()]
        for tag, name in tags.items():
            if holders[0].get(tag) is not None:
                setattr(result, name, holders[0].get(tag))
    result.PixelData = pixels.astype(pixels.dtype.newbyteorder("<")).tobytes()
    result["PixelData"].VR = "OW"
    result.file_meta = FileMetaDataset()
    result.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    result.filename = f"{header.filename}, frame {number}"
    return result
