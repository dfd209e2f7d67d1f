"""predictions.csv: what is written is read again, whatever program saved it in between, and what is wrong is told by line."""

from dataclasses import fields

import numpy as np
import pytest

from smart_nets.errors import InputError
from smart_nets.statistics.predictions import Predictions

GOOD = {
    "rows": [4, 1, 2],
    "patients": ["aa", "bb", "bb"],
    "folds": [0, 0, 1],
    "labels": [1, 0, 1],
    "probabilities": [1 / 3, 0.0, 1.0],
    "sizes": [8.5, np.nan, 21.0],
}
CSV = "row,patient,fold,label,probability,size_mm\n4,aa,0,1,0.3333333333333333,8.5\n1,bb,0,0,0.0,\n2,bb,1,1,1.0,21.0\n"


def same(a: Predictions, b: Predictions) -> None:
    for field in fields(Predictions):
        np.testing.assert_array_equal(getattr(a, field.name), getattr(b, field.name))


def test_round_trip(tmp_path):
    given = Predictions(**GOOD)
    path = tmp_path / "eval" / "predictions.csv"
    given.write(path)
    assert path.read_text() == CSV
    assert [entry.name for entry in path.parent.iterdir()] == ["predictions.csv"]  # nothing half-written is left
    read = Predictions.read(path)
    same(read, given)
    assert (read.labels.dtype, read.rows.dtype, len(read)) == (np.int64, np.int64, 3)


@pytest.mark.parametrize(
    "text",
    [
        "\ufeff" + CSV,
        CSV.replace("\n", "\r\n"),
        CSV.replace(",", ";").replace(".", ","),
        CSV.replace(",", "\t"),
        CSV + "\n,,,,,\n",
        "size_mm,row,patient,fold,label,probability,note\n8.5,4,aa,0,1,0.3333333333333333,x\n,1,bb,0,0,0,\n21,2,bb,1,1,1,y\n",
    ],
    ids=["BOM", "CRLF", "semicolons and decimal commas", "tabs", "blank lines", "another order, and a column more"],
)
def test_as_spreadsheets_save_it(tmp_path, text):
    path = tmp_path / "predictions.csv"
    path.write_bytes(text.encode())
    same(Predictions.read(path), Predictions(**GOOD))


def test_join_and_choose():
    given = Predictions(**GOOD)
    first, second = given.where(given.folds == 0), given.where(given.folds == 1)
    same(Predictions.joined([first, second]), given)
    assert given.sorted().rows.tolist() == [1, 4, 2]  # fold 0 first
    assert given.patient_count(given.labels == 1) == 2
    with pytest.raises(InputError, match="no predictions to join"):
        Predictions.joined([])
    with pytest.raises(InputError, match="twice in a fold"):
        Predictions.joined([first, first])


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        ({"labels": [1, 0, 2]}, "prediction 2, label: value cannot be .expected 0 or 1, found 2"),
        ({"labels": [1, 0, 0.5]}, "prediction 2, label"),
        ({"labels": [1, 0, np.nan]}, "prediction 2, label"),
        ({"probabilities": [0.1, 1.2, 0.3]}, "prediction 1, probability: value cannot be .expected 0 to 1, found 1.2"),
        ({"probabilities": [0.1, -0.1, 0.3]}, "prediction 1, probability"),
        ({"probabilities": [np.nan, 0.1, 0.3]}, "prediction 0, probability: .*found nan"),
        ({"probabilities": [np.inf, 0.1, 0.3]}, "prediction 0, probability"),
        ({"probabilities": [0.1, 0.3]}, "differ in length.*'probability': 2"),
        ({"probabilities": [[0.1, 0.3, 0.2]]}, "differ in length"),
        ({name: [] for name in GOOD}, "there are no predictions"),
        ({"sizes": [1.0, 0.0, 2.0]}, "prediction 1, size_mm"),
        ({"sizes": [1.0, np.inf, 2.0]}, "prediction 1, size_mm"),
        ({"patients": ["aa", "", "bb"]}, "prediction 1, patient"),
        ({"rows": [4, -1, 2]}, "prediction 1, row"),
        ({"rows": [4, 1.5, 2]}, "prediction 1, row"),
        ({"folds": [0, np.inf, 2]}, "prediction 1, fold"),
        ({"rows": [4, 4, 2]}, "prediction 1, row: a lesion occurs twice in a fold"),
        ({"rows": [4, 2, 2]}, "prediction 2, row: a lesion has two patients or labels"),
    ],
)
def test_what_cannot_be(changed, says):
    with pytest.raises(InputError, match=says):
        Predictions(**{**GOOD, **changed})


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (CSV.replace("probability", "score"), "predictions.csv, line 1: column probability is missing"),
        ("\n" + CSV.replace("size_mm", "label"), "predictions.csv, line 2: column size_mm is missing"),
        (CSV.replace("0.0,", "1.5,"), "predictions.csv, line 3, column probability: .*expected 0 to 1, found 1.5"),
        (CSV.replace("0.0,", "nan,"), "line 3, column probability: cell is no number"),
        (CSV.replace("0.0,", ","), "line 3, column probability: cell is empty"),
        (CSV.replace("aa,0,1", "aa,0,2"), "line 2, column label: .*expected 0 or 1, found 2"),
        (CSV.replace("aa", ""), "line 2, column patient: cell is empty"),
        (CSV.replace("8.5", "big"), "line 2, column size_mm: cell is no number .*found big"),
        (CSV.replace("8.5", "-1"), "line 2, column size_mm"),
        (CSV.replace("8.5", "8.5,9"), "line 2: row has another number of cells .*expected 6, found 7"),
        (CSV.replace("1,bb,0", "4,bb,0"), "line 3, column row: a lesion occurs twice in a fold"),
        (CSV.splitlines()[0], "at least one row"),
        ("", "is empty"),
        (b"row,patient\n\xff\xfe", "is not UTF-8"),
    ],
)
def test_files_that_cannot_be_used(tmp_path, text, says):
    path = tmp_path / "predictions.csv"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(InputError, match=says):
        Predictions.read(path)


def test_no_file(tmp_path):
    with pytest.raises(InputError, match=r"predictions\.csv: does not exist"):
        Predictions.read(tmp_path / "predictions.csv")
