"""Read NIfTI files, compressed or not, trusting nothing that is not written in them."""

from __future__ import annotations

import io
from pathlib import Path

import nibabel as nib
import numpy as np

from smart_nets.errors import InputError
from smart_nets.scans.files import gz
from smart_nets.scans.files.nifti_affine import Header, affine_of
from smart_nets.scans.files.voxels import COPY_AGAIN
from smart_nets.scans.volume import Volume

PAIR = ".hdr"  # whose voxels lie in an .img beside it
SINGLE = {b"n+1": (nib.Nifti1Header, 348), b"n+2": (nib.Nifti2Header, 540)}  # by magic: kind, and bytes of the header
PAIRED = {b"ni1": (nib.nifti1.Nifti1PairHeader, 348), b"ni2": (nib.nifti2.Nifti2PairHeader, 540)}
HEADER_BYTES = 540  # of NIfTI-2; NIfTI-1 needs 348


def read_header(path: Path) -> Header:
    """The header of a `.nii` or `.nii.gz`, at the cost of its first kilobytes.

    Raises:
        InputError: the file is empty, is no NIfTI, or stores its voxels elsewhere.
    """
    with path.open("rb") as file:
        start = file.read(65536)
    return _parse_header(start, path)


def _parse_header(start: bytes, path: Path) -> Header:
    if path.name.lower().endswith(".gz"):
        start = gz.first_bytes(start, HEADER_BYTES, path)
    if not start:
        raise InputError("is empty", where=path, expected="a NIfTI header", found="0 bytes", remedy=COPY_AGAIN)
    paired = path.name.lower().endswith(PAIR)
    magics = PAIRED if paired else SINGLE
    kind, size = magics.get(start[344:347]) or magics.get(start[4:7]) or (None, 0)
    if kind is None and start[:2] == gz.GZIP_MAGIC:
        what, remedy = "is gzip in spite of its name", "rename it to .nii.gz"
        raise InputError(what, where=path, expected="NIfTI", found="gzip", remedy=remedy)
    if kind is None:
        what = "is Analyze, which does not tell left from right, or no NIfTI" if paired else "is no NIfTI file"
        expected, found = (
            " or ".join(f"magic {magic.decode()}" for magic in magics),
            repr(start[344:347])[2:-1] or "none",
        )
        remedy = "save it as a single NIfTI file with its header"
        raise InputError(what, where=path, expected=expected, found=found, remedy=remedy)
    if len(start) < size:
        raise InputError(
            "ends inside its header", where=path, expected=f"{size} bytes", found=len(start), remedy=COPY_AGAIN
        )
    try:
        header: Header = kind.from_fileobj(io.BytesIO(start[:size]))
        header.get_xyzt_units(), header.get_slope_inter()  # parsed now, where damage can be told
        if data_bytes(header)[0] < (0 if paired else size):
            raise ValueError(f"voxels begin at byte {data_bytes(header)[0]}")
        if any(int(length) < 1 for length in header.get_data_shape()):
            raise ValueError(f"dimensions {header.get_data_shape()}")
    except (nib.spatialimages.HeaderDataError, ValueError, KeyError) as error:
        raise InputError(f"NIfTI header is damaged: {error}", where=path, remedy="copy the file again") from error
    return header


def _image_beside(header: Path) -> tuple[Path, bytes]:
    """The file with the voxels of a pair."""
    for ending in (".img", ".img.gz"):
        image = header.with_name(header.name[: -len(".hdr")] + ending)
        if image.is_file():
            return image, image.read_bytes()
    expected, remedy = header.stem + ".img", "give both files, or save it as one .nii"
    raise InputError("its voxels cannot be found", where=header, expected=expected, found="none", remedy=remedy)


def data_bytes(header: Header) -> tuple[int, int]:
    """Where the voxels begin in the unpacked file, and how many bytes they take."""
    count = 1
    for length in header.get_data_shape():  # Python integers: a damaged header cannot overflow them
        count *= int(length)
    return int(header.get_data_offset()), count * header.get_data_dtype().itemsize


def read_nifti(path: Path) -> Volume:
    """Voxels as stored (scaled only if the header says so) and the affine in mm.

    Raises:
        InputError: damaged, too short, or no NIfTI file.
        GeometryError: see `affine_of`.
    """
    content = path.read_bytes()
    header = _parse_header(content, path)
    offset, size = data_bytes(header)
    if path.name.lower().endswith(PAIR):
        path, content = _image_beside(path)
    if path.name.lower().endswith(".gz"):
        content = gz.inflate(content, offset + size, path)
    if len(content) < offset + size:
        raise InputError(
            "ends early", where=path, expected=f"{offset + size:,} bytes", found=f"{len(content):,}", remedy=COPY_AGAIN
        )
    dtype = header.get_data_dtype()
    array = np.frombuffer(content, dtype, size // dtype.itemsize, offset).reshape(header.get_data_shape(), order="F")
    slope, intercept = header.get_slope_inter()
    if slope is not None and (slope, intercept) != (1.0, 0.0):
        array = (array * np.float64(slope) + np.float64(intercept)).astype(np.float32)
    affine, notes = affine_of(header, path)
    return Volume(array, affine, str(path), notes)
