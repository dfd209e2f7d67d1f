"""inference.json: one lesion or many, NIfTI or DICOM, any order of axes: the same probability, and a map on the scan's grid."""

from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
import torch
from monai.bundle import run

from smart_nets.classify.lesions.crops import crop_lesion
from smart_nets.errors import SmartError, cause
from smart_nets.scans.read import read_volume
from smart_nets.scans.window import window_hu
from smart_nets.weights.build import build_classifier
from smart_nets.weights.io import load_weights, read_card, save_weights

CONFIGS = Path(__file__).parents[2] / "bundles" / "smart_lidc_classify" / "configs"
HALF = 48.0  # mm: half the cube of 32 voxels of 3 mm


@pytest.fixture(scope="module")
def weights(classifier) -> str:
    return str(classifier / "models" / "model.pt")


@pytest.fixture
def look(weights, tmp_path) -> Callable[..., list[dict[str, str]]]:
    """Run the inference into tmp_path/<to>; returns the rows of its table."""

    def look(source: Path, to: str = "out", **options) -> list[dict[str, str]]:
        return infer(weights, source, tmp_path / to, **options)

    return look


def infer(weights: str, source: Path, output: Path, **options) -> list[dict[str, str]]:
    run(config_file=str(CONFIGS / "inference.json"), dataset_dir=str(source), model_path=weights,
        output_dir=str(output), **options)  # fmt: skip
    with (output / "predictions.csv").open(newline="") as file:
        return list(csv.DictReader(file))


@pytest.fixture(scope="module")
def first(weights, lesion_scans, lesions, tmp_path_factory) -> tuple[dict[str, str], Path]:
    """Row and output folder of the first patient's first lesion, not to be changed."""
    folder = tmp_path_factory.mktemp("first")
    (row,) = infer(weights, lesion_scans / "phantom-0000.nii.gz", folder, centre=lesions[0])
    return row, folder


@pytest.fixture(scope="module")
def lesions(lesion_scans) -> list[list[float]]:
    """The centres of the first patient's lesions."""
    rows = (lesion_scans / "lesions.csv").read_text().splitlines()[1:5]
    return [[float(cell) for cell in row.split(",")[3:6]] for row in rows]


def by_hand(weights: str, scan: Path, centre: list[float]) -> float:
    """Probability of class 1 from the network itself."""
    card = read_card(weights)
    network = build_classifier(card).eval()
    load_weights(network, weights)
    cube = crop_lesion(read_volume(scan), centre, card["crop_size"], card["spacing"])
    with torch.no_grad():
        return float(network(window_hu(cube.array, *card["hu_window"])[None, None]).softmax(1)[0, 1])


def probability(row: dict[str, str]) -> float:
    return float(row["probability of malignant"])


def test_a_scan_with_a_centre(first, weights, lesion_scans, lesions):
    scan, (row, folder) = lesion_scans / "phantom-0000.nii.gz", first
    assert row["lesion"] == "phantom-0000" and "not for diagnostic use" in row["note"]
    assert [float(row[axis]) for axis in "xyz"] == pytest.approx(lesions[0], abs=0.051)
    assert probability(row) + float(row["probability of benign"]) == pytest.approx(1, abs=1e-4)
    assert probability(row) == pytest.approx(by_hand(weights, scan, lesions[0]), abs=6e-5)
    assert {path.name for path in folder.iterdir()} == {
        "predictions.csv", "names.csv", "phantom-0000.png", "phantom-0000_attention.nii.gz",
    }  # fmt: skip


def test_the_map_lies_on_the_scans_own_grid(first, lesion_scans, lesions):
    source = nib.load(lesion_scans / "phantom-0000.nii.gz")
    shown = nib.load(first[1] / "phantom-0000_attention.nii.gz")
    assert shown.shape == source.shape and np.allclose(shown.affine, source.affine, atol=1e-4)
    values = shown.get_fdata()
    voxels = np.indices(values.shape).reshape(3, -1)
    mm = (source.affine @ np.vstack([voxels, np.ones(voxels.shape[1])]))[:3].T.reshape(*values.shape, 3)
    away = np.abs(mm - np.array(lesions[0])).max(axis=-1)
    assert (values[away > HALF] == 0).all()
    assert (values[away < HALF - 3] > 0).all()  # attention is never 0
    assert values[away < HALF - 3].mean() == pytest.approx(1, abs=0.2)  # relative to uniform


def test_the_place_of_a_mask_is_its_centroid(look, lesion_scans, lesions, tmp_path):
    scan = nib.load(lesion_scans / "phantom-0000.nii.gz")
    i, j, k = (int(index) for index in np.rint((np.linalg.inv(scan.affine) @ [*lesions[1], 1])[:3]))
    inside = np.zeros(scan.shape, np.uint8)
    inside[i - 1 : i + 2, j - 1 : j + 2, k - 1 : k + 2] = 1
    nib.save(nib.Nifti1Image(inside, scan.affine), tmp_path / "mask.nii.gz")
    middle = [float(value) for value in (scan.affine @ [i, j, k, 1])[:3]]
    (masked,) = look(lesion_scans / "phantom-0000.nii.gz", "masked", mask=str(tmp_path / "mask.nii.gz"))
    (centred,) = look(lesion_scans / "phantom-0000.nii.gz", "centred", centre=middle)
    assert masked == centred


def test_two_lesions_of_one_scan_from_a_table(look, weights, lesion_scans, lesions, tmp_path):
    scan = lesion_scans / "phantom-0000.nii.gz"
    header, *rows = (lesion_scans / "lesions.csv").read_text().splitlines()
    told = [row.replace("phantom-0000.nii.gz", str(scan)) for row in rows[:2]]
    (tmp_path / "lesions.csv").write_text("\n".join([header, *told]))
    found = look(tmp_path / "lesions.csv")
    assert [row["lesion"] for row in found] == ["phantom-0000_0", "phantom-0000_1"]
    hand = [by_hand(weights, scan, centre) for centre in lesions[:2]]
    assert [probability(row) for row in found] == pytest.approx(hand, abs=6e-5)
    assert abs(hand[0] - hand[1]) > 1e-3  # else nothing would be proven
    files = {path.name for path in (tmp_path / "out").iterdir()}
    for row in (0, 1):
        assert {f"phantom-0000_{row}.png", f"phantom-0000_{row}_attention.nii.gz"} <= files
    maps = [nib.load(tmp_path / "out" / name).get_fdata() for name in sorted(files) if name.endswith(".nii.gz")]
    assert len(maps) == 2 and not np.array_equal(*maps)


def test_dicom_gives_what_nifti_gives(look, first, dicom_scan, lesions, tmp_path):
    nifti, folder = first
    (dicom,) = look(dicom_scan, "dicom", centre=lesions[0])
    assert probability(dicom) == pytest.approx(probability(nifti), abs=2e-4)
    assert dicom["lesion"].startswith("series_")  # its folder may be called after the patient
    maps = [nib.load(place / f"{row['lesion']}_attention.nii.gz")
            for place, row in ((folder, nifti), (tmp_path / "dicom", dicom))]  # fmt: skip
    # a DICOM series has its axes towards Left and Posterior
    ours, theirs = (nib.as_closest_canonical(one).get_fdata() for one in maps)
    assert ours.shape == theirs.shape and np.abs(ours - theirs).max() < 2e-3


@pytest.mark.parametrize("flips", [(0,), (0, 1), (2,)])
def test_the_order_of_the_files_axes_changes_nothing(look, first, lesion_scans, lesions, tmp_path, flips):
    source = nib.load(lesion_scans / "phantom-0000.nii.gz")
    array, affine = np.asarray(source.dataobj), source.affine.copy()
    for axis in flips:
        affine[:3, 3] += affine[:3, axis] * (array.shape[axis] - 1)
        affine[:3, axis] *= -1
    array = np.flip(array, flips).transpose(2, 0, 1)
    nib.save(nib.Nifti1Image(array, affine[:, [2, 0, 1, 3]]), tmp_path / "turned.nii.gz")
    ours, folder = first
    (turned,) = look(tmp_path / "turned.nii.gz", "turned", centre=lesions[0])
    assert probability(turned) == probability(ours)
    one, other = (
        nib.load(place / f"{name}_attention.nii.gz").get_fdata()
        for place, name in ((folder, "phantom-0000"), (tmp_path / "turned", "turned"))
    )
    assert np.abs(np.flip(other.transpose(1, 2, 0), flips) - one).max() < 1e-4


def test_a_scan_that_was_cut_around_its_lesion_needs_no_place(look, weights, lesion_scans, tmp_path):
    source = nib.load(lesion_scans / "phantom-0000.nii.gz")
    part = source.slicer[20:61, 10:41, 30:61]
    nib.save(part, tmp_path / "cut.nii.gz")
    middle = (part.affine @ [20, 15, 15, 1])[:3].tolist()
    (row,) = look(tmp_path / "cut.nii.gz")
    assert probability(row) == pytest.approx(by_hand(weights, tmp_path / "cut.nii.gz", middle), abs=6e-5)


def test_where_cls_has_no_part_in_the_answer_the_map_is_of_occlusion(
    lesion_scans, lesions, weights, tmp_path, monkeypatch
):
    monkeypatch.setattr("smart_nets.classify.occlusion.PARTS", 2)  # 3^3 places to hide instead of 7^3
    card = {**read_card(weights), "feature": "pooled"}
    save_weights(build_classifier(card), tmp_path / "pooled.pt", card)
    run(config_file=str(CONFIGS / "inference.json"), dataset_dir=str(lesion_scans / "phantom-0000.nii.gz"),
        model_path=str(tmp_path / "pooled.pt"), output_dir=str(tmp_path / "out"), centre=lesions[0])  # fmt: skip
    shown = nib.load(tmp_path / "out" / "phantom-0000_occlusion.nii.gz").get_fdata()
    assert shown.shape == nib.load(lesion_scans / "phantom-0000.nii.gz").shape
    assert 0 < np.abs(shown).max() < 1, "changes of probability"


@pytest.mark.parametrize(
    ("source", "options", "says"),
    [
        ("phantom-0000.nii.gz", {"centre": [900, 0, 0]}, "lesion lies outside its scan"),
        ("phantom-0000.nii.gz", {"centre": [1, 2]}, "centre: is no point (expected [x, y, z] in RAS mm, found [1, 2])"),
        ("phantom-0000.nii.gz", {"centre": [1, 2, float("nan")]}, "centre: is no point"),
        ("phantom-0000.nii.gz", {"mask": "/no/mask.nii.gz"}, "/no/mask.nii.gz: does not exist"),
        ("phantom-0000.nii.gz", {"mask": "SCAN"}, "phantom-0001.nii.gz"),
        ("lesions.csv", {"centre": [0, 0, 0]}, "this source has its lesions' places already"),
        ("none.nii.gz", {}, "none.nii.gz: does not exist"),
        ("phantom-0000.nii.gz", {"model_path": "/no/model.pt"}, "/no/model.pt: there are no weights here"),
        ("phantom-0000.nii.gz", {"model_path": "ENCODER"}, "card: is no classifier"),
    ],
)
def test_faults_end_in_one_sentence(source, options, says, weights, lesion_scans, encoder_file, tmp_path):
    names = {"SCAN": str(lesion_scans / "phantom-0001.nii.gz"), "ENCODER": str(encoder_file)}
    given = {name: names.get(value, value) if isinstance(value, str) else value for name, value in options.items()}
    settings = {"dataset_dir": str(lesion_scans / source), "model_path": weights, "output_dir": str(tmp_path / "out")}
    with pytest.raises((RuntimeError, SmartError)) as caught:
        run(config_file=str(CONFIGS / "inference.json"), **{**settings, **given})
    assert says in str(cause(caught.value))
    assert not (tmp_path / "out" / "predictions.csv").exists()
