"""Label maps are placed by their affine, and refused when they do not fit."""

from pathlib import Path

import numpy as np
import pytest

from smart_nets.errors import GeometryError, InputError
from smart_nets.scans.labels import read_labels, with_target
from smart_nets.scans.read import read_volume


def test_a_flipped_label_map_lands_on_its_voxels(save, hu, affine):
    scan = read_volume(save(hu, affine))
    labels = np.zeros(hu.shape, np.uint8)
    labels[2, 3, 4] = 7
    flip = affine @ np.array([[-1, 0, 0, 13], [0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]])
    found = read_labels(save(labels[::-1], flip, "labels.nii.gz"), scan, [7])
    assert np.argwhere(found == 7).tolist() == [[2, 3, 4]]


@pytest.mark.parametrize("shift", [(0.5, 0, 0), (0, 0, 0.2)])
def test_another_grid_is_refused_with_both_affines(save, hu, affine, shift):
    scan = read_volume(save(hu, affine))
    moved = affine.copy()
    moved[:3, 3] += shift
    with pytest.raises(GeometryError, match=r"expected .*affine \[2 0 0 -10;.*found .*affine \["):
        read_labels(save((hu > 0).astype(np.uint8), moved, "labels.nii"), scan)


def test_rounding_of_headers_is_no_other_grid(save, hu, affine):
    scan = read_volume(save(hu, affine))
    assert read_labels(save((hu > 0).astype(np.uint8), affine + 1e-4 * np.eye(4), "labels.nii"), scan).sum() > 0


def test_unknown_values_are_listed(save, hu, affine):
    labels = np.zeros(hu.shape, np.uint8)
    labels[0, 0] = [0, 1, 2, 9, 9, 9, 40, 0, 0, 0]
    path = save(labels, affine, "labels.nii")
    scan = read_volume(save(hu, affine))
    assert read_labels(path, scan).max() == 40
    with pytest.raises(InputError, match=r"unknown values .expected some of \[0, 1, 2\], found \[9, 40\]"):
        read_labels(path, scan, [1, 2])


def test_probabilities_are_no_labels(save, hu, affine):
    with pytest.raises(InputError, match="holds fractions"):
        read_labels(save((hu / 7).astype(np.float32), affine, "labels.nii"), read_volume(save(hu, affine)))


def test_empty_masks_are_counted_apart():
    tumour, empty = np.ones((2, 2, 2), bool), np.zeros((2, 2, 2), bool)
    assert with_target([tumour, empty, tumour]) == ([0, 2], 1)


def test_real_masks_fit_their_scans(real_ct: Path):
    for scan, mask in {
        "sts/STS_008.nii.gz": "sts/STS_008__GTV_Mass_CT.nii.gz",
        "chest_2mm/4dlung113.nii.gz": "chest_2mm/4dlung113__Tumor_c40.nii.gz",
        "totalseg/example_ct_dicom": "totalseg/example_seg_dicom.nii.gz",  # flipped in its header
        "tptbox/sub-ct_label-22_ct.nii.gz": "tptbox/sub-ct_seg-vert_label-22_msk.nii.gz",
    }.items():
        volume = read_volume(real_ct / scan)
        inside = volume.array[read_labels(real_ct / mask, volume) > 0]
        assert np.median(inside) > -60  # tumour, organs, bone: not air, not lung


def test_a_mask_of_another_patient_is_refused(real_ct: Path):
    with pytest.raises(GeometryError, match="another grid"):
        read_labels(real_ct / "sts/STS_008__GTV_Mass_CT.nii.gz", read_volume(real_ct / "sts/STS_019.nii.gz"))
