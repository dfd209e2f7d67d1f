"""Tables as people and spreadsheets write them; what is wrong is told with line and column."""

from pathlib import Path

import pytest

from smart_nets.classify.lesions.csv_list import read_lesions
from smart_nets.errors import ConfigError, InputError
from smart_nets.phantom import make_dataset

HEADER = "patient_id,image,label,mask,x,y,z,split,age,smoker\n"
ROWS = "p1,a b.nii,1,m.nii,1.5,-20,30,training,63,yes\np2,ü.nii,0,m.nii,,,,test,,no\n"


@pytest.fixture
def table(tmp_path: Path):
    """Write a table beside its (empty) images and return its path."""

    def write(text: str | bytes, encoding: str = "utf-8") -> Path:
        for name in ("a b.nii", "ü.nii", "m.nii"):
            (tmp_path / name).touch()
        path = tmp_path / "lesions.csv"
        path.write_bytes(text if isinstance(text, bytes) else text.encode(encoding))
        return path

    return write


def test_all_columns(table, tmp_path):
    first, second = read_lesions(table(HEADER + ROWS))
    assert first == {
        "patient_id": "p1",
        "image": str(tmp_path / "a b.nii"),
        "label": 1,
        "mask": str(tmp_path / "m.nii"),
        "centre_mm": [1.5, -20.0, 30.0],
        "split": "training",
        "age": 63.0,
        "smoker": "yes",
    }
    assert second == {
        "patient_id": "p2",
        "image": str(tmp_path / "ü.nii"),
        "label": 0,
        "mask": str(tmp_path / "m.nii"),
        "split": "test",
        "age": None,
        "smoker": "no",
    }


def test_coordinates_and_labels_of_masks(table):
    header = "patient_id,image,label,mask,mask_label,x,y,z\n"
    path = table(header + "p1,a b.nii,1,m.nii,2,1.5,-20,30\np1,a b.nii,0,m.nii,3,,,\n")
    first, second = read_lesions(path, coordinates="LPS")
    assert first["centre_mm"] == [-1.5, 20, 30] and (first["mask_label"], second["mask_label"]) == (2, 3)
    with pytest.raises(ConfigError, match=r"coordinates: is not known .expected RAS or LPS, found lps"):
        read_lesions(path, coordinates="lps")


GERMAN = (HEADER + ROWS).replace(",", ";").replace("1.5", "1,5")


@pytest.mark.parametrize(
    "text",
    [
        "\ufeff" + HEADER + ROWS,
        (HEADER + ROWS).replace("\n", "\r\n"),
        (HEADER + ROWS).replace(",", "\t"),
        GERMAN,
        "\n\n" + HEADER + "\n,,,,,,,,,\n" + ROWS + "\n\n",
        HEADER + ROWS.replace("a b.nii", '"a b.nii"').replace("yes", " yes "),
    ],
    ids=["BOM", "CRLF", "tabs", "semicolons and decimal commas", "blank lines", "quotes and spaces"],
)
def test_spreadsheets_dialects_read_the_same(table, text):
    assert read_lesions(table(text)) == read_lesions(table(HEADER + ROWS))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "is empty"),
        ("\n \n", "is empty"),
        ("patient_id,label\np1,1\n", "line 1: column image is missing"),
        ("patient_id,image,label,label\n", "line 1: column label occurs twice"),
        ("patient_id,image,label,x\np1,a b.nii,1,2\n", "needs the columns x, y and z"),
        ("patient_id,image,label\n", "lists nothing"),
        ("patient_id,image,label\n\np1,a b.nii\n", "line 3: row has another number of cells"),
        ("patient_id,image,label\n,a b.nii,1\n", "line 2, column patient_id: cell is empty"),
        ("patient_id,image,label\np1,none.nii,1\n", "line 2, column image: file does not exist .*none.nii"),
        ("patient_id,image,label\np1,a b.nii,benign\n", "line 2, column label: cell is no number .*found benign"),
        ("patient_id,image,label\np1,a b.nii,0.5\n", "column label: no such class"),
        ("patient_id,image,label\np1,a b.nii,2\n", "column label: no such class .expected 0 to 1, found 2"),
        (HEADER + "p1,a b.nii,1,,1,2,,,,\n", "line 2, column z: row has half a place .*found nothing"),
        (HEADER + "p1,a b.nii,1,m.nii,1,2,nan,,,\n", "line 2, column z: row has half a place .*found nan"),
        (HEADER + 'p1,"a b.nii,1\n', "is no table"),
        (HEADER + "p1,a b.nii,1,,,,,,,\n", "line 2, column x: lesion has no place .*write middle in a column place"),
        (
            "patient_id,image,label,mask\np1,a b.nii,1,m.nii\np1,a b.nii,0,\n",
            "line 3, column mask: lesion has no place",
        ),
        ("patient_id,image,label,place\np1,a b.nii,1,centre\n", "line 2, column place: place is not known"),
        ("patient_id,image,label,mask,place\np1,a b.nii,1,m.nii,middle\n", "column place: row tells its place twice"),
        ("patient_id,image,label,mask_label\np1,a b.nii,1,2\n", "column mask: lesion has no place|no mask"),
        ("patient_id,image,label,mask,mask_label\np1,a b.nii,1,m.nii,0\n", "mask_label: is no value of a mask"),
        ("patient_id,image,label,mask,mask_label\np1,a b.nii,1,m.nii,1.5\n", "mask_label: is no value of a mask"),
    ],
)
def test_faults_are_told_with_line_and_column(table, text, message):
    with pytest.raises(InputError, match=message):
        read_lesions(table(text), classes=2)


def test_another_encoding_is_told_with_its_line(table):
    with pytest.raises(InputError, match=r"line 3: is not UTF-8 .found byte 0xfc"):
        read_lesions(table(HEADER + ROWS, "latin-1"))


def test_a_missing_table(tmp_path):
    with pytest.raises(InputError, match="does not exist"):
        read_lesions(tmp_path / "none.csv")


def test_the_phantoms_own_table(tmp_path):
    make_dataset(tmp_path, 2, spacing=(8.0, 8.0, 8.0), region="chest")
    lesions = read_lesions(tmp_path / "lesions.csv", classes=2)
    assert len(lesions) == 4 and {item["label"] for item in lesions} == {0, 1}
    assert all(Path(item["image"]).is_file() and item["diameter_mm"] > 0 for item in lesions)
