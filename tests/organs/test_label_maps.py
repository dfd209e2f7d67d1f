"""Organ crops from scans with label maps: where they are cut, how they are named, what is left out or refused."""

import json

import nibabel as nib
import numpy as np
import pytest

from smart_nets.errors import InputError
from smart_nets.lists.pseudonym import pseudonym
from smart_nets.organs.label_maps import crops_of_scans, has_label_maps

SPACING = (2.0, 2.0, 2.0)
PLACES = {"liver": (10, 12, 14), "spleen": (28, 26, 20)}
LEVELS = {"liver": 60, "spleen": 140}


def case(folder, one_map: bool = False, organs=("liver", "spleen"), flip: bool = False):
    """A scan of 40^3 voxels of 2 mm: fat with a cube of 6^3 for each organ."""
    folder.mkdir(parents=True)
    image = np.full((40, 40, 40), -100, np.int16)
    image[0] = -1000  # air, so that it is CT
    masks = {}
    for organ in organs:
        where = tuple(slice(c - 3, c + 3) for c in PLACES[organ])
        image[where] = LEVELS[organ]
        masks[organ] = np.zeros(image.shape, np.uint8)
        masks[organ][where] = 1
    affine = np.diag([2.0, 2, 2, 1])

    def save(array, path):
        placed, at = array, affine
        if flip:  # the same body, stored from the left
            placed, at = array[::-1], affine @ np.array([[-1, 0, 0, 39], [0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1.0]])
        nib.save(nib.Nifti1Image(placed, at), path)

    save(image, folder / "ct.nii.gz")
    if one_map:
        save(
            sum((k + 5) * mask for k, mask in enumerate(masks.values())).astype(np.uint8),
            folder / "segmentation.nii.gz",
        )
    else:
        (folder / "segmentations").mkdir()
        for organ, mask in masks.items():
            save(mask, folder / "segmentations" / f"{organ}.nii.gz")


def crops(folder, **options):
    return crops_of_scans(folder, (8, 8, 8), SPACING, (-200, 200), **options)


@pytest.mark.parametrize("one_map", [False, True])
def test_a_crop_lies_around_each_organ(tmp_path, one_map):
    for name in ("p", "q"):
        case(tmp_path / name, one_map, flip=name == "q")
    (tmp_path / "labels.json").write_text(json.dumps({"5": "liver", "6": "spleen"}))
    assert has_label_maps(tmp_path)
    found = crops(tmp_path)
    assert found.crops.shape == (4, 1, 8, 8, 8)
    pairs = [(organ, pseudonym(scan)) for organ in ("liver", "spleen") for scan in "pq"]
    assert sorted(zip(found.organs, found.patients, strict=True)) == sorted(pairs)
    for crop, organ in zip(found.crops[:, 0], found.organs, strict=True):
        assert np.allclose(crop[2:6, 2:6, 2:6], (LEVELS[organ] + 200) / 400, atol=1e-5)


def test_other_organs_by_name(tmp_path):
    for name in ("p", "q"):
        case(tmp_path / name)
    assert set(crops(tmp_path, organs=["spleen"]).organs) == {"spleen"}


def test_what_one_scan_alone_shows_is_left_out_and_told(tmp_path, caplog):
    case(tmp_path / "p")
    case(tmp_path / "q", organs=("liver",))
    assert set(crops(tmp_path).organs) == {"liver"}
    assert "only one scan shows them: spleen" in caplog.text


def test_a_folder_of_plain_scans_has_none(tmp_path):
    case(tmp_path / "p")
    (tmp_path / "p" / "segmentations").rename(tmp_path / "elsewhere")
    assert not has_label_maps(tmp_path / "p")


def test_nobody_tells_the_names(tmp_path):
    case(tmp_path / "p", one_map=True)
    with pytest.raises(InputError, match=r"nobody tells what its labels are.*labels\.json"):
        crops(tmp_path)


def test_names_that_are_none(tmp_path):
    case(tmp_path / "p", one_map=True)
    (tmp_path / "labels.json").write_text('["liver"]')
    with pytest.raises(InputError, match="names no labels"):
        crops(tmp_path)


def test_no_organ_in_two_scans(tmp_path):
    case(tmp_path / "p")
    with pytest.raises(InputError, match="no organ is in two scans"):
        crops(tmp_path)


def test_a_label_that_no_scan_has(tmp_path):
    for name in ("p", "q"):
        case(tmp_path / name)
    with pytest.raises(InputError, match=r"no scan has this label.*found spleeen"):
        crops(tmp_path, organs=["liver", "spleeen"])
