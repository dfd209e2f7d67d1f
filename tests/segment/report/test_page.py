"""The report of a segmentation: what it shows, what it leaves out, and what it refuses."""

import json

import numpy as np
import pytest

from smart_nets.errors import InputError
from smart_nets.files import write_json
from smart_nets.scans.volume import Volume
from smart_nets.segment.report.page import write_segment_report
from smart_nets.segment.report.sheet import outline_sheet
from smart_nets.segment.report.slices import example_of, middle_of
from smart_nets.segment.results import joined, table_of
from smart_nets.segment.scores import case_scores, means_of_cases

NAMES = ["tumour", "liver <left>"]


@pytest.fixture
def case() -> tuple[Volume, np.ndarray, np.ndarray]:
    """A scan with two boxes that are drawn, and marked a voxel aside."""
    target = np.zeros((40, 30, 20), np.uint8)
    target[5:12, 5:12, 5:12], target[20:32, 10:22, 4:16] = 1, 2
    scan = Volume(np.where(target, 60, -100).astype(np.int16), np.diag([2.0, 2.0, 3.0, 1.0]), "Smith^John.nii.gz")
    return scan, np.roll(target, 1, 0), target


@pytest.fixture
def folder(case, tmp_path):
    scan, answer, target = case
    rows, examples = [], []
    for number in range(3):
        moved = np.roll(answer, number, 1)
        rows += [
            {"case": number, "patient": f"p{number}", "fold": 0, **one}
            for one in case_scores(moved, target, scan.spacing, NAMES)
        ]
        examples.append(example_of(scan, moved, target, number))
    write_json(tmp_path / "metrics.json", means_of_cases(rows, NAMES, ["p0", "p1", "p2"], rounds=200))
    (tmp_path / "cases.csv").write_text(table_of(rows))
    np.savez_compressed(tmp_path / "examples.npz", **joined(examples))
    return tmp_path


def test_what_a_page_shows(folder, page_of):
    cases = {"training": {"cases": 9, "patients": 8, "shown": {"tumour": 7}}}
    write_json(folder / "run.json", {"segment": {"name": "fine-tuned"}, "cases": cases, "preset": "tiny",
                                     "settings": {"folds": 4, "labels": {"tumour": [1]}},
                                     "data": {"source": "/home/smith/cases.csv"},
                                     "encoder": {"file": "model.pt"}})  # fmt: skip
    (folder / "metrics.jsonl").write_text(
        "".join(json.dumps({"step": n, "loss": 2 / n, "dice": 0.1 * n}) + "\n" for n in range(1, 6))
    )
    page = page_of(write_segment_report(folder))
    assert len(page.images) == 18  # three cases, two planes: scan, drawn, network
    for text in ("not for diagnostic use", "best of those kept", "Volume of tumour", "liver <left>", "Training loss",
                 "--dataset_dir /path/to/cases.csv", "--pretrained /path/to/model.pt", "Only 3 patients"):  # fmt: skip
        assert text in page.text, text
    assert "smith" not in page.text.lower()


def test_a_page_of_the_numbers_alone(folder, page_of):
    for name in ("cases.csv", "examples.npz"):
        (folder / name).unlink()
    text = page_of(write_segment_report(folder)).text
    assert "kept no slices" in text and "single cases cannot be shown" in text and "There is no run.json" in text


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("metrics.json", "{", "is not valid JSON"),
        ("metrics.json", "{}", "is no record of a segmentation"),
        ("metrics.json", '{"classes": {"a": {}}}', "is no record of a segmentation"),
        ("cases.csv", "case,class,dice\n1,tumour,good\n", "is no record of a segmentation"),
        ("examples.npz", "no zip", "cannot be read"),
    ],
)
def test_damaged_files(folder, name, content, says):
    (folder / name).write_text(content)
    with pytest.raises(InputError, match=says):
        write_segment_report(folder)


def test_examples_that_do_not_belong_together(folder):
    with np.load(folder / "examples.npz") as file:
        arrays = dict(file)
    arrays["target_axial_1"] = arrays["target_axial_1"][:-1]
    np.savez(folder / "examples.npz", **arrays)
    with pytest.raises(InputError, match="is no example"):
        write_segment_report(folder)


def test_slices_run_through_what_is_first_in_the_list(case):
    scan, _, target = case
    assert middle_of(target) == (8, 8, 8) and middle_of(np.zeros((4, 6, 8))) == (2, 3, 4)
    example = example_of(scan, target, target, 0)
    assert example["target_axial"].shape == (30, 40) and (example["target_axial"] == 1).any()


def test_a_sheet_names_volumes_and_no_patient(case, tmp_path):
    scan, answer, _ = case
    outline_sheet(scan, answer, NAMES, tmp_path / "sheet.png")
    content = (tmp_path / "sheet.png").read_bytes()
    assert content.startswith(b"\x89PNG") and b"Smith" not in content and len(content) > 2000
