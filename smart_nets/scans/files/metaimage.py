"""Read MetaImage files (.mha, and .mhd with the voxels in a file beside it)."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np

from smart_nets.errors import InputError
from smart_nets.scans.files.foreign import read_with_itk
from smart_nets.scans.files.voxels import COPY_AGAIN, array_from, no_place, once
from smart_nets.scans.volume import Volume, lps_to_ras

TYPES = {
    **{"MET_CHAR": "i1", "MET_SHORT": "i2", "MET_INT": "i4", "MET_LONG": "i4", "MET_LONG_LONG": "i8"},
    **{"MET_UCHAR": "u1", "MET_USHORT": "u2", "MET_UINT": "u4", "MET_ULONG": "u4", "MET_ULONG_LONG": "u8"},
    **{"MET_FLOAT": "f4", "MET_DOUBLE": "f8"},
}
LAST_FIELD = b"ElementDataFile"  # the voxels begin after its line
LONGEST_HEADER = 65536
SEVERAL = re.compile(r"^LIST|%")  # several data files


def read_metaimage(path: Path) -> Volume:
    """Voxels as stored and the affine to RAS mm (MetaImage speaks LPS, as ITK does).

    Raises:
        InputError: the file is damaged, or stores its voxels in a way that is not read.
        GeometryError: the header does not say where the voxels lie in the patient.
    """
    content = path.read_bytes()
    start = content.find(LAST_FIELD, 0, LONGEST_HEADER)
    end = content.find(b"\n", start)
    if start < 0 or b"NDims" not in content[:start]:
        found = "other content" if content else "0 bytes"
        raise InputError("is no MetaImage file", where=path, expected="NDims first", found=found, remedy=COPY_AGAIN)
    end = len(content) if end < 0 else end
    pairs = (line.partition("=") for line in content[:end].decode("utf-8", "replace").splitlines())
    fields = once(((name.strip(), value.strip()) for name, _, value in pairs), path)
    try:
        beside = fields[LAST_FIELD.decode()]
        dtype = np.dtype(TYPES[fields["ElementType"]])
        big = fields.get("BinaryDataByteOrderMSB", fields.get("ElementByteOrderMSB", "False"))
        dtype = dtype.newbyteorder(">" if _true(big) else "<")
        shape = [int(length) for length in fields["DimSize"].split()]
        ours = not int(fields.get("HeaderSize", "0")) and not SEVERAL.search(beside)
        if len(shape) != int(fields["NDims"]) or not _true(fields.get("BinaryData", "True")):
            raise ValueError(f"NDims {fields['NDims']}, DimSize {shape}")
        if int(fields.get("ElementNumberOfChannels", "1")) != 1:
            raise ValueError("several channels")
    except (KeyError, ValueError, OverflowError) as error:
        what = "MetaImage header is damaged or of a kind that is not read"
        expected = "NDims, DimSize, ElementType, one channel"
        raise InputError(what, where=path, found=error, remedy="save it as NIfTI", expected=expected) from error
    packing = "zlib" if _true(fields.get("CompressedData", "False")) else "raw"
    if ours:
        array = array_from(_voxels(beside, content[end + 1 :], path), packing, dtype, shape, path)
    else:
        array = read_with_itk(path)[0]
    return Volume(array, lps_to_ras(_affine(fields, min(len(shape), 3), path)), str(path))


def _true(text: str) -> bool:
    return text.lower() in ("true", "1", "yes")


def _voxels(name: str, body: bytes, path: Path) -> bytes:
    if name == "LOCAL":
        return body
    beside = path.parent / name
    if not name or not beside.is_file():
        expected = "one file beside it"
        raise InputError(
            "its voxels cannot be found", where=path, found=name, remedy="save it as one .mha file", expected=expected
        )
    return beside.read_bytes()


def _affine(fields: dict[str, str], axes: int, path: Path) -> np.ndarray:
    """Affine (4, 4) to LPS mm; the rows of TransformMatrix are the directions of the axes."""
    names = {
        "spacing": ("ElementSpacing",),
        "origin": ("Offset", "Position", "Origin"),
        "directions": ("TransformMatrix", "Rotation", "Orientation"),
    }
    told = once(((key, fields[name]) for key, choice in names.items() for name in choice if name in fields), path)
    found = {key: told.get(key, "") for key in names}
    try:
        numbers = {key: np.array(text.split(), dtype=float) for key, text in found.items()}
        dimension = len(numbers["spacing"])
        directions = numbers["directions"].reshape(dimension, dimension)[:axes, :axes]
        if dimension < 2 or len(numbers["origin"]) != dimension:
            raise ValueError("lengths differ")
    except ValueError as error:
        raise no_place(path, "ElementSpacing, Offset and TransformMatrix", ", ".join(found.values())) from error
    affine = np.eye(4)
    affine[:axes, :axes] = directions.T * numbers["spacing"][:axes]  # each column times its spacing
    affine[:axes, 3] = numbers["origin"][:axes]
    return affine
