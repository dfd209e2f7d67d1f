"""names.csv: every name of a result leads back to one scan, and no scan takes the name of another."""

import csv
import os
from collections import Counter
from pathlib import Path

import pytest

from smart_nets.errors import InputError
from smart_nets.lists.find import find
from smart_nets.lists.name_table import claim_names, maps_in
from smart_nets.lists.scan_names import with_names


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_each_name_leads_to_its_scan(tmp_path):
    named = with_names([{"image": "a/ct.nii.gz"}, {"image": "b/ct.nii.gz"}, {"image": "c", "series": "1.2"}])
    path = claim_names(tmp_path / "new", named)
    assert path.name == "names.csv"
    assert [row["name"] for row in rows(path)] == [item["name"] for item in named]
    assert [row["source"] for row in rows(path)] == [
        str(Path(name).resolve()) for name in ("a/ct.nii.gz", "b/ct.nii.gz", "c")
    ]
    assert [row["series"] for row in rows(path)] == ["", "", "1.2"]


def test_the_same_scans_again_and_others_beside_them(tmp_path):
    for image in ("a/ct.nii", "a/ct.nii", "b/other.nii"):
        path = claim_names(tmp_path, with_names([{"image": image}]))
    assert [row["name"] for row in rows(path)] == ["ct", "other"]


@pytest.mark.parametrize("other", ["b/ct.nii", "a/ct.nii.gz", "a/CT.nii"])
def test_another_scan_of_a_name_that_is_taken_is_refused(tmp_path, other):
    path = claim_names(tmp_path, with_names([{"image": "a/ct.nii"}]))
    before = path.read_bytes()
    with pytest.raises(InputError, match=r"another scan under this name.*give another output_dir"):
        claim_names(tmp_path, with_names([{"image": "x.nii"}, {"image": other}]))
    assert path.read_bytes() == before


def test_a_path_that_is_no_text_is_written_all_the_same(tmp_path):
    (row,) = rows(claim_names(tmp_path, with_names([{"image": os.fsdecode(b"a/\xff,\n.nii")}])))
    assert row["source"].endswith("udcff,\n.nii")


@pytest.mark.parametrize(
    "content", [b"a,b\n1,2\n", b"\xff\xfe", b"name,source,series\nonly one\n", b'"' + b"x" * 200_000]
)
def test_a_foreign_table_is_refused_and_stays(tmp_path, content):
    (tmp_path / "names.csv").write_bytes(content)
    with pytest.raises(InputError, match=r"names.csv: is no table of names"):
        claim_names(tmp_path, with_names([{"image": "a.nii"}]))
    assert (tmp_path / "names.csv").read_bytes() == content


def test_a_folder_that_is_a_file_is_told_before(tmp_path):
    (tmp_path / "file").write_text("x")
    with pytest.raises(InputError, match="cannot hold results"):
        claim_names(tmp_path / "file", [])


def test_maps_of_an_earlier_run_are_no_scans(tmp_path):
    """Results beside the scans, and a scan that is called like a map: names.csv tells them apart."""
    for name in ("ct", "ct_mask", "ct_2"):
        (tmp_path / f"{name}.nii.gz").touch()
    claim_names(tmp_path, with_names([{"image": str(tmp_path / f"{name}.nii.gz")} for name in ("ct", "ct_mask")]))
    (tmp_path / "ct_attention.nii.gz").touch()
    ignored = Counter()
    assert [one.path.name for one in find(tmp_path, ignored=ignored)] == ["ct.nii.gz", "ct_2.nii.gz", "ct_mask.nii.gz"]
    assert ignored == {"result of an earlier run": 1}
    (tmp_path / "names.csv").write_text("somebody,else\n")
    assert maps_in(tmp_path) == set()
