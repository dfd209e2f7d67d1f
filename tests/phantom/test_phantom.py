"""The anatomy of phantoms: what is where, how dense it is, and that a seed is a patient."""

import numpy as np
import pytest
from scipy import ndimage

from smart_nets.errors import ConfigError
from smart_nets.phantom import ORGANS, Phantom, make_phantom, organ_centres

COARSE = (6.0, 6.0, 6.0)
CUT_BY_THE_VIEW = {"body", "trachea", "spine", "femur_right", "femur_left"}  # they go on above or below the image


@pytest.fixture(scope="module")
def trunk() -> Phantom:
    return make_phantom(4, spacing=(3.0, 3.0, 3.0))


def centroid_mm(phantom: Phantom, organ: str) -> np.ndarray:
    """World position (RAS, mm) of the middle of an organ."""
    voxel = np.argwhere(phantom.labels == ORGANS[organ]).mean(axis=0)
    return (phantom.affine @ [*voxel, 1.0])[:3]


def test_a_seed_is_a_patient():
    first, again, other = (make_phantom(seed, spacing=COARSE, region="chest") for seed in (7, 7, 8))
    assert first.patient_id == "phantom-0007"
    np.testing.assert_array_equal(first.image, again.image)
    np.testing.assert_array_equal(first.labels, again.labels)
    np.testing.assert_array_equal(first.affine, again.affine)
    assert first.lesions == again.lesions
    assert (first.image != other.image).mean() > 0.5


def test_shape_and_types(trunk):
    assert trunk.image.shape == trunk.labels.shape == (120, 94, 200)  # 360 x 284 x 600 mm in steps of 3 mm
    assert trunk.image.dtype == np.int16 and trunk.labels.dtype == np.uint8
    assert trunk.spacing == (3.0, 3.0, 3.0)
    np.testing.assert_array_equal(trunk.affine[:3, :3], 3 * np.eye(3))
    assert trunk.image.min() == -1024 and trunk.image[0, -1, 50] == -1024  # outside of the scanner's circle


@pytest.mark.parametrize(
    "more, less, axis",
    [
        ("liver", "spleen", 0),  # x grows to the patient's right
        ("liver", "stomach", 0),
        ("kidney_right", "kidney_left", 0),
        ("lung_right", "lung_left", 0),
        ("femur_right", "femur_left", 0),
        ("spine", "heart", 0),  # the heart lies left of the midline
        ("sternum", "spine", 1),  # y grows to the front
        ("bladder", "spine", 1),
        ("trachea", "heart", 2),  # z grows to the head
        ("heart", "liver", 2),
        ("kidney_left", "kidney_right", 2),  # the right kidney lies lower
        ("kidney_right", "bladder", 2),
    ],
)
def test_every_organ_is_on_its_side(trunk, more, less, axis):
    assert centroid_mm(trunk, more)[axis] > centroid_mm(trunk, less)[axis] + 3


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_all_organs_are_there_and_inside_the_body(seed):
    phantom = make_phantom(seed, spacing=(4.0, 4.0, 4.0))
    under_skin = ndimage.binary_erosion(phantom.labels > 0)
    for organ, number in ORGANS.items():
        here = phantom.labels == number
        assert here.any(), organ
        assert organ in CUT_BY_THE_VIEW or under_skin[here].mean() > 0.98, organ


@pytest.mark.parametrize(
    "organ, low, high",
    [
        ("lung_right", -920, -780),
        ("lung_left", -920, -780),
        ("trachea", -1010, -940),
        ("liver", 40, 130),
        ("spleen", 40, 140),
        ("heart", 35, 150),
        ("aorta", 35, 190),
        ("kidney_left", 25, 190),
        ("pancreas", 25, 110),
        ("bladder", -10, 30),
        ("gallbladder", -10, 30),
        ("spine", 110, 400),
        ("femur_right", 150, 700),
        ("ribs", 120, 600),
        ("sternum", 100, 400),
        ("pelvis", 100, 600),
    ],
)
def test_tissues_have_the_density_of_tissues(trunk, organ, low, high):
    inner = ndimage.binary_erosion(trunk.labels == ORGANS[organ])
    assert low < np.median(trunk.image[inner]) < high


def test_air_around_the_body_is_air(trunk):
    outside = ndimage.binary_erosion(trunk.labels == 0, iterations=3)
    around = trunk.image[outside & (trunk.image > -1024)]
    assert -1010 < np.median(around) < -985


@pytest.mark.parametrize(
    "organ, low, high",
    [
        ("liver", 900, 2200),
        ("spleen", 60, 350),
        ("kidney_right", 80, 260),
        ("lung_right", 900, 3000),
        ("heart", 300, 900),
    ],
)
def test_organs_have_the_volume_of_organs(trunk, organ, low, high):
    millilitres = (trunk.labels == ORGANS[organ]).sum() * 27 / 1000
    assert low < millilitres < high


def test_patients_differ_in_size_noise_and_contrast():
    patients = [make_phantom(seed, spacing=COARSE, region="chest", nodules=0) for seed in range(6)]
    girth = [(p.labels > 0).sum() for p in patients]
    blood = [np.median(p.image[ndimage.binary_erosion(p.labels == ORGANS["heart"])]) for p in patients]
    noise = [p.image[ndimage.binary_erosion(p.labels == ORGANS["liver"])].std() for p in patients]
    assert max(girth) > 1.15 * min(girth)
    assert max(blood) > min(blood) + 40  # with and without contrast medium
    assert max(noise) > 1.3 * min(noise)


def test_the_anatomy_depends_neither_on_the_voxels_nor_on_the_view(trunk):
    coarse = make_phantom(4, spacing=(5.0, 5.0, 5.0))
    for organ in ("liver", "lung_left", "heart", "bladder"):
        volumes = [(p.labels == ORGANS[organ]).sum() * p.spacing[0] ** 3 for p in (trunk, coarse)]
        assert volumes[0] == pytest.approx(volumes[1], rel=0.05)
    chest = make_phantom(4, spacing=(5.0, 5.0, 5.0), region="chest")
    assert chest.lesions == coarse.lesions
    same = coarse.labels[:, :, 68:] == chest.labels  # the chest begins at 340 mm = 68 voxels
    assert same.mean() > 0.999


def test_a_smaller_view_is_around_the_middle():
    small = make_phantom(1, spacing=(4.0, 4.0, 4.0), region="abdomen", size_mm=(120.0, 100.0, 80.0))
    whole = make_phantom(1, spacing=(4.0, 4.0, 4.0), region="abdomen")
    assert small.image.shape == (30, 25, 20)
    middles = [p.affine @ [*(np.array(p.image.shape) - 1) / 2, 1] for p in (small, whole)]
    np.testing.assert_allclose(middles[0], middles[1], atol=4)


def test_organ_centres_lie_in_their_organs(trunk):
    centres = organ_centres(trunk)
    assert len(centres) == 11
    for organ, voxel in centres.items():
        assert trunk.labels[voxel] == ORGANS[organ]
    assert "bladder" not in organ_centres(make_phantom(4, spacing=COARSE, region="chest"))


@pytest.mark.parametrize(
    "settings, field",
    [
        ({"seed": -1}, "seed"),
        ({"seed": 1.5}, "seed"),
        ({"spacing": (0.0, 2.0, 2.0)}, "spacing"),
        ({"spacing": (2.0, 2.0, 1e4)}, "spacing"),
        ({"spacing": (float("nan"), 2.0, 2.0)}, "spacing"),
        ({"spacing": (2.0, 2.0)}, "spacing"),
        ({"nodules": -1}, "nodules"),
        ({"nodules": 99}, "nodules"),
        ({"region": "head"}, "region"),
        ({"size_mm": (10.0, 100.0, 100.0)}, "size_mm"),
    ],
)
def test_bad_settings_are_named(settings, field):
    with pytest.raises(ConfigError, match=field):
        make_phantom(**{"seed": 0, **settings})
