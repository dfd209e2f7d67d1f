"""Cubes around lesions: where they are cut, what surrounds the scan, what is refused before training."""

import math

import nibabel as nib
import numpy as np
import pytest

from smart_nets.classify.lesions.crops import LesionCrops, crop_lesion, lesion_place
from smart_nets.errors import ConfigError, GeometryError, InputError
from smart_nets.scans.volume import Volume

# voxels of 2 mm, first voxel at (10, 20, 30) mm; the value of a voxel is 100 i + 10 j + k
AFFINE = np.array([[2, 0, 0, 10], [0, 2, 0, 20], [0, 0, 2, 30], [0, 0, 0, 1.0]])
VALUES = np.tensordot([100, 10, 1], np.indices((8, 8, 8)), axes=1).astype(np.int16)
SCAN = Volume(VALUES, AFFINE, "scan")


@pytest.fixture
def write(tmp_path):
    def write(name, array, affine=AFFINE):
        nib.save(nib.Nifti1Image(array, affine), tmp_path / name)
        return str(tmp_path / name)

    return write


def test_the_centre_lies_in_the_middle_and_values_are_linear_between_voxels():
    # centre at voxel (3, 4, 5) = (16, 28, 40) mm; 3 voxels of 1 mm reach half a voxel of the scan to either side
    cube = crop_lesion(SCAN, (16, 28, 40), (3, 3, 3), (1, 1, 1))
    assert cube.array[1, 1, 1] == 345
    assert cube.array[:, 1, 1].tolist() == [295, 345, 395]
    assert cube.array[1, :, 1].tolist() == [340, 345, 350]
    assert cube.array[1, 1, :].tolist() == [344.5, 345, 345.5]
    assert (cube.affine @ [1, 1, 1, 1])[:3].tolist() == [16, 28, 40]


def test_beyond_the_scan_there_is_air():
    cube = crop_lesion(SCAN, (10, 20, 30), (5, 5, 5), (2, 2, 2))  # around the first voxel
    assert cube.array[2, 2, 2] == 0 and cube.array[4, 4, 4] == 222
    assert (cube.array[:2] == -1024).all() and (cube.array[:, :, :2] == -1024).all()


@pytest.mark.parametrize("flips", [(1, 1, 1), (-1, 1, 1), (-1, -1, 1), (1, -1, -1)])
def test_the_order_of_the_stored_axes_changes_nothing(flips):
    array, affine = VALUES, AFFINE.copy()
    for axis, flip in enumerate(flips):
        if flip < 0:
            array = np.flip(array, axis)
            affine[:3, 3] += affine[:3, axis] * 7
            affine[:3, axis] *= -1
    turned = Volume(array.transpose(2, 0, 1), affine[:, [2, 0, 1, 3]], "turned")
    expected = crop_lesion(SCAN, (17, 27, 41), (6, 7, 8), (1.3, 0.9, 2)).array
    np.testing.assert_allclose(crop_lesion(turned, (17, 27, 41), (6, 7, 8), (1.3, 0.9, 2)).array, expected, atol=1e-4)


def test_physical_size_is_the_same_for_all_and_scans_of_other_spacing_agree():
    # a ramp of 10 HU per mm along x, once at 2 mm and once at 0.5 mm: the same cube
    cubes = []
    for step in (2.0, 0.5):
        x = np.arange(0, 40, step, dtype=np.float32)
        ramp = np.broadcast_to(10 * x[:, None, None], (len(x), 40, 40)).copy()
        cubes.append(
            crop_lesion(Volume(ramp, np.diag([step, 1, 1, 1]), "ramp"), (20, 20, 20), (9, 9, 9), (1, 1, 1)).array
        )
    np.testing.assert_allclose(cubes[0], cubes[1], atol=1e-3)
    np.testing.assert_allclose(cubes[0][:, 0, 0], 10 * np.arange(16, 25), atol=1e-3)


@pytest.mark.parametrize("centre", [(8.9, 28, 40), (16, 35.1, 40), (-16, -28, 40)])
def test_a_lesion_outside_its_scan_is_refused_with_the_range(centre):
    with pytest.raises(InputError, match=r"scan: lesion lies outside its scan.*\[10. 20. 30.\].*\[24. 34. 44.\].*LPS"):
        crop_lesion(SCAN, centre, (3, 3, 3), (1, 1, 1))


def test_the_place_comes_from_the_centre_then_the_mask_then_the_middle(write):
    mask = np.zeros((8, 8, 8), np.uint8)
    mask[2:4, 4:6, 5:7] = 1  # 8 voxels of 8 mm^3; centroid at voxel (2.5, 4.5, 5.5)
    path = write("mask.nii.gz", mask)
    assert lesion_place({"centre_mm": [11, 22, 33], "diameter_mm": 7}, SCAN) == ([11, 22, 33], 7)
    centre, diameter = lesion_place({"mask": path}, SCAN)
    assert centre == [15, 29, 41] and diameter == pytest.approx((6 * 64 / math.pi) ** (1 / 3))
    middle, unknown = lesion_place({}, SCAN)
    assert middle == [17, 27, 37] and math.isnan(unknown)


def test_prepared_lesions_know_row_and_size_and_a_second_run_reads_the_cache(write, tmp_path):
    image = write("scan.nii.gz", VALUES - 1000)
    items = [{"image": image, "patient_id": "a", "label": n % 2, "centre_mm": [14 + 2 * n, 28, 40]} for n in range(3)]
    items[1]["diameter_mm"] = 5.5
    crops = LesionCrops(tmp_path / "cache", (3, 3, 3), (2, 2, 2))
    prepared = crops.prepare(items)
    assert [item["row"] for item in prepared] == [0, 1, 2]
    assert prepared[1]["size_mm"] == 5.5 and math.isnan(prepared[0]["size_mm"])
    assert [crops.get(item).array[1, 1, 1] for item in prepared] == [-755, -655, -555]
    assert crops.get(prepared[0]).array.dtype == np.int16
    again = LesionCrops(tmp_path / "cache", (3, 3, 3), (2, 2, 2))
    again.prepare(items)
    assert again.store.counts == {"reused": 3}


def test_an_empty_mask_and_one_on_another_grid_are_refused_before_training(write, tmp_path):
    image, crops = write("scan.nii.gz", VALUES - 1000), LesionCrops(tmp_path / "cache", (3, 3, 3), (2, 2, 2))
    lesion = {"image": image, "patient_id": "a", "label": 0}
    empty = write("empty.nii.gz", np.zeros((8, 8, 8), np.uint8))
    with pytest.raises(InputError, match=r"empty.nii.gz: lesion mask is empty"):
        crops.prepare([{**lesion, "mask": empty}])
    moved = write("moved.nii.gz", np.ones((8, 8, 8), np.uint8), np.diag([2, 2, 2, 1.0]))
    with pytest.raises(GeometryError, match=r"moved.nii.gz: label lies on another grid"):
        crops.prepare([{**lesion, "mask": moved}])


@pytest.mark.parametrize(("size", "spacing"), [((0, 3, 3), (1, 1, 1)), ((3, 3), (1, 1, 1)), ((3, 3, 3), (1, 0, 1))])
def test_impossible_settings_are_refused(tmp_path, size, spacing):
    with pytest.raises(ConfigError, match="lesion crops: needs three sizes and three spacings above 0"):
        LesionCrops(tmp_path, size, spacing)


def test_the_region_of_a_structure_set_tells_the_place(hu, affine, drawing, tmp_path):
    """A square of voxels 3..6 by 4..8 on slice 4: its middle is (4.5, 6, 4)."""
    from smart_nets.phantom import Phantom, write_dicom
    from smart_nets.scans.read import read_volume

    series = write_dicom(Phantom(hu, np.zeros(hu.shape, np.uint8), affine, (), "p1", 0), tmp_path)
    scan = read_volume(series)
    contours = {
        "heart": [drawing.contour_of(scan, drawing.HOLE, 7)],
        "GTV": [drawing.contour_of(scan, drawing.SQUARE, 4)],
    }
    path = drawing.structures(series, scan, contours)
    centre, _ = lesion_place({"mask": str(path), "mask_region": "GTV"}, scan)
    np.testing.assert_allclose(centre, (scan.affine @ [4.5, 6, 4, 1])[:3], atol=1e-6)
    with pytest.raises(InputError, match=r"holds several regions .*found heart, GTV"):
        lesion_place({"mask": str(path)}, scan)
