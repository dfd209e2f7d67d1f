"""A lesion's place and size come from its own voxels of a mask, never from those of its neighbours."""

import math

import nibabel as nib
import numpy as np
import pytest

from smart_nets.classify.lesions.place import lesion_place, places_told, to_ras_mm
from smart_nets.errors import ConfigError, InputError
from smart_nets.scans.volume import Volume

# 40 x 10 x 10 voxels of 2 mm, the first at (-40, 0, 0) mm: the middle of voxel i lies at 2 i - 40
AFFINE = np.array([[2, 0, 0, -40], [0, 2, 0, 0], [0, 0, 2, 0], [0, 0, 0, 1.0]])
SCAN = Volume(np.zeros((40, 10, 10), np.int16), AFFINE, "scan")
BALL = (6 * 64 / math.pi) ** (1 / 3)  # of 8 voxels of 8 mm^3
LEFT, RIGHT = [-33, 9, 9], [29, 9, 9]  # middles of voxels 3 and 4, and of 34 and 35; 4 and 5 along the others


@pytest.fixture
def mask(tmp_path):
    """Write a mask of two nodules with these values and return its path."""

    def write(left: int, right: int) -> str:
        labels = np.zeros(SCAN.array.shape, np.uint8)
        labels[3:5, 4:6, 4:6], labels[34:36, 4:6, 4:6] = left, right
        nib.save(nib.Nifti1Image(labels, AFFINE), tmp_path / "m.nii.gz")
        return str(tmp_path / "m.nii.gz")

    return write


@pytest.mark.parametrize(
    ("told", "centre"),
    [
        ({"mask_label": 1}, LEFT),
        ({"mask_label": 3}, RIGHT),
        ({"centre_mm": [-34.0, 8, 8]}, [-34, 8, 8]),  # inside the left one
        ({"centre_mm": [33.0, 9, 9]}, [33, 9, 9]),  # 2 mm beside the right one
        ({"mask_label": 3, "centre_mm": [28.0, 8, 8]}, [28, 8, 8]),
    ],
)
def test_one_of_several_labels(mask, told, centre):
    assert lesion_place({"mask": mask(1, 3), **told}, SCAN) == (centre, pytest.approx(BALL))


def test_a_mask_of_one_lesion_has_any_value(mask):
    assert lesion_place({"mask": mask(255, 0)}, SCAN) == (LEFT, pytest.approx(BALL))
    assert lesion_place({"mask": mask(0, 1), "diameter_mm": 7.0}, SCAN) == (RIGHT, 7)


@pytest.mark.parametrize(
    ("values", "told", "message"),
    [
        ((1, 3), {}, "m.nii.gz: holds several labels .*found 1, 3.; name the lesion's value in a column mask_label"),
        ((1, 3), {"diameter_mm": 5.0}, "holds several labels"),
        ((1, 3), {"centre_mm": [0.0, 9, 9]}, "holds several labels"),  # between them
        ((1, 3), {"mask_label": 2}, "holds no voxel of mask_label 2 .*found 1, 3"),
        ((1, 0), {"mask_label": 2}, "holds no voxel of mask_label 2 .*found 1"),
        ((1, 3), {"mask_label": 1, "centre_mm": RIGHT}, "lies elsewhere than its lesion's centre .*found 61 mm"),
        ((0, 1), {"centre_mm": [-29.0, -9, 9]}, "elsewhere .*whether coordinates are LPS or RAS"),
        ((0, 1), {"centre_mm": LEFT, "diameter_mm": 5.0}, "elsewhere"),
        ((1, 1), {}, r"pieces far apart, which are no one lesion .expected at most 10 mm, found a gap of 58 mm"),
        ((1, 1), {"centre_mm": LEFT}, "pieces far apart"),
        ((0, 0), {"mask_label": 1}, "lesion mask is empty"),
    ],
)
def test_masks_that_do_not_tell_the_lesion(mask, values, told, message):
    with pytest.raises(InputError, match=message):
        lesion_place({"mask": mask(*values), **told}, SCAN)


def test_coordinates():
    assert to_ras_mm([56, 86, -116], "LPS") == [-56, -86, -116]
    assert to_ras_mm([56, 86, -116], "RAS") == [56, 86, -116]
    assert str(to_ras_mm([0, 0, 0], "LPS")) == "[0.0, 0.0, 0.0]"  # not -0.0, which names another entry of the cache
    with pytest.raises(ConfigError, match=r"coordinates: is not known .expected RAS or LPS, found LAS"):
        to_ras_mm([1, 2, 3], "LAS")


def test_what_places_come_from_is_told():
    centre, mask, label = {"centre_mm": [1, 2, 3]}, {"mask": "m.nii"}, {"mask": "m.nii", "mask_label": 2}
    assert places_told([centre, centre | mask, mask], "LPS") == "2 by x, y, z (LPS mm), 1 by mask"
    assert places_told([label, {}], "RAS") == "1 by mask_label, 1 by the middle of the image"
