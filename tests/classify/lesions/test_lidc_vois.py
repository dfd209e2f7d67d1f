"""The folder lidc_vois: every nodule of its table, placed in the patient as its mask is."""

import csv
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from smart_nets.classify.lesions.lidc_vois import is_lidc_vois, read_lidc_vois
from smart_nets.errors import InputError
from smart_nets.lists.pseudonym import pseudonym

HEADER = (
    "patient_id,nodule_id,seriesuid,coordX,coordY,coordZ,diameter_mm,Diagnosis,Diagnosis_value,"
    "Malignancy_value,Spiculation,Spiculation_value,split"
)
ROWS = ["LIDC-1,1,1.2.3,50.5,-80,-115,23.4,Malign,1,5,Marked,5,dev", "LIDC-1,2,1.2.3,-40,20,-90,6,Benign,0,2,No,1,"]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two nodules of one patient; images and masks are empty files."""
    for kind in ("image", "nodule_mask"):
        (tmp_path / kind).mkdir()
        for number in (1, 2):
            (tmp_path / kind / f"LIDC-1_R_{number}.nii.gz").touch()
    write(tmp_path, HEADER, *ROWS)
    return tmp_path


def write(folder: Path, *lines: str) -> None:
    (folder / "metadata.csv").write_text("\n".join(lines))


def test_items(folder):
    assert is_lidc_vois(folder) and not is_lidc_vois(folder / "image")
    first, second = read_lidc_vois(folder)
    assert first == {
        "patient_id": pseudonym("LIDC-1"),
        "image": str(folder / "image/LIDC-1_R_1.nii.gz"),
        "mask": str(folder / "nodule_mask/LIDC-1_R_1.nii.gz"),
        "series": "1.2.3",
        "lesion": "1",
        "label": 1,
        "diameter_mm": 23.4,
        "malignancy": 5,
        "split": "dev",
        "spiculation": 5,
    }
    assert (second["label"], second["lesion"], second["patient_id"]) == (0, "2", first["patient_id"])
    assert "split" not in second


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        ([HEADER], "lists nothing"),
        ([HEADER.replace("diameter_mm", "size"), *ROWS], "line 1: column diameter_mm is missing"),
        ([HEADER, ROWS[0].replace("Malign,1", "Malign,2")], "line 2, column Diagnosis_value: no such class .*0 to 1"),
        ([HEADER, ROWS[0].replace("Malign,1", "Malign,")], "line 2, column Diagnosis_value: cell is empty"),
        ([HEADER, ROWS[0].replace("23.4", "big")], "line 2, column diameter_mm: cell is no number .*found big"),
        ([HEADER, ROWS[0].replace("23.4", "0")], "line 2, column diameter_mm: cell is no length"),
        ([HEADER, ROWS[0], ROWS[1].replace("1,2,1.2.3", "1,3,1.2.3")], r"line 3: lesion has no such file .*R_3.nii.gz"),
        ([HEADER, ROWS[0], ROWS[0]], "line 3, column nodule_id: lesion is listed in line 2 too"),
        ([HEADER, ROWS[0].removesuffix(",dev")], "line 2: row has another number of cells"),
    ],
)
def test_faults_are_told_with_their_line(folder, lines, message):
    write(folder, *lines)
    with pytest.raises(InputError, match=message):
        read_lidc_vois(folder)


def test_a_missing_mask(folder):
    (folder / "nodule_mask/LIDC-1_R_2.nii.gz").unlink()
    with pytest.raises(InputError, match=r"line 3: lesion has no such file .*nodule_mask.LIDC-1_R_2.nii.gz"):
        read_lidc_vois(folder)


def test_real_nodules_lie_in_the_millimetres_of_their_patients(real_ct: Path):
    """The centroid of a mask, in RAS, is the table's centre, in LPS, with x and y turned."""
    items = read_lidc_vois(real_ct / "lidc_vois")
    assert len(items) == 582 and len({item["patient_id"] for item in items}) == 332
    assert sum(item["label"] for item in items) == 189
    with (real_ct / "lidc_vois/metadata.csv").open() as file:
        table = list(csv.DictReader(file))
    distances = []
    for item, row in zip(items[::8], table[::8], strict=True):
        x, y, z = (float(row[name]) for name in ("coordX", "coordY", "coordZ"))
        distances.append(np.linalg.norm(np.subtract(centroid(item["mask"]), [-x, -y, z])))
    # LIDC-IDRI-0332_R_1 is among them: its row is of another scan of the patient than its image
    assert sorted(distances)[-2] < 2 < 30 < max(distances) < 35 and np.median(distances) < 0.5


def centroid(mask: str) -> np.ndarray:
    image = nib.load(mask)
    return (image.affine @ [*np.argwhere(np.asarray(image.dataobj) > 0).mean(axis=0), 1])[:3]
