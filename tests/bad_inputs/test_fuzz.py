"""Whatever the bytes of a header are, only errors of this project come out: each input is read, or refused with a reason."""

import contextlib
import json
from pathlib import Path
from types import SimpleNamespace

import itk
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from smart_nets.classify.lesions.csv_list import read_lesions
from smart_nets.errors import SmartError
from smart_nets.lists.find import find
from smart_nets.scans.read import read_scan

EDITS = st.lists(st.tuples(st.integers(0, 10_000), st.integers(0, 255)), min_size=1, max_size=6)
FEW = settings(max_examples=150, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))


def image_file(made: SimpleNamespace, folder: Path, suffix: str) -> Path:
    """A sound scan as .nii, .nrrd or .mha."""
    nifti = made.nifti(made.ct(), folder / "case.nii")
    if suffix == "nii":
        return nifti
    itk.imwrite(itk.imread(str(nifti)), str(folder / f"case.{suffix}"))
    return folder / f"case.{suffix}"


def read_or_refuse(path: Path) -> None:
    try:
        scan = read_scan(path)
    except SmartError as error:
        assert error.what and error.where
    else:
        assert scan.ndim == 4 and scan.isfinite().all()


def edited(sound: bytes, edits: list[tuple[int, int]], first: int, last: int) -> bytes:
    content = bytearray(sound)
    for place, value in edits:
        content[first + place % (last - first)] = value
    return bytes(content)


@pytest.mark.parametrize("suffix", ["nii", "nrrd", "mha"])
def test_damaged_headers_of_files(made, tmp_path, suffix):
    path = image_file(made, tmp_path, suffix)
    sound = path.read_bytes()

    @FEW
    @given(EDITS)
    def check(edits: list[tuple[int, int]]) -> None:
        path.write_bytes(edited(sound, edits, 0, 400))
        read_or_refuse(path)

    check()


def test_damaged_dicom_tags(made, tmp_path):
    series = made.dicom(made.ct()[:, :, :3], tmp_path)
    path = series / "0002.dcm"
    sound = path.read_bytes()

    @FEW
    @given(EDITS)
    def check(edits: list[tuple[int, int]]) -> None:
        path.write_bytes(edited(sound, edits, 128, len(sound) - 336))  # up to the pixels
        read_or_refuse(series)

    check()


@pytest.mark.parametrize(
    ("name", "sound", "read"),
    [
        ("list.json", json.dumps({"training": [{"image": "a.nii", "label": 1}, "b.nii"]}).encode(), find),
        ("lesions.csv", b'patient_id,image,label,x,y,z\np1,a.nii,1,1,2,3\np2,"a.nii",0,,,\n', read_lesions),
    ],
)
def test_damaged_lists(tmp_path, name, sound, read):
    (tmp_path / "a.nii").touch()
    path = tmp_path / name

    @FEW
    @given(EDITS)
    def check(edits: list[tuple[int, int]]) -> None:
        path.write_bytes(edited(sound, edits, 0, len(sound)))
        with contextlib.suppress(SmartError):
            read(path)

    check()
