"""Files as they should not be: NIfTI, NRRD and MetaImage. Rows 1 to 25 of the table of bad inputs, and what users met."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
from bad_scans import AFFINE, CT, EITHER, READ, REFUSE, SHAPE, STEP, BadScan, nifti

QFORM_CODE, QUATERNION, QOFFSET, SROW = 252, 256, 268, 280  # bytes of a NIfTI header


def text_image(folder: Path, header: str, name: str, array: np.ndarray = CT, cut: int = 0) -> Path:
    """A header in text and the voxels behind it, as NRRD and MetaImage have them."""
    folder.mkdir(parents=True, exist_ok=True)
    voxels = array.tobytes(order="F")
    (folder / name).write_bytes(header.encode() + voxels[: len(voxels) - cut])
    return folder / name


NRRD = (
    "NRRD0004\ntype: short\ndimension: 3\nspace: right-anterior-superior\nsizes: 48 40 36\nendian: little\n"
    "encoding: raw\nspace origin: (-141,-117,-105)\nspace directions: (6,0,0) (0,6,0) (0,0,6)\n{}\n"
)
META = (  # LPS
    "ObjectType = Image\nNDims = 3\nBinaryData = True\nBinaryDataByteOrderMSB = False\nCompressedData = False\n"
    "TransformMatrix = -1 0 0 0 -1 0 0 0 1\nOffset = 141 117 -105\nElementSpacing = 6 6 6\n{}DimSize = 48 40 36\n"
    "ElementType = MET_SHORT\nElementDataFile = LOCAL\n"
)


def with_bytes(change: Callable[[bytes], bytes], suffix: str = ".gz") -> Callable[[Path], Path]:
    def make(folder: Path) -> Path:
        path = nifti(folder, suffix=suffix)
        path.write_bytes(change(path.read_bytes()))
        return path

    return make


RAW = CT.astype(np.int32) + 1024


def ringed(array: np.ndarray, value: float) -> np.ndarray:
    """With the scanner's circle: one value all around it."""
    x, y = np.meshgrid(np.linspace(-1, 1, SHAPE[0]), np.linspace(-1, 1, SHAPE[1]), indexing="ij")
    return np.where((x**2 + y**2 > 1.1)[..., None], value, array)


def voxels(array: np.ndarray, kind: Any = np.int16) -> Callable[[Path], Path]:
    return lambda folder: nifti(folder, array.astype(kind))


def srow(values: np.ndarray) -> Callable[[Path], Path]:
    return lambda folder: nifti(folder, patches=((SROW, "12f", values[:3].ravel()), (QFORM_CODE, "2h", (0, 1))))


def scaled(axis: int, factor: float) -> Callable[[Path], Path]:
    return srow(AFFINE @ np.diag([factor if axis == one else 1.0 for one in range(4)]))


def header(name: str, text: str, extra: str = "", cut: int = 0) -> Callable[[Path], Path]:
    return lambda folder: text_image(folder, text.format(extra), name, cut=cut)


def files() -> Iterator[BadScan]:
    """All of them."""
    for name, (row, make) in {**_damaged(), **_no_hu()}.items():
        yield BadScan(name, REFUSE, make, row, None)
    yield from _readable()


def _damaged() -> dict[str, tuple[int, Callable[[Path], Path]]]:
    """Name -> row and maker of files that cannot be read, or whose place nobody can know."""
    colours = np.zeros(SHAPE, dtype=[("R", "u1"), ("G", "u1"), ("B", "u1")])
    return {
        ".nii.gz cut in half": (1, with_bytes(lambda content: content[: len(content) // 2])),
        "one flipped bit in .nii.gz": (2, with_bytes(lambda one: one[:9000] + bytes([one[9000] ^ 16]) + one[9001:])),
        "gzip trailer missing": (3, with_bytes(lambda content: content[:-8])),
        "empty file": (4, with_bytes(lambda content: b"")),
        "text named .nii.gz": (5, with_bytes(lambda content: b"patient moved\n")),
        ".nii shorter than its header says": (6, with_bytes(lambda content: content[:-100], suffix="")),
        "missing file": (7, lambda folder: folder / "gone.nii.gz"),
        "empty folder": (8, lambda folder: folder),
        "affine with a zero column": (9, scaled(1, 0.0)),
        "NaN in the affine": (10, scaled(0, np.nan)),
        "spacing of 60,000 mm": (11, scaled(0, 1e4)),
        "spacing of 0.006 mm": (12, scaled(0, 1e-3)),
        "4-D file": (15, voxels(np.stack([CT] * 3, axis=3))),
        "2-D file": (16, voxels(CT[:, :, 4])),
        "a single slice": (17, voxels(CT[:, :, 4:5])),
        "all voxels NaN": (19, voxels(np.full(SHAPE, np.nan), np.float32)),
        "constant volume": (21, voxels(np.full(SHAPE, -1000))),
        "colours": (25, lambda folder: nifti(folder, colours)),
        "quaternion NaN, no sform": (
            0, lambda folder: nifti(folder, patches=((QUATERNION, "3f", (np.nan,) * 3), (QFORM_CODE, "2h", (1, 0))))),
        "NRRD cut off": (0, header("case.nrrd", NRRD, cut=500)),
        "NRRD with its directions twice": (0, header("case.nrrd", NRRD, "space directions: (3,0,0) (0,6,0) (0,0,6)\n")),
        "MetaImage cut off": (0, header("case.mha", META, cut=500)),
        "MetaImage with its spacing twice": (0, header("case.mha", META, "ElementSpacing = 3 6 6\n")),
        "MetaImage without its data": (
            0, lambda folder: text_image(folder, META.format("").replace("LOCAL", "gone.raw"), "case.mhd", cut=CT.nbytes)),
    }  # fmt: skip


def _no_hu() -> dict[str, tuple[int, Callable[[Path], Path]]]:
    """Name -> row and maker of sound files that hold no HU."""
    return {
        "grey values 0-255": (22, voxels(np.clip((CT + 175.0) * 255 / 425, 0, 255), np.uint8)),
        "HU + 1024": (23, voxels(RAW)),
        "HU + 1024 with padding of -2000": (0, voxels(ringed(RAW, -2000))),
        "HU + 1024 with one voxel of -11": (0, voxels(np.where(RAW[0, 0, 0] == RAW, -11, RAW))),
        "HU times 5": (0, voxels(CT.astype(np.int32) * 5)),
        "inverted": (0, voxels(-CT)),
        "rescaled to int8": (0, voxels(np.clip(CT / 12.0, -128, 127), np.int8)),
        "scaled to [0, 1]": (0, voxels((CT + 1024.0) / 4095, np.float32)),
        "z-scores": (0, voxels((CT + 500.0) / 450, np.float32)),
        "label map as the CT": (0, voxels((CT > -500).astype(int) + (CT > 300), np.uint8)),
        "MR with noise around 0": (
            24, voxels((CT > -500) * 600.0 + np.random.default_rng(0).normal(0, 20, SHAPE), np.float32)),
    }  # fmt: skip


def _readable() -> Iterator[BadScan]:
    """What can be read, or may be refused with a reason."""
    holed, tilt = CT.astype(np.float32), AFFINE.copy()
    holed[1, 2, 3], tilt[1, 2] = np.nan, STEP * np.tan(np.radians(20))
    padded, seen = ringed(CT, -3024), (np.maximum(CT, -1024), AFFINE)
    hole = (np.where(np.isnan(holed), -1024, CT), AFFINE)
    yield BadScan("sheared affine (tilt of 20 degrees)", EITHER, srow(tilt), 13, (CT, tilt))
    flip = AFFINE @ np.array([[-1, 0, 0, 47], [0, 1, 0, 0], [0, 0, -1, 35], [0, 0, 0, 1.0]])
    turned = nib.Nifti1Image(CT[::-1, :, ::-1], flip)
    yield BadScan("flipped axes", READ, lambda folder: nib.save(turned, folder / "case.nii") or folder / "case.nii", 14)
    yield BadScan("one voxel NaN", EITHER, voxels(holed, np.float32), 20, hole)
    yield BadScan("padding of -3024", READ, voxels(padded), right=(np.maximum(padded, -1024), AFFINE))
    long = ((QUATERNION, "3f", (0.57735037, 0.57735037, 0.57735044)),)
    yield BadScan(
        "quaternion a hair too long, sform sound", READ, lambda folder: nifti(folder, patches=long), right=seen
    )
    away = ((QOFFSET, "3f", (500.0, 0.0, 0.0)),)
    yield BadScan("qform 600 mm beside the sform", EITHER, lambda folder: nifti(folder, patches=away), right=seen)
    yield BadScan("NRRD, sound", READ, header("case.nrrd", NRRD), right=seen)
    yield BadScan("MetaImage, sound", READ, header("case.mha", META), right=seen)
