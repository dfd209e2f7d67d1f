"""Cases prepared on disk: once, with what is wrong told before training."""

import logging

import numpy as np
import pytest

from smart_nets.errors import ConfigError, GeometryError, InputError
from smart_nets.segment.cases.patches import LoadCased, places_of
from smart_nets.segment.cases.volumes import CaseVolumes, check_shown

VALUES = {"tumour": [1]}


SHAPE = (20, 18, 16)


@pytest.fixture
def hu() -> np.ndarray:
    image = np.full(SHAPE, -1000, np.int16)
    image[3:17, 3:15, 2:14] = np.arange(14 * 12 * 12).reshape(14, 12, 12) % 180 - 90
    return image


@pytest.fixture
def items(save, hu, affine) -> list[dict]:
    found = []
    for number in range(2):
        drawn = np.zeros(hu.shape, np.uint8)
        drawn[4:8, 4:8, 2 : 5 + number] = number  # nothing is drawn in the first
        image, label = save(hu, affine, f"{number}.nii.gz"), save(drawn, affine, f"{number}__label.nii.gz")
        found.append({"image": str(image), "label": str(label), "patient_id": str(number)})
    return found


def test_preparing_counts_voxels_and_keeps_cases_that_show_nothing(items, tmp_path, caplog):
    caplog.set_level(logging.INFO)
    prepared = CaseVolumes(tmp_path / "cache", (2, 1.5, 3), VALUES).prepare(items)
    assert [item["voxels"] for item in prepared] == [{"tumour": 0}, {"tumour": 4 * 4 * 4}]
    assert check_shown(prepared, VALUES) == prepared
    assert "1 of 2 cases have nothing outlined" in caplog.text and "tumour in 1" in caplog.text


def test_an_entry_is_built_once_and_again_when_its_label_changes(items, save, affine, hu, tmp_path):
    volumes = CaseVolumes(tmp_path / "cache", (2, 1.5, 3), VALUES)
    first = np.array(volumes.get(items[1]).target)
    again = CaseVolumes(tmp_path / "cache", (2, 1.5, 3), VALUES)
    np.testing.assert_array_equal(again.get(items[1]).target, first)
    assert again.targets.counts == {"reused": 1} and again.images.counts == {"reused": 1}
    save(np.zeros(hu.shape, np.uint8), affine, "1__label.nii.gz")
    assert not CaseVolumes(tmp_path / "cache", (2, 1.5, 3), VALUES).get(items[1]).target.any()


def test_names_that_no_case_shows_and_masks_of_another_scan(items, save, affine, tmp_path):
    with pytest.raises(ConfigError, match=r"no voxel of kidney in 2 training cases"):
        more = {"tumour": [1], "kidney": [2]}
        check_shown(CaseVolumes(tmp_path / "cache", (2, 1.5, 3), more).prepare(items), more)
    save(np.zeros((3, 4, 5), np.uint8), affine, "0__label.nii.gz")
    with pytest.raises(GeometryError, match="another grid than its scan"):
        CaseVolumes(tmp_path / "cache", (2, 1.5, 3), VALUES).prepare(items)


def test_a_case_as_a_monai_item(items, tmp_path):
    load = LoadCased(CaseVolumes(tmp_path / "cache", (2, 1.5, 3), VALUES))
    item = load(items[1])
    assert item["image"].shape == item["label"].shape == (1, *SHAPE) and item["image"].dtype == item["label"].dtype
    inside = set(zip(*np.unravel_index(item["foreground"], SHAPE), strict=True))
    assert all(item["label"][0][place] == 1 for place in inside) and len(inside) == 64
    assert "foreground" not in LoadCased(load.volumes, places=False)(items[1])


def test_every_class_has_as_many_places_whatever_its_size():
    target = np.zeros(1000, np.int16)
    target[100:900], target[950:952] = 1, 3
    foreground, background = places_of(target.reshape(10, 10, 10), 3, most=5)
    assert foreground.tolist() == [100, 299, 499, 699, 899, 950, 951, 950, 951, 950] and len(background) == 5
    assert len(places_of(np.zeros((2, 2, 2), np.int16), 2)[0]) == 0


def test_another_region_of_the_same_file_is_another_target(save, hu, affine, tmp_path):
    drawn = np.zeros(hu.shape, np.uint8)
    drawn[4:8, 4:8, 4:8], drawn[10:12, 4:8, 4:8] = 1, 2
    image, label = str(save(hu, affine, "s.nii.gz")), str(save(drawn, affine, "l.nii.gz"))
    volumes = CaseVolumes(tmp_path / "cache", (2, 1.5, 3), VALUES)
    counts = []
    for region in ("1", "2"):
        item = {"image": image, "drawn": {"tumour": {"tumour": [{"file": label, "region": region}]}}}
        counts.append(int((volumes.get(item).target == 1).sum()))
    assert counts == [64, 32]


def test_values_without_a_name_may_be_background(save, hu, affine, tmp_path):
    drawn = np.zeros(hu.shape, np.uint8)
    drawn[4:8, 4:8, 4:8], drawn[10:12, 4:8, 4:8] = 1, 200
    item = {"image": str(save(hu, affine, "s.nii.gz")), "label": str(save(drawn, affine, "l.nii.gz"))}
    with pytest.raises(InputError, match=r"found \[200\]"):
        CaseVolumes(tmp_path / "cache", (2, 1.5, 3), VALUES).get(item)
    assert (CaseVolumes(tmp_path / "cache", (2, 1.5, 3), VALUES, "background").get(item).target > 0).sum() == 64
    with pytest.raises(ConfigError, match="other_labels"):
        CaseVolumes(tmp_path / "cache", (2, 1.5, 3), VALUES, "drop").get(item)
