"""Whatever a header, a table or a list says, in whatever combination: it is read, or refused with a reason.

`make fuzz` tries thousands, others each time; what it finds becomes an `@example` here.
"""

import json
import math
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import itk
import nibabel as nib
import numpy as np
import pydicom
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from pydicom.uid import ImplicitVRLittleEndian

from smart_nets.classify.lesions.csv_list import read_lesions
from smart_nets.lists.manifest import datalist
from smart_nets.scans.read import read_scan

HEADER = nib.nifti1.header_dtype
ODD = [0, 1, -1, 2, 3, 0.5, -1024, 1e-30, 1e30, 2**15, 2**31, 2**63, math.nan, math.inf, -math.inf]
NUMBER = st.one_of(st.sampled_from(ODD), st.integers(-20, 300), st.floats(-100, 100))
WORDS = [
    "",
    "0",
    "-1",
    "nan",
    "inf",
    "-inf",
    "1e400",
    "9" * 400,
    "(",
    "[" * 5000,
    "\x00",
    "\u00e4",
    "none",
    "x" * 5000,
    "1,2",
    "1;2",
]
TEXT = st.one_of(st.sampled_from(WORDS), NUMBER.map(str), st.text(max_size=12))
VECTOR = st.lists(TEXT, min_size=1, max_size=4)


@st.composite
def nifti_fields(draw: st.DrawFn) -> dict[str, list[float]]:
    names = draw(st.lists(st.sampled_from(HEADER.names), min_size=1, max_size=4, unique=True))
    return {name: draw(st.lists(NUMBER, min_size=1, max_size=8)) for name in names if HEADER[name].base.kind in "iuf"}


def set_nifti(path: Path, sound: bytes, fields: dict[str, list[float]]) -> None:
    content = bytearray(sound)
    header = np.frombuffer(content, HEADER, 1)
    with np.errstate(all="ignore"):
        for name, values in fields.items():
            place = header[name].reshape(-1)
            count = min(len(values), len(place))
            place[:count] = np.array(values[:count], dtype=np.float64).astype(place.dtype)
    path.write_bytes(content)


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_nifti_headers(made: SimpleNamespace, tmp_path: Path) -> None:
    path = made.nifti(made.ct(), tmp_path / "case.nii")
    sound = path.read_bytes()

    @made.few
    @given(nifti_fields())
    @example({"sform_code": [0], "qform_code": [1], "quatern_b": [math.nan]})
    @example({"dim": [3, 32767, 32767, 32767]})
    @example({"vox_offset": [math.inf]})
    @example({"scl_slope": [-1]})
    def check(fields: dict[str, list[float]]) -> None:
        set_nifti(path, sound, fields)
        scan = made.read_or_refuse(read_scan, path)
        assert scan is None or (scan.isfinite().all() and scan.min() >= -1024 and scan.affine.isfinite().all())

    check()


LINE = st.one_of(TEXT, VECTOR.map(" ".join))
NRRD = [
    "type",
    "dimension",
    "sizes",
    "space",
    "space directions",
    "space origin",
    "endian",
    "encoding",
    "kinds",
    "spacings",
]
META = [
    "NDims",
    "DimSize",
    "ElementType",
    "ElementSpacing",
    "Offset",
    "TransformMatrix",
    "CompressedData",
    "ElementDataFile",
]


@pytest.mark.parametrize(("suffix", "names", "sign"), [("nrrd", NRRD, ": "), ("mha", META, " = ")])
def test_headers_of_text(made: SimpleNamespace, tmp_path: Path, suffix: str, names: list[str], sign: str) -> None:
    """Encodings that ITK reads for us are left out: a process each would take hours."""
    itk.imwrite(itk.imread(str(made.nifti(made.ct(), tmp_path / "case.nii"))), str(tmp_path / f"case.{suffix}"))
    path = tmp_path / f"case.{suffix}"
    sound = path.read_bytes()
    voxels = made.ct().nbytes

    @made.few
    @given(
        st.dictionaries(st.sampled_from(names), LINE, min_size=1, max_size=3),
        st.booleans(),
    )
    def check(fields: dict[str, str], twice: bool) -> None:
        lines = sound[:-voxels].decode().splitlines()
        kept = [line for line in lines if twice or line.partition(sign.strip())[0].strip() not in fields]
        added = [f"{name}{sign}{value}" for name, value in fields.items()]
        head = [*kept[:1], *added, *kept[1:]]
        path.write_bytes(
            "\n".join([*head, ""]).encode("utf-8", "replace") + b"\n" * (suffix == "nrrd") + sound[-voxels:]
        )
        if "%" in fields.get("ElementDataFile", "") or "LIST" in fields.get("ElementDataFile", ""):
            return
        scan = made.read_or_refuse(read_scan, path)
        assert scan is None or scan.isfinite().all()

    check()


TAGS = [
    "Rows",
    "Columns",
    "PixelSpacing",
    "ImagePositionPatient",
    "ImageOrientationPatient",
    "RescaleSlope",
    "RescaleType",
]
TAGS += [
    "RescaleIntercept",
    "BitsStored",
    "BitsAllocated",
    "HighBit",
    "PixelRepresentation",
    "SamplesPerPixel",
    "ImageType",
]
TAGS += ["PhotometricInterpretation", "Modality", "SeriesInstanceUID", "SOPInstanceUID", "SOPClassUID", "PatientID"]
TAGS += ["PixelPaddingValue", "NumberOfFrames", "InstanceNumber"]
TAG = st.one_of(st.none(), st.binary(max_size=8), VECTOR.map("\\".join))


def test_dicom_tags(made: SimpleNamespace, tmp_path: Path) -> None:
    series = made.dicom(made.ct()[:, :, :3], tmp_path)
    path = series / "0002.dcm"
    sound = path.read_bytes()

    @made.few
    @given(st.dictionaries(st.sampled_from(TAGS), TAG, min_size=1, max_size=3))
    def check(tags: dict[str, Any]) -> None:
        path.write_bytes(sound)
        slice_ = pydicom.dcmread(path)
        slice_.file_meta.TransferSyntaxUID = ImplicitVRLittleEndian  # so that the tags' bytes may be anything
        for name, value in tags.items():
            slice_.pop(pydicom.datadict.tag_for_keyword(name), None)
            if value is not None:
                content = value if isinstance(value, bytes) else value.encode("utf-8", "replace")
                slice_.add_new(name, "OB", content + b" " * (len(content) % 2))
        slice_.save_as(path, implicit_vr=True, little_endian=True)
        scan = made.read_or_refuse(read_scan, series)
        assert scan is None or scan.isfinite().all()

    check()


COLUMNS = [
    "patient_id",
    "image",
    "label",
    "x",
    "y",
    "z",
    "mask",
    "mask_label",
    "diameter_mm",
    "place",
    "age",
    "coordX",
    "",
]
CELLS = st.one_of(
    st.sampled_from(["p1", "a.nii", "0", "1", "1.5", "-3,5", "1,234.5", "N/A", "middle", '"', "\u2212 3"]), TEXT
)


def test_tables(made: SimpleNamespace, tmp_path: Path) -> None:
    (tmp_path / "a.nii").touch()
    path = tmp_path / "lesions.csv"

    @made.few
    @given(
        st.lists(st.sampled_from(COLUMNS), min_size=1, max_size=8),
        st.lists(st.lists(CELLS, max_size=9), max_size=4),
        st.sampled_from([",", ";", "\t", "|"]),
        st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "latin-1"]),
    )
    def check(columns: list[str], rows: list[list[str]], separator: str, encoding: str) -> None:
        path.write_bytes("\n".join(separator.join(row) for row in [columns, *rows]).encode(encoding, "replace"))
        for item in made.read_or_refuse(read_lesions, path) or ():
            assert "centre_mm" in item or "mask" in item or not {"x", "y", "z"} & set(columns)

    check()


JSON = st.recursive(
    st.one_of(st.none(), st.booleans(), NUMBER, st.sampled_from(["a.nii", "b.nii", *WORDS])),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(
            st.sampled_from(["training", "image", "series", "reading", "hu_offset", "patient_id", "tilt"]), inner
        ),
    ),
    max_leaves=8,
)


def test_datalists(made: SimpleNamespace, tmp_path: Path) -> None:
    made.nifti(made.ct(), tmp_path / "a.nii")
    path = tmp_path / "list.json"

    @made.few
    @given(JSON)
    @example("deep")
    def check(content: Any) -> None:
        text = "[" * 10_000 if content == "deep" else json.dumps(content)
        path.write_text(text, encoding="utf-8", errors="backslashreplace")
        made.read_or_refuse(datalist, path)

    check()
