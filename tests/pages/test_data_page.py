"""The data report: one file, right counts, no patient."""

import json
import re
from pathlib import Path

import pytest

from smart_nets.errors import InputError
from smart_nets.pages.bars import bars, histogram
from smart_nets.pages.data_page import data_html, general, write_data_report


def used(number: int, **change: object) -> dict:
    return {
        "image": f"/data/DOE^JOHN/{number}.nii.gz",
        "patient_id": f"{number:012x}",
        "shape": [100, 90, 80],
        "spacing": [0.8, 0.8, 1.0 + number % 3],
        "body_mm": [300.0, 200.0, 250.0 + number],
        "hu_percentiles": {"50": -800.0},
        "notes": [],
        **change,
    }


REJECTED = [
    {"image": "/data/DOE^JOHN/x.nii.gz", "patient_id": "a", "fault": "ends early", "reason": "/data/DOE^JOHN/x ..."},
    {"image": "/data/y", "patient_id": "b", "fault": "3 slices are missing: gap after slice 4", "reason": "y"},
    {"image": "/data/z", "patient_id": "c", "fault": "1 slices are missing: gap after slice 9", "reason": "z"},
]
RULES = {"min_depth": 2, "tilt": "refuse", "crop": 128, "spacing": 2.0}
ABOUT = {"rules": RULES, "patients_hashed_with": "no salt", "other_files": {".txt": 3}}


def test_counts_reasons_and_measures_are_on_the_page():
    html = data_html([used(n) for n in range(7)], REJECTED, ABOUT, thumbnails=0)
    assert "7 of 10 scans can be used; 3 are refused" in html
    assert "n slices are missing: gap after slice n: 2; ends early: 1" in html
    assert "<td>n slices are missing: gap after slice n</td><td>2, 3</td>" in html
    assert "128 voxels of 2 mm" in html and "3 .txt" in html
    for name in ("In-plane spacing", "Slice distance", "Height of the body"):
        assert name in html


def test_the_page_names_no_patient_no_path_and_fetches_nothing():
    html = data_html([used(n) for n in range(3)], REJECTED, ABOUT, thumbnails=3)
    assert "DOE" not in html and "/data/" not in html
    assert not re.search(r"https?://|<script|<link", html)


def test_all_used_needs_no_reasons():
    html = data_html([used(1)], [], ABOUT, thumbnails=0)
    assert "All 1 scans can be used." in html and "Why scans are refused" not in html


def test_none_used_is_still_a_page():
    assert "0 of 3 scans can be used" in data_html([], REJECTED, ABOUT)


def test_repairs_are_counted_by_kind():
    notes = ["padding set to air (12 voxels, down to -2000 HU)", "padding set to air (9 voxels, down to -3024 HU)"]
    html = data_html([used(1, notes=notes[:1]), used(2, notes=notes)], [], ABOUT, thumbnails=0)
    assert "padding set to air: 2" in html


def test_general_reasons_have_no_numbers():
    assert general("gap after slice 4 (expected 5 mm, found 10 mm)") == "gap after slice n"


def test_a_histogram_draws_each_bin_in_proportion():
    heights = re.findall(r'height="([\d.]+)"', histogram([0, 0, 0, 0, 16, 16], "mm"))
    assert [float(height) for height in heights] == [106, 53]  # 4 and 2 of 4, 106 units high
    assert histogram([5.0], "mm").count("<rect") == 1


def test_bars_are_sorted_and_escaped():
    svg = bars([("<few>", 1), ("many", 10)])
    assert svg.index("many") < svg.index("&lt;few&gt;")
    assert re.findall(r'<rect x="400" y="\d+" width="([\d.]+)"', svg) == ["300.0", "30.0"]


def test_files_that_are_no_result_of_check_data(tmp_path: Path):
    with pytest.raises(InputError, match="cannot be read"):
        write_data_report(tmp_path / "manifest.json")
    (tmp_path / "manifest.json").write_text("{")
    with pytest.raises(InputError, match="is no JSON"):
        write_data_report(tmp_path / "manifest.json")
    for name in ("manifest", "rejected"):
        (tmp_path / f"{name}.json").write_text(json.dumps({"training": []}))
    with pytest.raises(InputError, match="was not written by check-data"):
        write_data_report(tmp_path / "manifest.json")
