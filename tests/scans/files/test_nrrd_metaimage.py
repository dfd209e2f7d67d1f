"""NRRD and MetaImage: every way they are written that is read here, and every way that is refused."""

import gzip
import zlib
from pathlib import Path

import numpy as np
import pytest

from smart_nets.errors import GeometryError, InputError
from smart_nets.scans.files.metaimage import read_metaimage
from smart_nets.scans.files.nrrd import read_nrrd

VOXELS = np.arange(-12, 12, dtype=np.int16).reshape(2, 3, 4)
AFFINE = np.array([[-2.0, 0, 0, 10], [0, -1.5, 0, -20], [0, 0, 3, 5], [0, 0, 0, 1]])  # of LPS steps 2, 1.5, 3
NRRD = {
    **{"type": "short", "dimension": "3", "sizes": "2 3 4", "endian": "little", "encoding": "raw"},
    **{"space": "left-posterior-superior", "space origin": "(-10,20,5)"},
    "space directions": "(2,0,0) (0,1.5,0) (0,0,3)",
}
META = {
    **{"ObjectType": "Image", "NDims": "3", "BinaryData": "True", "BinaryDataByteOrderMSB": "False"},
    **{"TransformMatrix": "1 0 0 0 1 0 0 0 1", "Offset": "-10 20 5", "ElementSpacing": "2 1.5 3"},
    **{"DimSize": "2 3 4", "ElementType": "MET_SHORT", "ElementDataFile": "LOCAL"},
}


def words(value: object) -> str:
    """Names of test cases: their settings and messages, not their bytes."""
    return "" if isinstance(value, bytes) else str(getattr(value, "__name__", value))


def packed(voxels: np.ndarray = VOXELS) -> bytes:
    return voxels.tobytes(order="F")


def nrrd(folder: Path, body: bytes, end: str = "\n", **change: str | None) -> Path:
    fields = {**NRRD, **{name.replace("_", " "): value for name, value in change.items()}}
    lines = ["NRRD0004", "# a comment", "key:=value", *(f"{name}: {value}" for name, value in fields.items() if value)]
    path = folder / "scan.nrrd"
    path.write_bytes((end.join(lines) + end + end).encode() + body)
    return path


def meta(folder: Path, body: bytes, **change: str | None) -> Path:
    fields = {**{name: value for name, value in META.items() if name not in change}, **change}
    fields["ElementDataFile"] = fields.pop("ElementDataFile")  # last, as the format asks
    path = folder / "scan.mha"
    path.write_bytes("".join(f"{name} = {value}\n" for name, value in fields.items() if value).encode() + body)
    return path


@pytest.mark.parametrize(
    ("body", "change"),
    [
        (packed(), {}),
        (packed(), {"end": "\r\n"}),
        (gzip.compress(packed(), mtime=0), {"encoding": "gzip"}),
        (packed(VOXELS.astype(">i2")), {"endian": "big"}),
        (packed(), {"space": "RAS", "space_directions": "(-2,0,0) (0,-1.5,0) (0,0,3)", "space_origin": "(10,-20,5)"}),
        (packed(VOXELS.astype("<f8")), {"type": "double"}),
    ],
    ids=words,
)
def test_nrrd_in_all_its_writings(tmp_path, body, change):
    volume = read_nrrd(nrrd(tmp_path, body, **change))
    np.testing.assert_array_equal(volume.array, VOXELS)
    np.testing.assert_array_equal(volume.affine, AFFINE)


def test_nrrd_with_its_voxels_beside_it(tmp_path):
    (tmp_path / "scan.raw").write_bytes(packed())
    path = nrrd(tmp_path, b"", data_file="scan.raw").rename(tmp_path / "scan.nhdr")
    np.testing.assert_array_equal(read_nrrd(path).array, VOXELS)


def test_nrrd_with_several_values_per_voxel_has_them_last(tmp_path):
    both = np.stack([VOXELS, VOXELS + 1])  # (2 values, X, Y, Z)
    change = {"dimension": "4", "sizes": "2 2 3 4", "space_directions": "none (2,0,0) (0,1.5,0) (0,0,3)"}
    volume = read_nrrd(nrrd(tmp_path, packed(both), **change))
    np.testing.assert_array_equal(volume.array, np.moveaxis(both, 0, -1))
    np.testing.assert_array_equal(volume.affine, AFFINE)


@pytest.mark.parametrize(
    ("body", "change", "error", "message"),
    [
        (packed()[:-1], {}, InputError, "ends early .expected 48 bytes of voxels, found 47"),
        (gzip.compress(packed(), mtime=0)[:-9], {"encoding": "gzip"}, InputError, "ends early|checksum is missing"),
        (packed(), {"encoding": "gzip"}, InputError, "no gzip file"),
        (packed(), {"encoding": "bzip2"}, InputError, "of a kind that is not read"),
        (packed(), {"type": "block"}, InputError, "of a kind that is not read"),
        (packed(), {"endian": None}, InputError, "of a kind that is not read"),
        (packed(), {"dimension": "4"}, InputError, "of a kind that is not read"),
        (packed(), {"sizes": "2 3 0"}, InputError, "header is damaged"),
        (packed(), {"sizes": "99999999 99999999 99999999"}, InputError, "header is damaged"),
        (packed(), {"data_file": "gone.raw"}, InputError, "cannot be found"),
        (packed(), {"space": None}, GeometryError, "where the voxels lie"),
        (packed(), {"space": "scanner-xyz"}, GeometryError, "where the voxels lie"),
        (packed(), {"space_directions": None}, GeometryError, "where the voxels lie"),
        (packed(), {"space_origin": "(1,2)"}, GeometryError, "where the voxels lie"),
    ],
    ids=words,
)
def test_nrrd_that_cannot_be_trusted(tmp_path, body, change, error, message):
    with pytest.raises(error, match=message):
        read_nrrd(nrrd(tmp_path, body, **change))


@pytest.mark.parametrize(
    ("body", "change"),
    [
        (packed(), {}),
        (zlib.compress(packed()), {"CompressedData": "True"}),
        (packed(VOXELS.astype(">i2")), {"BinaryDataByteOrderMSB": "True"}),
        (packed(), {"Offset": None, "Position": "-10 20 5"}),
        (packed(VOXELS.astype("<f4")), {"ElementType": "MET_FLOAT"}),
    ],
    ids=words,
)
def test_metaimage_in_all_its_writings(tmp_path, body, change):
    volume = read_metaimage(meta(tmp_path, body, **change))
    np.testing.assert_array_equal(volume.array, VOXELS)
    np.testing.assert_array_equal(volume.affine, AFFINE)


def test_rows_of_metaimages_matrix_are_the_directions_of_axes(tmp_path):
    """The first axis runs along y (second of LPS): its row of the matrix is 0 1 0."""
    volume = read_metaimage(meta(tmp_path, packed(), TransformMatrix="0 1 0 -1 0 0 0 0 1"))
    np.testing.assert_array_equal(volume.affine[:3, 0], [0, -2, 0])
    np.testing.assert_array_equal(volume.affine[:3, 1], [1.5, 0, 0])


def test_metaimage_with_its_voxels_beside_it(tmp_path):
    (tmp_path / "scan.raw").write_bytes(packed())
    path = meta(tmp_path, b"", ElementDataFile="scan.raw").rename(tmp_path / "scan.mhd")
    np.testing.assert_array_equal(read_metaimage(path).array, VOXELS)


PACKED = zlib.compress(packed())


@pytest.mark.parametrize(
    ("body", "change", "error", "message"),
    [
        (packed()[:-1], {}, InputError, "ends early"),
        (PACKED[:-2], {"CompressedData": "True"}, InputError, "ends early .expected 48 bytes of voxels and a checksum"),
        (PACKED[:-1] + b"?", {"CompressedData": "True"}, InputError, "checksum differs"),
        (packed(), {"ElementType": "MET_STRING"}, InputError, "of a kind that is not read"),
        (packed(), {"ElementNumberOfChannels": "3"}, InputError, "of a kind that is not read"),
        (packed(), {"NDims": "2"}, InputError, "of a kind that is not read"),
        (packed(), {"BinaryData": "False"}, InputError, "of a kind that is not read"),
        (packed(), {"DimSize": "2 3 -4"}, InputError, "header is damaged"),
        (packed(), {"ElementDataFile": "gone.raw"}, InputError, "cannot be found"),
        (packed(), {"TransformMatrix": None}, GeometryError, "where the voxels lie"),
        (packed(), {"ElementSpacing": "1 1"}, GeometryError, "where the voxels lie"),
        (packed(), {"Offset": "a b c"}, GeometryError, "where the voxels lie"),
    ],
    ids=words,
)
def test_metaimage_that_cannot_be_trusted(tmp_path, body, change, error, message):
    with pytest.raises(error, match=message):
        read_metaimage(meta(tmp_path, body, **change))


@pytest.mark.parametrize("content", [b"", b"hello", b"NDims = 3\n"])
def test_other_content(tmp_path, content):
    for name, read in (("a.mha", read_metaimage), ("a.nrrd", read_nrrd)):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(InputError, match="is no"):
            read(tmp_path / name)


def test_itk_reads_the_real_files_the_same(real_ct: Path):
    itk = pytest.importorskip("itk", reason="ITK is not installed")
    for name in ("cip/ct-64.nrrd", "slicerio/CTChest4.nrrd", "elastix/3DCT_lung_baseline_small.mha"):
        image = itk.imread(str(real_ct / name))
        ours = (read_nrrd if name.endswith("nrrd") else read_metaimage)(real_ct / name)
        np.testing.assert_array_equal(ours.array, itk.array_from_image(image).T)
        steps = itk.array_from_matrix(image.GetDirection()) * np.array(image.GetSpacing())
        np.testing.assert_allclose(np.diag([-1, -1, 1]) @ ours.affine[:3, :3], steps)


@pytest.mark.parametrize("twice", ["sizes: 3 2 4", "type: float", "space: RAS"])
def test_a_field_told_twice_is_no_header_of_nrrd(tmp_path, twice):
    path = nrrd(tmp_path, packed())
    path.write_bytes(path.read_bytes().replace(b"# a comment", twice.encode()))
    with pytest.raises(InputError, match=f"the header says {twice.partition(':')[0]} twice"):
        read_nrrd(path)


@pytest.mark.parametrize(("first", "name"), [("DimSize = 3 2 4", "DimSize"), ("Position = 0 0 0", "origin")])
def test_a_field_told_twice_is_no_header_of_metaimage(tmp_path, first, name):
    path = meta(tmp_path, packed())
    path.write_bytes(first.encode() + b"\n" + path.read_bytes())
    with pytest.raises(InputError, match=f"the header says {name} twice"):
        read_metaimage(path)


@pytest.mark.parametrize(
    ("change", "said"),
    [({"spacings": "1 1 1"}, "two sizes of voxels"), ({"space_units": '"m" "m" "m"'}, "unknown unit of length")],
)
def test_lengths_beside_the_directions_must_agree(tmp_path, change, said):
    with pytest.raises(GeometryError, match=said):
        read_nrrd(nrrd(tmp_path, packed(), **change))
    agreeing = nrrd(tmp_path, packed(), spacings="NaN 1.5 3", space_units='"mm" "mm" "mm"')
    assert np.allclose(read_nrrd(agreeing).affine, AFFINE)
