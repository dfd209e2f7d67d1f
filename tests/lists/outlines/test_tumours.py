"""Tumours and their readers: found beside the scan, in a datalist or in DICOM, and read onto the scan as it is given."""

import itertools
import json
import logging
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import ModuleType

import nibabel as nib
import numpy as np
import pydicom
import pytest

from smart_nets.errors import ConfigError, GeometryError, InputError
from smart_nets.lists.outlines.tumours import read_tumours, tumour_list
from smart_nets.phantom import Phantom, write_dicom, write_nifti
from smart_nets.scans.dicom.seg import write_seg
from smart_nets.scans.read import read_checked, read_volume

TURNS = [(order, flips) for order in itertools.permutations(range(3)) for flips in itertools.product((1, -1), repeat=3)]


@pytest.fixture
def mask(hu: np.ndarray) -> np.ndarray:
    """(X, Y, Z) in RAS, unlike its mirror image along each axis."""
    marked = np.zeros(hu.shape, np.uint8)
    marked[3:6, 4:8, 2:4] = 1
    marked[9, 9, 7] = 1
    return marked


def turned(array: np.ndarray, affine: np.ndarray, order: tuple, flips: tuple) -> tuple[np.ndarray, np.ndarray]:
    """The same voxels in the same places, stored with their axes in another order and direction."""
    turn = np.stack([order, flips], axis=1)
    return nib.orientations.apply_orientation(array, turn), affine @ nib.orientations.inv_ornt_aff(turn, array.shape)


@pytest.fixture
def write_json(tmp_path: Path) -> Callable[..., Path]:
    def write(*entries: object, key: str = "training") -> Path:
        path = tmp_path / "tumours.json"
        path.write_text(json.dumps({key: entries}))
        return path

    return write


@pytest.fixture
def series(hu: np.ndarray, affine: np.ndarray, tmp_path: Path) -> Path:
    return write_dicom(Phantom(hu, np.zeros(hu.shape, np.uint8), affine, (), "p1", 0), tmp_path / "tcia/p1/study/ct")


def readers(**tumours: list[Path]) -> dict[str, list[dict]]:
    return {name: [{"file": str(path), "region": None} for path in paths] for name, paths in tumours.items()}


def test_masks_beside_their_scans(save, hu, affine, mask, tmp_path: Path, caplog):
    caplog.set_level(logging.INFO)
    scan = save(hu, affine, "a/p1.nii.gz")
    tumour, second = save(mask, affine, "a/p1__Tumor_c40.nii.gz"), save(mask, affine, "a/p1__GTV__2.nii.gz")
    save(mask, affine, "a/p1__Carina_c40.nii.gz")
    save(hu, affine, "a/p2.nii.gz")
    save(mask, affine, "a/p2__heart.nii.gz")
    other = save(hu, affine, "b/left__right.nii")  # a scan whose own name holds the mark
    nodule = save(mask, affine, "b/left__right__Nodule.nii.gz")
    first, last = tumour_list(tmp_path)
    assert (first["image"], last["image"]) == (str(scan), str(other))
    assert first["readers"] == readers(GTV__2=[second], Tumor_c40=[tumour])
    assert last["readers"] == readers(Nodule=[nodule])
    assert "left out, scans without the mask of a tumour: 1" in caplog.text
    assert "3 tumours in 2 scans of 2 patients, 3 masks" in caplog.text
    assert not any(name in caplog.text for name in ("p1", "p2", "left__", "nii"))
    np.testing.assert_array_equal(read_tumours(first, read_volume(scan))["Tumor_c40"], [mask > 0])


def test_what_is_no_source_of_its_kind_is_counted(
    series, save, hu, affine, mask, drawing: ModuleType, tmp_path, caplog
):
    caplog.set_level(logging.INFO)
    scan = read_volume(series)
    drawing.structures(series, scan, {"GTV-1vis-1": [drawing.contour_of(scan, drawing.SQUARE, 4)]})
    save(hu, affine, "tcia/plain.nii.gz")
    assert len(tumour_list(tmp_path / "tcia")) == 1
    assert "left out, images that are no DICOM: 1" in caplog.text
    save(mask, affine, "tcia/plain__tumour.nii.gz")
    assert len(tumour_list(tmp_path / "tcia")) == 1
    assert "left out, DICOM series: 2" in caplog.text


def test_the_pattern_tells_what_a_tumour_is(save, hu, affine, mask, tmp_path: Path):
    save(hu, affine, "p1.nii.gz")
    save(mask, affine, "p1__Tumor.nii.gz")
    metastasis = save(mask, affine, "p1__metastasis.nii.gz")
    [item] = tumour_list(tmp_path, pattern="(?i)meta")
    assert item["readers"] == readers(metastasis=[metastasis])


def test_organs_of_phantoms_are_no_tumours(phantom: Phantom, tmp_path: Path):
    scan = write_nifti(phantom, tmp_path, labels=True)
    labels = tmp_path / "phantom-0003__labels.nii.gz"
    with pytest.raises(InputError, match=r"no scan has the mask of a tumour beside it .*found none in 1 scans"):
        tumour_list(tmp_path)
    [item] = tumour_list(tmp_path, pattern="labels")
    assert item["readers"] == readers(labels=[labels])
    with pytest.raises(
        InputError, match=r"phantom-0003__labels.nii.gz: holds several labels .*keep the tumour's label"
    ):
        read_tumours(item, read_checked(scan))


def test_a_datalist_with_one_or_several_readers(save, hu, affine, mask, write_json, tmp_path: Path):
    scan, one, two = (
        save(hu, affine, "ct/a.nii.gz"),
        save(mask, affine, "m/1.nii.gz"),
        save(mask * 0, affine, "m/2.nii.gz"),
    )
    other = save(hu, affine, "ct/b.nii.gz")
    path = write_json(
        {"image": "ct/a.nii.gz", "label": ["m/1.nii.gz", str(two)], "patient_id": "P"},
        {"image": "ct/b.nii.gz", "label": "m/1.nii.gz"},
    )
    first, second = tumour_list(path)
    assert first == {"image": str(scan), "patient_id": "P", "readers": readers(tumour=[one, two])}
    assert (second["image"], second["readers"]) == (str(other), readers(tumour=[one]))
    marked, empty = read_tumours(first, read_volume(scan))["tumour"]
    assert marked.dtype == empty.dtype == bool and marked.sum() == mask.sum()
    assert not empty.any() and empty.shape == hu.shape  # a reader may find no tumour; that is no error


@pytest.mark.parametrize(("order", "flips"), TURNS)
def test_a_label_map_lands_on_the_scan_however_both_are_stored(save, hu, affine, mask, order, flips):
    scan = save(*turned(hu, affine, order, flips))
    label = save(*turned(mask, affine, order[::-1], flips[::-1]), "mask.nii.gz")
    item = {"image": str(scan), "patient_id": "p", "readers": readers(tumour=[label])}
    [upright] = read_tumours(item, read_volume(scan))["tumour"]
    np.testing.assert_array_equal(upright, mask > 0)
    stored = read_checked(scan)
    [found] = read_tumours(item, stored)["tumour"]
    np.testing.assert_array_equal(found, turned(mask, affine, order, flips)[0] > 0)
    assert found.shape == stored.array.shape and found.flags.c_contiguous


def test_structure_sets_land_on_the_scan_however_it_is_turned(series, drawing: ModuleType, tmp_path: Path):
    """Readers 1 and 2 drew the same square in slices 4 and 5; reader 3 left the region empty."""
    scan = read_volume(series)
    contours = {f"GTV-1vis-{reader}": [drawing.contour_of(scan, drawing.SQUARE, 3 + reader)] for reader in (2, 1)}
    path = drawing.structures(series, scan, {**contours, "GTV-1vis-3": [], "suv2,5": []})
    [item] = tumour_list(tmp_path / "tcia")
    assert [entry["region"] for entry in item["readers"]["GTV-1"]] == ["GTV-1vis-1", "GTV-1vis-2", "GTV-1vis-3"]
    assert {entry["file"] for entry in item["readers"]["GTV-1"]} == {str(path)}
    expected = np.zeros((3, *scan.array.shape), bool)
    expected[0, 3:7, 4:9, 4] = expected[1, 3:7, 4:9, 5] = True
    np.testing.assert_array_equal(read_tumours(item, scan)["GTV-1"], expected)
    stored = read_checked(series)  # rows run to Posterior and columns to Left
    assert np.array_equal(stored.array, scan.array[::-1, ::-1])
    np.testing.assert_array_equal(read_tumours(item, stored)["GTV-1"], expected[:, ::-1, ::-1])


def test_contours_that_were_skipped_are_told_without_a_name(series, drawing: ModuleType, tmp_path: Path, caplog):
    scan = read_volume(series)
    square = drawing.contour_of(scan, drawing.SQUARE, 4)
    drawing.structures(series, scan, {"GTV-1vis-1": [square, square], "suv2,5": [square, square]})
    [item] = tumour_list(tmp_path / "tcia")
    assert read_tumours(item, scan)["GTV-1"][0].sum() == 20
    warnings = [record.getMessage() for record in caplog.records if record.levelname == "WARNING"]
    assert warnings == ["drawing of a tumour: 1 contours skipped (drawn twice)"]


def test_a_datalist_may_name_dicom(series, mask, write_json):
    marked = mask[::-1, ::-1] > 0  # on the file's own grid
    seg = write_seg(marked, series, series / "seg.dcm", label="tumour", model="m", version="1")
    uid = str(pydicom.dcmread(series / "0001.dcm").SeriesInstanceUID)
    [item] = tumour_list(write_json({"image": str(series), "series": uid, "label": str(seg)}))
    assert item["series"] == uid
    np.testing.assert_array_equal(read_tumours(item, read_checked(series))["tumour"], [marked])
    np.testing.assert_array_equal(read_tumours(item, read_volume(series))["tumour"], [mask > 0])


@pytest.mark.parametrize(
    ("folder", "patients", "voxels"), [("chest_2mm", 2, [5561, 70]), ("sts", 4, [8862, 5564, 9655, 11175])]
)
def test_real_tumours(real_ct: Path, folder, patients, voxels):
    items = tumour_list(real_ct / folder)
    assert len({item["patient_id"] for item in items}) == patients
    for item, count in zip(items, voxels, strict=True):
        scan = read_checked(item["image"])
        [[found]] = read_tumours(item, scan).values()
        assert found.sum() == count and -200 < scan.array[found].mean() < 100  # soft tissue, some of it at the lung


def nothing(folder: Path, save: Callable) -> Path:
    return folder / "nowhere"


def empty(folder: Path, save: Callable) -> Path:
    (folder / "empty").mkdir()
    return folder / "empty"


def orphan(folder: Path, save: Callable) -> Path:
    return save(np.ones((4, 4, 4), np.uint8), np.eye(4), "beside/p1__tumor.nii.gz").parent


def bare(folder: Path, save: Callable) -> Path:
    return save(np.ones((4, 4, 4), np.int16), np.eye(4), "beside/p1.nii.gz").parent


def doubled(folder: Path, save: Callable) -> Path:
    save(np.ones((4, 4, 4), np.int16), np.eye(4), "beside/p1.nii")
    save(np.ones((4, 4, 4), np.int16), np.eye(4), "beside/p1__GTV.nii")
    return save(np.ones((4, 4, 4), np.int16), np.eye(4), "beside/p1.nii.gz").parent


def one_scan(folder: Path, save: Callable) -> Path:
    return save(np.ones((4, 4, 4), np.int16), np.eye(4))


def damaged(folder: Path, save: Callable) -> Path:
    (folder / "tcia").mkdir()
    (folder / "tcia" / "1.dcm").write_text("the page of a proxy")
    return folder / "tcia"


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (nothing, r"nowhere: does not exist"),
        (empty, r"empty: holds no scans"),
        (orphan, r"p1__tumor.nii.gz: mask has no scan beside it .expected p1.nii.gz"),
        (bare, r"beside: no scan has a mask beside it .expected names like scan__tumour.nii.gz, found 1 images"),
        (doubled, r"p1.nii.gz: two images have the same name .*found p1.nii\)"),
        (one_scan, r"scan.nii.gz: is no source of tumours .expected a folder, or a JSON"),
        (damaged, r"1.dcm: is no DICOM file"),
    ],
)
def test_sources_without_tumours(make, message, tmp_path: Path, save):
    with pytest.raises(InputError, match=message):
        tumour_list(make(tmp_path, save))


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ({"image": "a.nii.gz"}, "entry 2: entry has no label .*found nothing"),
        ({"image": "a.nii.gz", "label": []}, "entry has no label"),
        ({"image": "a.nii.gz", "label": [1]}, r"entry has no label .*found \[1\]"),
        ({"image": "a.nii.gz", "label": "b.nii.gz"}, "entry 2: label does not exist .*found b.nii.gz"),
        ({"image": "a.nii.gz", "label": "."}, "label does not exist"),
        ({"image": "a.nii.gz", "label": ["m.nii.gz", "./m.nii.gz"]}, "two readers have the same mask"),
        ({"image": "a.nii.gz", "label": "m.nii.gz"}, "entries 1 and 2: is listed twice"),
        ({"image": "c.nii.gz", "label": "m.nii.gz"}, r"entry 2 .line 1.: image does not exist"),
        ("a.nii.gz", "entry has no label"),
    ],
)
def test_wrong_entries_of_a_datalist(save, hu, affine, mask, write_json, entry, message):
    save(hu, affine, "a.nii.gz")
    save(mask, affine, "m.nii.gz")
    with pytest.raises(InputError, match=message):
        tumour_list(write_json({"image": "a.nii.gz", "label": "m.nii.gz"}, entry))


@pytest.mark.parametrize("change", [{"pattern": "("}, {"kind": "hand"}])
def test_wrong_settings(series, change):
    with pytest.raises(ConfigError, match=r"is no regular expression .*found \(|kind: is not known"):
        tumour_list(series.parents[2], **change)


@pytest.mark.parametrize(
    ("name", "region", "error", "message"),
    [
        ("nowhere.nii.gz", None, InputError, "does not exist"),
        ("moved.nii.gz", None, GeometryError, "label lies on another grid than its scan"),
        ("smaller.nii.gz", None, GeometryError, "label lies on another grid"),
        ("fractions.nii.gz", None, InputError, "label map holds fractions"),
        ("tcia/p1/study/ct/rtstruct.dcm", None, InputError, "holds several regions .expected one region, found a, b"),
        ("tcia/p1/study/ct/rtstruct.dcm", "c", InputError, "holds no such region .expected c, found a, b"),
        (
            "tcia/p1/study/ct/p1/0001.dcm",
            None,
            InputError,
            "is no RTSTRUCT and no SEG .expected RTSTRUCT or SEG, found CT",
        ),
    ],
)
def test_masks_that_cannot_be_read(
    series, save, hu, affine, mask, drawing: ModuleType, tmp_path: Path, name, region, error, message
):
    scan = read_volume(series)
    save(mask, affine + np.diag([0.2, 0, 0, 0]), "moved.nii.gz")
    save(mask[1:], affine, "smaller.nii.gz")
    save(mask * np.float32(0.5), affine, "fractions.nii.gz")
    drawing.structures(series, scan, {"a": [drawing.contour_of(scan, drawing.SQUARE, 4)], "b": []})
    item = {"readers": {"tumour": [{"file": str(tmp_path / name), "region": region}]}}
    with pytest.raises(error, match=message):
        read_tumours(item, scan)


def test_drawings_need_the_frame_of_their_own_scan(series, drawing: ModuleType, tmp_path: Path):
    scan = read_volume(series)
    drawing.structures(series, scan, {"GTV-1vis-1": [drawing.contour_of(scan, drawing.SQUARE, 4)]})
    [item] = tumour_list(tmp_path / "tcia")
    with pytest.raises(GeometryError, match=r"another frame of reference than the scan .expected 9.9.9"):
        read_tumours(item, replace(scan, frame="9.9.9"))


@pytest.fixture
def drawn(series, drawing: ModuleType) -> Path:
    """A structure set of a heart and two tumours: squares on slices 3, 4 and 5."""
    scan = read_volume(series)
    names = ("heart", "GTV-1", "GTV-2")
    return drawing.structures(
        series, scan, {n: [drawing.contour_of(scan, drawing.SQUARE, 3 + k)] for k, n in enumerate(names)}
    )


@pytest.mark.parametrize(
    ("region", "pattern", "slices"),
    [
        ("GTV-2", "(?i)gtv", [5]),
        ("gtv-1", "(?i)gtv", [4]),  # upper and lower case are alike
        (None, "GTV-1", [4]),
        (["GTV-1", "GTV-2"], "heart", [4, 5]),  # two readers in one file
    ],
)
def test_a_region_is_named_by_the_datalist_or_found_by_the_pattern(series, drawn, write_json, region, pattern, slices):
    [item] = tumour_list(write_json({"image": str(series), "label": str(drawn), "region": region}), pattern)
    masks = read_tumours(item, read_volume(series))["tumour"]
    assert [np.flatnonzero(mask.any(axis=(0, 1))).tolist() for mask in masks] == [[slice_] for slice_ in slices]


@pytest.mark.parametrize(
    ("region", "pattern", "message"),
    [
        (None, "(?i)gtv", r"holds several regions .*found GTV-1, GTV-2.*name the region"),
        (None, "liver", "holds no such region .expected liver, found heart, GTV-1, GTV-2"),
        ("GTV", "(?i)gtv", "holds no such region .expected GTV, found heart"),
        (["GTV-1", "GTV-1"], "(?i)gtv", "entry 1: two readers have the same mask"),
        ([], "(?i)gtv", "entry 1: region is no name"),
        ([["GTV-1"]], "(?i)gtv", "entry 1: region is no name"),
    ],
)
def test_a_region_that_is_not_clear_is_refused_with_the_names(series, drawn, write_json, region, pattern, message):
    with pytest.raises(InputError, match=message):
        tumour_list(write_json({"image": str(series), "label": str(drawn), "region": region}), pattern)


def test_the_pattern_finds_the_tumour_in_a_folder_of_dicom(series, drawn, tmp_path: Path):
    with pytest.raises(InputError, match=r"holds several regions .*found GTV-1, GTV-2"):
        tumour_list(tmp_path / "tcia")
    [item] = tumour_list(tmp_path / "tcia", "GTV-2")
    assert item["readers"] == {"tumour": [{"file": str(drawn), "region": "GTV-2"}]}
    with pytest.raises(InputError, match=r"no region is a tumour .expected liver, found GTV-1, GTV-2, heart"):
        tumour_list(tmp_path / "tcia", "liver")


def test_a_label_is_named_by_its_number(save, hu, affine, mask, write_json, tmp_path: Path):
    save(hu, affine, "a.nii.gz")
    labels = mask.copy()
    labels[labels > 0] = 3
    labels[0, 0, 0] = 7
    save(labels, affine, "m.nii.gz")
    [item] = tumour_list(write_json({"image": "a.nii.gz", "label": "m.nii.gz", "region": 3}))
    np.testing.assert_array_equal(read_tumours(item, read_volume(tmp_path / "a.nii.gz"))["tumour"], [mask > 0])
    [item] = tumour_list(write_json({"image": "a.nii.gz", "label": "m.nii.gz", "region": 5}))
    with pytest.raises(InputError, match=r"holds no such label .expected 5, found 3, 7"):
        read_tumours(item, read_volume(tmp_path / "a.nii.gz"))


def test_a_drawing_of_which_nothing_can_be_used_is_no_empty_tumour(series, drawing: ModuleType, write_json):
    scan = read_volume(series)
    path = drawing.structures(series, scan, {"GTV": [drawing.contour_of(scan, drawing.SQUARE, 4.5)]})
    [item] = tumour_list(write_json({"image": str(series), "label": str(path)}))
    with pytest.raises(GeometryError, match=r"nothing of what was drawn can be used .*between slices or not flat"):
        read_tumours(item, scan)
