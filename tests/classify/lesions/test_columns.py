"""Other columns of a table pass when they are numbers or words and cannot be anything that the list tells elsewhere."""

import pytest

from smart_nets.classify.lesions.csv_list import read_lesions
from smart_nets.errors import InputError


def read(tmp_path, *header: str, cells: str = "1", place: str = "1,2,3"):
    (tmp_path / "a.nii").touch()
    (tmp_path / "t.csv").write_text(
        f"patient_id,image,label,x,y,z,{','.join(header)}\np1,a.nii,1,{place},{','.join([cells] * len(header))}\n"
    )
    return read_lesions(tmp_path / "t.csv", 2)[0]


COVARIATES = [
    "age",
    "Sex",
    "pack_years",
    "ECOG",
    "BMI",
    "stage",
    "PD-L1 TPS (%)",
    "TMB",
    "EGFR",
    "KRAS",
    "histology",
    "lobe",
]
COVARIATES += [
    "slice_thickness",
    "kVp",
    "scanner",
    "malignancy",
    "spiculation",
    "texture",
    "volume",
    "vitamin_k",
    "Größe cm",
]


@pytest.mark.parametrize("name", COVARIATES)
def test_covariates(tmp_path, name):
    assert read(tmp_path, name)[name] == 1
    assert read(tmp_path, name, cells="never smoked")[name] == "never smoked"
    assert read(tmp_path, name, cells="N/A")[name] is None


PLACES = [
    "X",
    "coordX",
    "coord_x",
    "X_mm",
    "x (mm)",
    "cx",
    "cx_mm",
    "posX",
    "xmin",
    "x1",
    "centroid-0",
    "center",
    "Centre_Z",
]
PLACES += [
    "bbox_x1",
    "bboxLowX",
    "BoundingBox centre",
    "i",
    "voxel_j",
    "slice",
    "sliceNo",
    "row",
    "col",
    "location",
    "pos",
]
PLACES += ["RAS", "lps_x", "worldX", "Koordinate", "xyz", "point", "x_world", "ZPosition", "0", "centre_mm"]


@pytest.mark.parametrize(
    ("name", "meant"),
    [(name, "(x|y|z|a column|something)") for name in PLACES]
    + [
        (name, "mask")
        for name in ("Mask", "mask_path", "segmentation", "ROI", "SegFile", "masks", "contour", "rtstruct")
    ]
    + [(name, "label") for name in ("Label", "label_name", "class", "target", "malignant", "y_true", "Diagnosis", "gt")]
    + [(name, "patient_id") for name in ("PatientID", "patient", "subject_id", "pid", "MRN", "case", "patientid2")]
    + [("seriesuid", "series"), ("SeriesInstanceUID", "series"), ("Split", "split"), ("fold", "split")]
    + [("diameter", "diameter_mm"), ("Diameter [mm]", "diameter_mm"), ("daimeter_mm", "diametermm")]
    + [
        ("nodule_id", "lesion"),
        ("Lesion", "lesion"),
        ("image_path", "image"),
        ("scan", "image"),
        ("mask-label", "mask_label"),
    ],
)
def test_names_that_look_like_something_else(tmp_path, name, meant):
    with pytest.raises(
        InputError, match=rf"(name is not known, did you mean .*{meant}|columns .* are one name)"
    ) as told:
        read(tmp_path, name)
    assert len(str(told.value)) <= 600


@pytest.mark.parametrize(
    "cells", ["m.nii.gz", "masks/m1", "C:\\m", '"[1, 2, 3]"', '"1, 2, 3"', "1 2 3", "2020-01-05", "(1;2;3)", "w" * 61]
)
def test_cells_that_are_neither_numbers_nor_words(tmp_path, cells):
    with pytest.raises(InputError, match="line 2, column extra: cell is neither a number nor words"):
        read(tmp_path, "extra", cells=cells)


def test_a_column_nobody_knows_may_be_the_place(tmp_path):
    (tmp_path / "a.nii").touch()
    path = tmp_path / "t.csv"
    path.write_text("patient_id,image,label,links,vorn,oben\np1,a.nii,1,-56,0,10\n")
    with pytest.raises(InputError, match=r"line 2, column mask: lesion has no place .*\(links, vorn, oben tell none\)"):
        read_lesions(path)
    path.write_text("patient_id,image,label,age,place\np1,a.nii,1,63,middle\n")
    assert read_lesions(path)[0]["age"] == 63
    path.write_text("patient_id,image,label\np1,a.nii,1\n")  # nothing else is told, so that the middle must be meant
    assert "centre_mm" not in read_lesions(path)[0]
