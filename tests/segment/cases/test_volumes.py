"""Cases prepared on disk: once, with what is wrong told before training."""

import logging

import numpy as np
import pytest

from smart_nets.errors import ConfigError, GeometryError
from smart_nets.segment.cases.patches import LoadCased, class_shares, places_of
from smart_nets.segment.cases.volumes import CaseVolumes

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
    with pytest.raises(ConfigError, match=r"no voxel of kidney in 2 cases"):
        CaseVolumes(tmp_path / "cache", (2, 1.5, 3), {"tumour": [1], "kidney": [2]}).prepare(items)
    save(np.zeros((3, 4, 5), np.uint8), affine, "0__label.nii.gz")
    with pytest.raises(GeometryError, match="another grid than its scan"):
        CaseVolumes(tmp_path / "cache", (2, 1.5, 3), VALUES).prepare(items)


def test_a_case_as_a_monai_item(items, tmp_path):
    load = LoadCased(CaseVolumes(tmp_path / "cache", (2, 1.5, 3), VALUES), channels=2)
    item = load(items[1])
    assert item["image"].shape == item["label"].shape == (1, *SHAPE) and item["image"].dtype == item["label"].dtype
    inside = np.unravel_index(item["places"][1], SHAPE)
    assert all(item["label"][0][place] == 1 for place in zip(*inside, strict=True)) and len(item["places"][1]) == 64


def test_places_are_spread_over_a_class_and_shares_sum_to_one():
    target = np.zeros(1000, np.int16)
    target[100:900] = 1
    background, inside = places_of(target.reshape(10, 10, 10), 2, most=5)
    assert inside.tolist() == [100, 299, 499, 699, 899] and len(background) == 5
    assert class_shares(3, 0.6) == pytest.approx([0.4, 0.3, 0.3])
