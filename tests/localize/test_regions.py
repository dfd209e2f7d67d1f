"""Body and lungs: of a box patient worked out by hand, of a phantom whose organs are known, and of a real patient."""

from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from scipy.ndimage import binary_dilation

from smart_nets.errors import ConfigError, InputError
from smart_nets.localize.regions import find_region, region_mask
from smart_nets.phantom import ORGANS, Phantom, make_phantom, organ_centres
from smart_nets.scans.labels import read_labels
from smart_nets.scans.read import read_checked
from smart_nets.scans.volume import Volume

AIR, LUNG, TISSUE, GAS = -1000, -850, 40, -995
RIGHT, LEFT = np.s_[15:40, 15:45, 5:40], np.s_[60:85, 15:45, 5:40]  # 60 mm apart; both are cut by the last slice


def scan(array: np.ndarray, spacing: tuple[float, ...] = (3, 3, 3)) -> Volume:
    return Volume(array, np.diag([*spacing, 1.0]), "scan")


@pytest.fixture
def boxes() -> np.ndarray:
    """A patient of boxes in voxels of 3 mm: 240 x 120 x 120 mm of tissue, and two lungs of 709 ml."""
    image = np.full((100, 60, 40), AIR, np.int16)
    image[10:90, 10:50] = TISSUE
    image[RIGHT] = image[LEFT] = LUNG
    return image


def lungs_of_boxes() -> np.ndarray:
    lungs = np.zeros((100, 60, 40), bool)
    lungs[RIGHT] = lungs[LEFT] = True
    return lungs


def test_the_image_is_all_there_is():
    whole = region_mask(scan(np.zeros((4, 5, 6))), "image")
    assert whole.dtype == bool and whole.shape == (4, 5, 6) and whole.all()


def test_body_and_lungs_of_boxes(boxes):
    body = np.zeros(boxes.shape, bool)
    body[10:90, 10:50] = True  # the lungs count as inside, though they are open at the last slice
    np.testing.assert_array_equal(region_mask(scan(boxes), "body"), body)
    np.testing.assert_array_equal(region_mask(scan(boxes), "lungs"), lungs_of_boxes())


def test_what_lies_in_the_lungs_belongs_to_them(boxes):
    boxes[22:32, 25:35, 15:25] = TISSUE  # a tumour of 30 mm
    boxes[16:38, 29:31, 5:40] = TISSUE  # a vessel through the whole lung
    np.testing.assert_array_equal(region_mask(scan(boxes), "lungs"), lungs_of_boxes())


def test_a_tumour_at_the_wall_is_bridged(boxes):
    """24 mm wide and deep: a ball of 20 mm enters its mouth by 20 - sqrt(20^2 - 12^2) = 4 mm, less than two voxels."""
    tumour = np.zeros_like(boxes, bool)
    tumour[15:23, 25:33, 18:26] = True
    boxes[tumour] = TISSUE
    lungs = region_mask(scan(boxes), "lungs")
    np.testing.assert_array_equal(lungs[~tumour], lungs_of_boxes()[~tumour])
    assert lungs[17:23, 25:33, 18:26].all()


def test_a_thin_chest_wall_holds(boxes):
    boxes[10:12] = boxes[:, 10:12] = boxes[:, 48:50] = AIR  # 9 mm are left between lung and air
    np.testing.assert_array_equal(region_mask(scan(boxes), "lungs"), lungs_of_boxes())


def test_the_mediastinum_is_not_bridged(boxes):
    assert not region_mask(scan(boxes), "lungs")[40:60].any()


@pytest.mark.parametrize(
    ("hollow", "hu"),
    [
        (np.s_[46:54, 20:30, 10:30], GAS),  # 43 ml
        (np.s_[44:56, 15:45, 10:30], GAS),  # 194 ml of gas in the bowel
        (np.s_[46:54, 20:30, 10:30], LUNG),  # 43 ml are less than any lung
        (np.s_[46:54, 20:35, 10:28], LUNG),  # 58 ml are no tenth of the larger lung
    ],
)
def test_other_hollows_are_no_lungs(boxes, hollow, hu):
    boxes[hollow] = hu
    np.testing.assert_array_equal(region_mask(scan(boxes), "lungs"), lungs_of_boxes())
    assert region_mask(scan(boxes), "body")[hollow].all()


@pytest.mark.parametrize("rows", [slice(53, 55), slice(50, 52)])
def test_a_couch_is_no_body(boxes, rows):
    """6 mm thick, apart from the patient or touching; beside the patient nothing of it is left."""
    boxes[:, rows] = TISSUE
    boxes[2:5] = TISSUE  # and a board of 9 mm on the arm's side
    body = region_mask(scan(boxes), "body")
    assert body[10:90, 10:50].all()
    assert not body[:5].any() and not body[95:].any() and not body[:, 53:].any()


def test_masks_lie_on_the_grid_of_the_scan(boxes):
    """The same patient in voxels of 6 x 3 x 1.5 mm, its axes in another order and direction: off by one voxel at most."""
    fine = np.repeat(boxes[::2], 2, axis=2)
    affine = np.diag([6.0, 3, 1.5, 1])
    turn = np.array([[2, -1], [0, 1], [1, -1]])
    array = nib.orientations.apply_orientation(fine, turn)
    lungs = region_mask(Volume(array, affine @ nib.orientations.inv_ornt_aff(turn, fine.shape), "turned"), "lungs")
    assert lungs.shape == array.shape == (60, 80, 50)
    upright = region_mask(Volume(fine, affine, "upright"), "lungs")
    np.testing.assert_array_equal(lungs, nib.orientations.apply_orientation(upright, turn))
    expected = np.repeat(lungs_of_boxes()[::2], 2, axis=2)
    assert upright[expected].all() and binary_dilation(expected)[upright].all()
    assert (upright & ~expected).sum() < 0.02 * expected.sum()


def test_a_field_of_view_within_the_body():
    """A cube of 90 mm cut out of a patient: all of it is body, also where there is no air around it."""
    cube = np.full((30, 30, 30), TISSUE, np.int16)
    assert region_mask(scan(cube), "body").all()
    cube[2:25, 2:25] = LUNG  # through all slices; of the wall 6 mm are in view, which does not make it thin
    lungs = np.zeros(cube.shape, bool)
    lungs[2:25, 2:25] = True
    np.testing.assert_array_equal(region_mask(scan(cube), "lungs"), lungs)


@pytest.fixture(scope="module")
def chest() -> Phantom:
    return make_phantom(0, spacing=(6.0, 6.0, 6.0), region="chest", task="response")


def share(mask: np.ndarray, part: np.ndarray) -> float:
    """Of a part, that lies in the mask."""
    return float(mask[part].mean())


def test_the_lungs_of_a_phantom(chest):
    lungs = region_mask(Volume(chest.image, chest.affine, "chest"), "lungs")
    assert share(lungs, chest.labels == ORGANS["nodule"]) == 1
    assert share(lungs, np.isin(chest.labels, [ORGANS["lung_right"], ORGANS["lung_left"]])) > 0.95
    for organ in ("heart", "liver", "spine"):
        assert share(lungs, chest.labels == ORGANS[organ]) < 0.05, organ
    assert not lungs[organ_centres(chest)["heart"]]
    assert not lungs[chest.labels == 0].any()


def test_the_body_of_a_phantom_on_a_couch(chest):
    image, couch = chest.image.copy(), np.zeros(chest.image.shape, bool)
    behind = int(np.flatnonzero((chest.labels > 0).any(axis=(0, 2)))[0]) - 1  # the row of voxels on which the back lies
    couch[:, behind] = True
    image[couch] = 100
    body = region_mask(Volume(image, chest.affine, "chest"), "body")
    assert share(body, chest.labels > 0) > 0.97
    assert share(body, (chest.labels == 0) & ~couch) < 0.01
    assert share(body, couch) < 0.5


def test_the_lungs_of_a_real_patient(real_ct: Path):
    ct = read_checked(real_ct / "chest_2mm" / "pyrad_lung1.nii.gz")
    lungs, body = region_mask(ct, "lungs"), region_mask(ct, "body")
    tumour = read_labels(real_ct / "chest_2mm" / "pyrad_lung1__tumor.nii.gz", ct.to_ras()) > 0
    upright = Volume(lungs, ct.affine, "lungs").to_ras().array
    assert tumour.any() and upright[tumour].all()
    assert 2500 < lungs.sum() * np.prod(ct.spacing) / 1000 < 3500  # ml
    assert (ct.array[lungs] < -400).mean() > 0.9 and body[lungs].all()
    assert (ct.array[~body] < -400).mean() > 0.98


def test_both_lungs_of_a_real_patient_with_a_thin_chest_wall(real_ct: Path):
    """In places it is 10 mm thick."""
    ct = read_checked(real_ct / "slicerio" / "CTChest4.nrrd")
    lungs = Volume(region_mask(ct, "lungs"), ct.affine, "lungs").to_ras().array
    assert 6500 < lungs.sum() * np.prod(ct.spacing) / 1000 < 7200  # ml
    level = lungs.shape[2] * 4 // 11  # where the heart lies on the diaphragm
    assert all(0.2 < half.mean() < 0.6 for half in np.array_split(lungs[:, :, level], 2))


@pytest.mark.parametrize(
    ("image", "region", "error", "says"),
    [
        (TISSUE, "heart", ConfigError, r"region: is not known .expected image or body or lungs, found heart"),
        (TISSUE, "", ConfigError, "region: is not known"),
        (TISSUE, None, ConfigError, "region: is not known .*found None"),
        (AIR, "body", InputError, r"scan: shows no body .*found none that is 10 mm thick.; check that this is a CT"),
        (AIR, "lungs", InputError, "shows no body"),
        (TISSUE, "lungs", InputError, r"scan: shows no lungs .*tissue of 50 ml, found 0 ml.; take region body"),
    ],
)
def test_what_has_no_such_region(image, region, error, says):
    with pytest.raises(error, match=says):
        region_mask(scan(np.full((30, 30, 30), image, np.int16)), region)


def test_a_thin_thing_in_air_is_no_body(boxes):
    boxes[...] = AIR
    boxes[:, 20:22] = TISSUE  # a couch alone, 6 mm thick
    with pytest.raises(InputError, match="shows no body"):
        region_mask(scan(boxes), "body")


def test_lungs_that_the_field_of_view_cuts(boxes):
    """Both lungs are open to the sides, so that no slice closes around them; foam of a couch is as dense, but smooth."""
    rng = np.random.default_rng(0)
    boxes[lungs_of_boxes()] = rng.normal(LUNG, 40, np.count_nonzero(lungs_of_boxes()))
    boxes[10:90, 52:60] = rng.normal(LUNG, 5, (80, 8, 40))
    cut = np.s_[20:80]
    found = find_region(scan(boxes[cut]), "lungs")
    lungs = lungs_of_boxes()[cut]
    assert found.mask[lungs].mean() > 0.99 and lungs[found.mask].mean() > 0.99
    assert found.ml == pytest.approx(2 * 20 * 30 * 35 * 0.027, rel=0.01)  # voxels of 3 mm have 0.027 ml
    assert "the field of view cuts the lungs, 1," in found.how
    body = region_mask(scan(boxes[cut]), "body")
    assert body[:, 10:50].mean() > 0.99 and not body[:, :10].any() and not body[:, 50:].any()


@pytest.mark.parametrize(("region", "how"), [("image", "all of"), ("body", "largest"), ("lungs", "air-filled")])
def test_a_region_says_its_volume_and_how_it_was_found(boxes, region, how):
    found = find_region(scan(boxes), region)
    assert how in found.how and "cuts" not in found.how
    assert found.ml == pytest.approx(found.mask.sum() * 0.027)


@pytest.mark.parametrize("mm", [240, 160, 100])
def test_the_lungs_of_a_real_patient_in_a_narrow_field_of_view(real_ct: Path, mm: int):
    """The field of view is cut around the tumour: lungs and tumour are found as in the whole scan."""
    ct = read_checked(real_ct / "chest_2mm" / "pyrad_lung1.nii.gz").to_ras()
    tumour = read_labels(real_ct / "chest_2mm" / "pyrad_lung1__tumor.nii.gz", ct) > 0
    middle, half = np.argwhere(tumour).mean(axis=0), mm / 2 / ct.spacing
    box = tuple(slice(max(0, int(c - h)), int(c + h)) for c, h in zip(middle, half, strict=True))
    lungs = region_mask(Volume(ct.array[box], ct.affine, "cut"), "lungs")
    whole = region_mask(ct, "lungs")[box]
    assert lungs[tumour[box]].all()
    assert 2 * (lungs & whole).sum() > 0.88 * (lungs.sum() + whole.sum())


def test_a_narrow_circle_of_reconstruction(real_ct: Path):
    """160 mm around the tumour; beyond it is padding, which is no air of lungs or room."""
    ct = read_checked(real_ct / "chest_2mm" / "pyrad_lung1.nii.gz").to_ras()
    tumour = read_labels(real_ct / "chest_2mm" / "pyrad_lung1__tumor.nii.gz", ct) > 0
    middle = np.argwhere(tumour).mean(axis=0)
    x, y = (ct.spacing[axis] * (np.arange(ct.array.shape[axis]) - middle[axis]) for axis in (0, 1))
    seen = np.broadcast_to((x[:, None] ** 2 + y**2 <= 80**2)[..., None], ct.array.shape)
    lungs = region_mask(Volume(np.where(seen, ct.array, -1024), ct.affine, "circle"), "lungs")
    whole = region_mask(ct, "lungs") & seen
    assert lungs[tumour].all() and 2 * (lungs & whole).sum() > 0.95 * (lungs.sum() + whole.sum())
