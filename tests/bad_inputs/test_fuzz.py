"""Whatever the bytes of a header are, only errors of this project come out: each input is read, or refused with a reason."""

import json
from pathlib import Path
from types import SimpleNamespace

import itk
import pytest
from hypothesis import given
from hypothesis import strategies as st

from smart_nets.classify.lesions.csv_list import read_lesions
from smart_nets.lists.find import find
from smart_nets.scans.read import read_scan

EDITS = st.lists(st.tuples(st.integers(0, 10_000), st.integers(0, 255)), min_size=1, max_size=6)


def image_file(made: SimpleNamespace, folder: Path, suffix: str) -> Path:
    """A sound scan as .nii, .nrrd or .mha."""
    nifti = made.nifti(made.ct(), folder / "case.nii")
    if suffix == "nii":
        return nifti
    itk.imwrite(itk.imread(str(nifti)), str(folder / f"case.{suffix}"))
    return folder / f"case.{suffix}"


def edited(sound: bytes, edits: list[tuple[int, int]], first: int, last: int) -> bytes:
    content = bytearray(sound)
    for place, value in edits:
        content[first + place % (last - first)] = value
    return bytes(content)


@pytest.mark.parametrize("suffix", ["nii", "nrrd", "mha"])
def test_damaged_headers_of_files(made, tmp_path, suffix):
    path = image_file(made, tmp_path, suffix)
    sound = path.read_bytes()

    @made.few
    @given(EDITS)
    def check(edits: list[tuple[int, int]]) -> None:
        path.write_bytes(edited(sound, edits, 0, 400))
        made.read_or_refuse(read_scan, path)

    check()


def test_damaged_dicom_tags(made, tmp_path):
    series = made.dicom(made.ct()[:, :, :3], tmp_path)
    path = series / "0002.dcm"
    sound = path.read_bytes()

    @made.few
    @given(EDITS)
    def check(edits: list[tuple[int, int]]) -> None:
        path.write_bytes(edited(sound, edits, 128, len(sound) - 336))  # up to the pixels
        made.read_or_refuse(read_scan, series)

    check()


@pytest.mark.parametrize(
    ("name", "sound", "read"),
    [
        ("list.json", json.dumps({"training": [{"image": "a.nii", "label": 1}, "b.nii"]}).encode(), find),
        ("lesions.csv", b'patient_id,image,label,x,y,z\np1,a.nii,1,1,2,3\np2,"a.nii",0,,,\n', read_lesions),
    ],
)
def test_damaged_lists(made, tmp_path, name, sound, read):
    (tmp_path / "a.nii").touch()
    path = tmp_path / name

    @made.few
    @given(EDITS)
    def check(edits: list[tuple[int, int]]) -> None:
        path.write_bytes(edited(sound, edits, 0, len(sound)))
        made.read_or_refuse(read, path)

    check()
