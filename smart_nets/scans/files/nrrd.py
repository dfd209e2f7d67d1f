"""Read NRRD files (.nrrd, and .nhdr with the voxels in a file beside it)."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np

from smart_nets.errors import GeometryError, InputError
from smart_nets.scans.files.foreign import read_with_itk
from smart_nets.scans.files.voxels import CONVERT_AGAIN, COPY_AGAIN, array_from, no_place, once
from smart_nets.scans.volume import Volume

TYPES = {
    "i1": "signed char, int8, int8_t",
    "u1": "uchar, unsigned char, uint8, uint8_t",
    "i2": "short, short int, signed short, signed short int, int16, int16_t",
    "u2": "ushort, unsigned short, unsigned short int, uint16, uint16_t",
    "i4": "int, signed int, int32, int32_t",
    "u4": "uint, unsigned int, uint32, uint32_t",
    "f4": "float",
    "f8": "double",
}
CODES = {name: code for code, names in TYPES.items() for name in names.split(", ")}
PACKINGS = {"raw": "raw", "gzip": "gzip", "gz": "gzip", **dict.fromkeys(("txt", "text", "ascii", "hex"), "itk")}
SEVERAL = re.compile(r"^LIST|%")  # several data files
TO_RAS = {
    "right-anterior-superior": (1, 1, 1),
    "ras": (1, 1, 1),
    "left-anterior-superior": (-1, 1, 1),
    "las": (-1, 1, 1),
    "left-posterior-superior": (-1, -1, 1),
    "lps": (-1, -1, 1),
}


def read_nrrd(path: Path) -> Volume:
    """Voxels as stored and the affine to RAS mm; an axis without direction (several values per voxel) comes last.

    Raises:
        InputError: the file is damaged, or stores its voxels in a way that is not read.
        GeometryError: the header does not say where the voxels lie in the patient.
    """
    content = path.read_bytes()
    if content[:4] != b"NRRD":
        found = repr(content[:4])[2:-1] or "nothing"
        raise InputError("is no NRRD file", where=path, expected="NRRD first", found=found, remedy=COPY_AGAIN)
    blank = re.search(rb"\r?\n\r?\n|$", content)  # an empty line ends the header
    end, begin = blank.span() if blank else (len(content), len(content))
    fields = once(_fields(content[:end].decode("utf-8", "replace")), path)
    try:
        code = CODES[fields["type"].lower()]
        order = "" if code.endswith("1") else {"little": "<", "big": ">"}[fields["endian"].lower()]
        dtype = np.dtype(order + code)
        shape = [int(length) for length in fields["sizes"].split()]
        packing = PACKINGS[fields["encoding"].lower()]
        beside = fields.get("data file", "")
        if len(shape) != int(fields["dimension"]):
            raise ValueError(f"dimension {fields['dimension']} but sizes {shape}")
    except (KeyError, ValueError) as error:
        what = "NRRD header is damaged or of a kind that is not read"
        expected = "type, sizes, encoding raw or gzip, endian"
        raise InputError(what, where=path, found=error, remedy="save it as NIfTI", expected=expected) from error
    if packing == "itk" or SEVERAL.search(beside) or {"line skip", "byte skip"} & set(fields):
        array = read_with_itk(path)[0]
    else:
        array = array_from(_detached(beside, path) if beside else content[begin:], packing, dtype, shape, path)
    affine, plain = _affine(fields, len(shape), path)
    return Volume(np.moveaxis(array, plain, range(-len(plain), 0)) if plain else array, affine, str(path))


def _fields(head: str) -> list[tuple[str, str]]:
    lines = [line for line in head.splitlines()[1:] if line and not line.startswith("#") and ":=" not in line]
    pairs = (line.partition(":") for line in lines)
    return [(name.strip().lower().replace("datafile", "data file"), value.strip()) for name, _, value in pairs]


def _detached(name: str, path: Path) -> bytes:
    beside = path.parent / name
    if not beside.is_file():
        expected = "one file beside it"
        raise InputError(
            "its voxels cannot be found",
            where=path,
            found=beside.name,
            remedy="save it as one .nrrd file",
            expected=expected,
        )
    return beside.read_bytes()


def _affine(fields: dict[str, str], dimension: int, path: Path) -> tuple[np.ndarray, list[int]]:
    """The affine (4, 4) to RAS mm, and the axes that have no direction."""
    signs = TO_RAS.get(fields.get("space", "").lower())
    directions = re.findall(r"none|\([^)]*\)", fields.get("space directions", ""))
    plain = [axis for axis, direction in enumerate(directions) if direction == "none"]
    try:
        columns = [_vector(direction) for direction in directions if direction != "none"]
        origin = _vector(fields["space origin"])
    except (KeyError, ValueError):
        columns, origin = [], []
    if signs is None or len(directions) != dimension or len(columns) not in (2, 3) or len(origin) != 3:
        found = f"{fields.get('space', 'no space')}, {fields.get('space directions', 'no directions')}"
        raise no_place(path, "space RAS, LAS or LPS, space directions and space origin", found)
    _check_lengths(fields, np.linalg.norm(columns, axis=1), plain, path)
    affine = np.eye(4)
    affine[:3, : len(columns)] = np.array(columns).T
    affine[:3, 3] = origin
    return np.diag([*signs, 1.0]) @ affine, plain


def _check_lengths(fields: dict[str, str], lengths: np.ndarray, plain: list[int], path: Path) -> None:
    """Lengths and units that are told beside the directions must agree with them."""
    units = set(re.findall(r'"([^"]*)"', fields.get("space units", ""))) - {"mm", "millimeter", "millimeters", ""}
    if units:
        what, remedy = "unknown unit of length", "correct the header"
        raise GeometryError(what, where=path, expected="mm", found=", ".join(sorted(units)), remedy=remedy)
    told = [word for axis, word in enumerate(fields.get("spacings", "").split()) if axis not in plain]
    spacings = np.array([float(word) for word in told]) if told else lengths
    if len(spacings) != len(lengths) or (np.abs(spacings - lengths) > 0.01 * lengths).any():  # NaN: not told
        what, found = "the header has two sizes of voxels", f"spacings {told}, directions {lengths.round(4).tolist()}"
        raise GeometryError(what, where=path, expected="one size", found=found, remedy=CONVERT_AGAIN)


def _vector(text: str) -> list[float]:
    numbers = [float(number) for number in text.strip("()").split(",")]
    if len(numbers) != 3:
        raise ValueError(text)
    return numbers
