"""From map to mask, by hand: percentile of the region, pieces by their peaks and volumes."""

import numpy as np
import pytest
import torch
from monai.data import MetaTensor

from smart_nets.errors import ConfigError, InputError
from smart_nets.localize.marking import MarkAttentiond, Marking
from smart_nets.localize.regions import region_mask
from smart_nets.scans.volume import Volume

SPACING = (2.0, 5.0, 10.0)  # a voxel is a tenth of a ml


def scan(shape: tuple[int, ...], hu: np.ndarray | int = 0) -> Volume:
    return Volume(np.zeros(shape, np.int16) + np.int16(hu), np.diag([*SPACING, 1.0]), "scan")


def line(*values: float) -> np.ndarray:
    return np.array(values, np.float32).reshape(-1, 1, 1)


def places(mask: np.ndarray) -> list[int]:
    return np.flatnonzero(mask).tolist()


def test_a_percentile_by_hand():
    """Of 0 ... 10 the 75th percentile is 7.5; of those and -5 it is number 0.75 * 11 = 8.25 in order, thus 7.25."""
    for score, threshold, marked in (
        (line(*range(11)), 7.5, [8, 9, 10]),
        (line(*range(11), -5), 7.25, [8, 9, 10]),
        (line(*range(10, -1, -1)), 7.5, [0, 1, 2]),
    ):
        found = Marking(75, "image").mark(score, scan(score.shape))
        assert found.threshold == threshold and places(found.mask) == marked
        assert found.mask.dtype == found.region.dtype == bool and found.region.all()


def test_what_is_equal_to_the_threshold_is_not_marked():
    assert places(Marking(50, "image").mark(line(1, 2, 2, 2, 3), scan((5, 1, 1))).mask) == [4]
    flat = Marking(90, "image").mark(np.ones((4, 4, 4)), scan((4, 4, 4)))
    assert flat.threshold == 1 and not flat.mask.any()


@pytest.mark.parametrize("percentile", [0.1, 50, 90, 99, 99.9])
def test_the_share_of_the_region_that_is_marked(percentile):
    """1 - p / 100 of it where no two voxels are alike: the paper's 90 marks a tenth."""
    score = np.random.default_rng(0).permutation(1000).reshape(10, 10, 10).astype(np.float32)
    found = Marking(percentile, "image").mark(score, scan(score.shape))
    assert found.mask.sum() == round(1000 * (1 - percentile / 100))
    assert score[found.mask].min() > score[~found.mask].max()


def test_the_threshold_is_that_of_the_region():
    """A body of 200 mm in air: scores outside it neither count nor are marked."""
    hu = np.full((80, 30, 14), -1000)
    hu[20:60, 5:25, 2:12] = 40
    score = np.random.default_rng(0).random(hu.shape).astype(np.float32)
    score[hu < 0] += 10
    found = Marking(90, "body").mark(score, scan(hu.shape, hu))
    np.testing.assert_array_equal(found.region, region_mask(scan(hu.shape, hu), "body"))
    assert 0.8 < found.region.sum() / (hu > 0).sum() < 1.2
    assert found.mask.sum() == pytest.approx(0.1 * found.region.sum(), abs=1) and not found.mask[~found.region].any()
    assert found.threshold == np.percentile(score[found.region], 90)


PIECES = line(0, 5, 5, 5, 5, 0, 8, 0, 6, 6, 0, 7, 7, 7, 0)  # the median is 5: above it are 8, 6 6 and 7 7 7


@pytest.mark.parametrize(
    ("settings", "marked"),
    [
        ({}, [6, 8, 9, 11, 12, 13]),
        ({"components": 1}, [6]),
        ({"components": 2}, [6, 11, 12, 13]),  # by peak, not by size
        ({"components": 3}, [6, 8, 9, 11, 12, 13]),
        ({"components": 9}, [6, 8, 9, 11, 12, 13]),
        ({"smallest_ml": 0.2}, [8, 9, 11, 12, 13]),  # pieces of 1, 2 and 3 voxels of 2 x 5 x 10 mm: 0.1, 0.2 and 0.3 ml
        ({"smallest_ml": 0.21}, [11, 12, 13]),
        ({"smallest_ml": 0.2, "components": 1}, [11, 12, 13]),  # the highest of those that are large enough
        ({"smallest_ml": 1.0}, []),
    ],
)
def test_pieces_by_peak_and_volume(settings, marked):
    found = Marking(50, "image", **settings).mark(PIECES, scan(PIECES.shape))
    assert found.threshold == 5 and places(found.mask) == marked


def test_pieces_touch_with_their_faces():
    score = np.zeros((2, 2, 5))
    score[0, 0, 0], score[1, 1, 0] = 2, 1  # corner to corner
    assert places(Marking(80, "image", components=1).mark(score, scan(score.shape)).mask) == [0]
    score[0, 1, 0] = 1.5
    assert Marking(80, "image", components=1).mark(score, scan(score.shape)).mask.sum() == 3


@pytest.mark.parametrize(
    ("setting", "says"),
    [
        ({"percentile": 0}, "percentile: must lie between 0 and 100 .expected such as 90, without the ends, found 0"),
        ({"percentile": 100}, "percentile: must lie between"),
        ({"percentile": -5}, "percentile: must lie between"),
        ({"percentile": float("nan")}, "percentile: must lie between"),
        ({"percentile": "90"}, "percentile: must lie between"),
        ({"percentile": True}, "percentile: must lie between"),
        ({"percentile": None}, "percentile: must lie between"),
        ({"region": "heart"}, "region: is not known .expected image or body or lungs, found heart"),
        ({"region": None}, "region: is not known"),
        ({"components": -1}, "components: is no count .expected 1 or more, or 0 for all, found -1"),
        ({"components": 1.5}, "components: is no count"),
        ({"components": None}, "components: is no count"),
        ({"smallest_ml": -1}, "smallest_ml: is no volume .expected ml from 0, found -1"),
        ({"smallest_ml": float("inf")}, "smallest_ml: is no volume"),
        ({"smallest_ml": "1"}, "smallest_ml: is no volume"),
    ],
    ids=str,
)
def test_settings_without_sense_are_refused_at_once(setting, says):
    with pytest.raises(ConfigError, match=says):
        Marking(**setting)


@pytest.mark.parametrize(
    ("score", "region", "says"),
    [
        (np.zeros((4, 4, 3)), "image", r"scan: map and scan differ in shape .expected .4, 4, 4., found .4, 4, 3."),
        (np.full((4, 4, 4), np.nan), "image", "scan: map holds NaN or Inf; check the weights of the model"),
        (np.full((4, 4, 4), np.inf), "image", "map holds NaN or Inf"),
        (np.zeros((4, 4, 4)), "lungs", "scan: shows no lungs"),
    ],
)
def test_maps_that_cannot_be_marked(score, region, says):
    with pytest.raises(InputError, match=says):
        Marking(region=region).mark(score, scan((4, 4, 4), 40))


def test_the_rule_as_a_transform():
    score = torch.from_numpy(PIECES)[None]
    image = MetaTensor(torch.zeros(1, 15, 1, 1), affine=torch.diag(torch.tensor([-2.0, 5, 10, 1])))
    image.meta["filename_or_obj"] = "scan.nii.gz"
    item = {"attention": score, "scan": image, "name": "1.2.3"}
    rule = Marking(50, "image", smallest_ml=0.2)
    marked = MarkAttentiond("attention", rule)(item)
    assert marked["pred"].dtype == torch.uint8 and marked["pred"].shape == (1, 15, 1, 1)
    assert places(marked["pred"]) == places(marked["marked"].mask) == [8, 9, 11, 12, 13]
    assert marked["marked"].threshold == 5
    np.testing.assert_array_equal(marked["pred"].affine, image.affine)
    assert marked["pred"].meta["filename_or_obj"] == "1.2.3.nii.gz"  # `SaveImage` drops what follows the last dot
    assert "pred" not in item and marked["attention"] is score
    other = MarkAttentiond("attention", rule, to="mask", scan="ct", marked="why")({"attention": score, "ct": image})
    assert places(other["mask"]) == places(other["why"].mask) and other["mask"].meta["filename_or_obj"] == "scan.nii.gz"
