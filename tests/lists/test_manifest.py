"""Folders, files and JSON lists become the same kind of items; what cannot be used is named."""

import json
from pathlib import Path

import numpy as np
import pytest

from smart_nets.errors import ConfigError, InputError
from smart_nets.lists.manifest import datalist, large_enough
from smart_nets.phantom import Phantom, write_dicom


@pytest.fixture
def tree(save, hu, affine, tmp_path: Path) -> Path:
    """Two NIfTI scans, one DICOM series, and three files that are no CT."""
    save(hu, affine, "tree/b/scan.nii.gz")
    save(hu, affine, "tree/a/scan.nii")
    save((hu > 0).astype(np.uint8), affine, "tree/a/scan_msk.nii.gz")
    save((hu > 0).astype(np.int16), affine, "tree/a/scan__Tumor.nii.gz")
    write_dicom(Phantom(hu, np.zeros(hu.shape, np.uint8), affine, (), "p1", 0), tmp_path / "tree/c")
    (tmp_path / "tree/notes.txt").write_text("hello")
    (tmp_path / "tree/.hidden.nii").write_text("a half-written file")
    (tmp_path / "tree/text.nii.gz").write_text("hello")
    return tmp_path / "tree"


def test_a_folder_is_searched_and_what_is_no_ct_left_out(tree, caplog):
    items = datalist(tree)
    assert [str(Path(item["image"]).relative_to(tree)) for item in items] == ["a/scan.nii", "b/scan.nii.gz", "c/p1"]
    assert items[2]["series"].startswith("1.2.826")
    assert "3 of 6 left out" in caplog.text
    assert "scan_msk.nii.gz: label map, not HU" in caplog.text and "text.nii.gz: is no gzip file" in caplog.text
    assert len({item["patient_id"] for item in items}) == 3


def test_what_should_be_a_scan_and_cannot_be_read_may_stay_to_be_counted(tree):
    names = sorted(Path(item["image"]).name for item in datalist(tree, keep_broken=True))
    assert names == ["p1", "scan.nii", "scan.nii.gz", "text.nii.gz"], "masks are no scans, whoever reads them"


def test_a_pattern_that_finds_no_patient_is_told(save, hu, affine, tmp_path, caplog):
    save(hu, affine, "a.nii")
    datalist(tmp_path, patient_pattern="LIDC-[0-9]+")
    assert "patient_pattern 'LIDC-[0-9]+' finds nothing in 1 paths, such as a.nii" in caplog.text


def test_patient_ids_are_pseudonyms(tree):
    text = json.dumps(datalist(tree))
    assert "PHANTOM^" not in text and '"patient_id": "p1"' not in text


def test_the_patient_may_be_read_from_the_path(save, hu, affine, tmp_path):
    for name in ("LIDC-0001_a", "LIDC-0001_b", "LIDC-0002_a"):
        save(hu, affine, f"{name}.nii")
    patients = [item["patient_id"] for item in datalist(tmp_path, patient_pattern=r"LIDC-\d+")]
    assert patients[0] == patients[1] != patients[2]


def test_one_file_is_a_list_of_one(save, hu, affine):
    path = save(hu, affine)
    assert [item["image"] for item in datalist(path)] == [str(path)]


@pytest.mark.parametrize("form", ["monai", "plain", "strings"])
def test_json_lists_keep_their_fields_and_resolve_their_paths(save, hu, affine, tmp_path: Path, form):
    path = save(hu, affine, "scans/ä b.nii.gz")
    entries = [{"image": "scans/ä b.nii.gz", "label": 1, "patient_id": "p7"}]
    content = {"monai": {"training": entries}, "plain": entries, "strings": ["scans/ä b.nii.gz"]}[form]
    (tmp_path / "list.json").write_text(json.dumps(content))
    (item,) = datalist(tmp_path / "list.json")
    assert item["image"] == str(path)
    assert form == "strings" or (item["label"], item["patient_id"]) == (1, "p7")


def test_another_key_of_the_json(save, hu, affine, tmp_path: Path):
    save(hu, affine, "a.nii")
    (tmp_path / "list.json").write_text('{"training": [], "validation": [{"image": "a.nii"}]}')
    assert len(datalist(tmp_path / "list.json", key="validation")) == 1


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("{", "is no JSON"),
        ('{"train": []}', "list under 'training'"),
        ("[]", "lists no scans"),
        ("[5]", "entry has no image"),
        ('[{"picture": "a"}]', "entry has no image"),
        ('[\n{"image": "a.nii"},\n{"image": "b.nii"}]', r"entry 2 \(line 3\): image does not exist"),
    ],
)
def test_a_wrong_json_is_told_with_its_place(save, hu, affine, tmp_path: Path, content, message):
    save(hu, affine, "a.nii")
    (tmp_path / "list.json").write_text(content)
    with pytest.raises(InputError, match=message):
        datalist(tmp_path / "list.json")


BODIES = [
    {"image": "whole.nii.gz", "body_mm": [300.0, 200.0, 64.0]},
    {"image": "slab.nii.gz", "body_mm": [300.0, 200.0, 61.9]},  # 15 voxels of 4 mm
    {"image": "never checked.nii.gz"},
]


def test_a_body_shorter_than_half_a_crop_is_left_out_before_training(caplog):
    kept = large_enough(BODIES, [32, 32, 32], [4.0, 4.0, 4.0])
    assert [one["image"] for one in kept] == ["whole.nii.gz", "never checked.nii.gz"]
    assert (
        "1 of 3 scans left out: too small for half a crop (expected a body of at least 64 x 64 x 64 mm" in caplog.text
    )
    assert large_enough(BODIES, [32, 32, 32], [2.0, 2.0, 2.0]) == BODIES


@pytest.mark.parametrize("body", [None, [61.9], "large", [300.0, 200.0, None], 12.0])
def test_a_body_that_is_not_told_leaves_nothing_out(body):
    items = [{"image": "a.nii.gz", "body_mm": body}]
    assert large_enough(items, [32, 32, 32], [4.0, 4.0, 4.0]) == items


def grid(sides_mm: tuple[float, float, float], affine: np.ndarray, spacing: float = 4.0) -> Phantom:
    """A warm block in air, of voxels of 4 mm, as wide as told."""
    shape = [round(side / spacing) for side in sides_mm]
    image = np.full(shape, 40, np.int16)
    image[0], image[:, 0] = -1000, -1000
    image += np.arange(image.size, dtype=np.int16).reshape(shape) % 7  # no label map
    placed = np.diag([spacing, spacing, spacing, 1.0])
    return Phantom(image, np.zeros(shape, np.uint8), placed @ affine, (), "slab", 1)


TURNED = np.array([[0.0, 0, -1, 0], [1, 0, 0, 0], [0, -1, 0, 0], [0, 0, 0, 1]])  # axes run to A, I and L


@pytest.mark.parametrize("kind", ["nii.gz", "nii", "mha", "dicom", "turned"])
def test_a_scan_too_small_is_found_by_its_header(kind, save, tmp_path: Path, caplog):
    """No manifest tells the body, and a body is no larger than its scan: 40 mm are 10 voxels, half a crop is 16."""
    whole, slab = grid((80, 80, 80), np.eye(4)), grid((80, 72, 40), np.eye(4))
    save(whole.image, whole.affine, "tree/whole.nii.gz")
    if kind == "dicom":
        write_dicom(slab, tmp_path / "tree")
    elif kind == "mha":
        sitk = pytest.importorskip("SimpleITK", reason="SimpleITK is not installed")
        image = sitk.GetImageFromArray(slab.image.T)  # (X, Y, Z) -> (Z, Y, X)
        image.SetSpacing([4.0] * 3)
        sitk.WriteImage(image, str(tmp_path / "tree" / "slab.mha"))
    elif kind == "turned":  # the file's first axis is the short one, and runs to the front
        turned = grid((40, 80, 72), TURNED)
        save(turned.image, turned.affine, "tree/slab.nii.gz")
    else:
        save(slab.image, slab.affine, f"tree/slab.{kind}")
    items = datalist(tmp_path / "tree")
    sides = {"slab" in one["image"]: one["scan_mm"] for one in items}
    assert sides == {False: [80.0, 80.0, 80.0], True: [72.0, 40.0, 80.0] if kind == "turned" else [80.0, 72.0, 40.0]}
    (kept,) = large_enough(items, [32, 32, 32], [4.0, 4.0, 4.0])
    assert Path(kept["image"]).name == "whole.nii.gz"
    assert (
        "1 of 2 scans left out: too small for half a crop (expected a body of at least 64 x 64 x 64 mm" in caplog.text
    )
    assert large_enough(items, [16, 16, 16], [4.0, 4.0, 4.0]) == items


def test_no_scan_is_large_enough():
    with pytest.raises(
        InputError, match=r"slab.nii.gz: no scan is large enough for half a crop .expected a body of at least 64"
    ):
        large_enough(BODIES[1:2], [32, 32, 32], [4.0, 4.0, 4.0])


def test_nothing_there(tmp_path: Path):
    with pytest.raises(InputError, match="does not exist"):
        datalist(tmp_path / "none")
    with pytest.raises(InputError, match="holds no scans"):
        datalist(tmp_path)
    (tmp_path / "a.txt").write_text("hello")
    with pytest.raises(InputError, match="no image format"):
        datalist(tmp_path / "a.txt")
    (tmp_path / "a.nii").write_text("hello")
    with pytest.raises(InputError, match="none of 1 files can be used"):
        datalist(tmp_path)


def test_a_pattern_that_is_none(tmp_path: Path):
    with pytest.raises(ConfigError, match="no regular expression"):
        datalist(tmp_path, patient_pattern="(")


def test_all_real_files_are_sorted_into_ct_and_label_maps(real_ct: Path, caplog):
    items = datalist(real_ct / "chest_2mm") + datalist(real_ct / "sts") + datalist(real_ct / "totalseg")
    names = [Path(item["image"]).name.split(".")[0] for item in items]
    tumours = ["STS_008", "STS_019", "STS_025", "STS_042"]
    chests = ["4dlung113", "c3n00247", "lungfcp01", "pyrad_lung1"]
    assert sorted(names) == sorted([*tumours, *chests, "ct_cropped", "example_ct", "example_ct_dicom"])


def test_the_lines_of_entries_are_looked_for_only_when_one_is_told(tmp_path, monkeypatch, save, hu, affine):
    """Looked for at each entry, a manifest of 20,000 scans took minutes to read."""
    scan = save(hu, affine)
    (tmp_path / "list.json").write_text(json.dumps({"training": [{"image": str(scan)}]}))
    monkeypatch.setattr("smart_nets.lists.find._lines", lambda text, entries: pytest.fail("looked for"))
    assert len(datalist(tmp_path / "list.json")) == 1
