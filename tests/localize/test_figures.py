"""Every figure of localisation on scans of a few voxels, worked out by hand."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from smart_nets.errors import InputError
from smart_nets.localize.figures import measure, oracle_dice
from smart_nets.statistics.overlap import consensus, dice

pytestmark = pytest.mark.filterwarnings("error")
LINE = (31, 1, 1)
MASKS = arrays(bool, (4, 3, 2))
FLAT = np.ones((4, 4), bool), [np.ones((4, 4), bool)], np.ones((4, 4), bool)  # marked, readers, region of one slice


def line(*at: int | slice) -> np.ndarray:
    """A scan of 31 voxels in a row with some of them marked."""
    mask = np.zeros(LINE, bool)
    for place in at:
        mask[place] = True
    return mask


def scan(**changed):
    """A line of 2 mm voxels: the tumour is voxel 15, everything may be marked, the score is 1 in the tumour and 0 beside."""
    masks = {"marked": line(15), "readers": [line(15)], "region": line(slice(None))}
    return {"score": line(15).astype(np.float32), **masks, "spacing": (2.0, 1.0, 1.0), **changed}


def box(shape, *sides: slice) -> np.ndarray:
    mask = np.zeros(shape, bool)
    mask[sides] = True
    return mask


def test_a_perfect_map():
    ones = dict.fromkeys(
        ("dice", "dice_readers", "oracle", "pointing", "contrast", "recall", "found", "tumour_inside"), 1
    )
    sizes = {"tumour_ml": pytest.approx(0.002), "marked_ml": pytest.approx(0.002), "tumour_share": 1 / 31}
    nothing = {"pointing_mm": 0, "hd95": 0, "contrast_ratio": pytest.approx(np.nan, nan_ok=True)}
    assert measure(**scan()) == {**ones, **sizes, **nothing}


def test_dice_by_hand():
    assert dice(line(0, 1, 2), line(2, 3)) == 2 * 1 / (3 + 2)
    assert dice(line(0), line()) == 0
    assert np.isnan(dice(line(), line()))


@pytest.mark.parametrize(
    ("readers", "agreed"),
    [
        ([line(0, 1, 2), line(1, 2), line(2, 3), line(2), line(1, 3)], [1, 2]),  # 1 has three of five votes, 3 only two
        ([line(0, 1), line(1, 2)], [1]),
        ([line(0, 1), line(1, 2), line(2), line(1)], [1]),  # two of four are no majority
        ([line(4, 7)], [4, 7]),
    ],
)
def test_consensus(readers, agreed):
    assert np.flatnonzero(consensus(readers)).tolist() == agreed


def test_the_oracle_of_the_papers_threshold():
    """Crop of 1,000 voxels, of which the 90th percentile marks 100: 2 min(f, .1) / (f + .1)."""
    for tumour, best in ((50, 2 * 0.05 / 0.15), (100, 1), (300, 2 * 0.1 / 0.4)):
        assert oracle_dice(tumour, tumour, 100) == pytest.approx(best)
        assert oracle_dice(tumour / 1000, tumour / 1000, 0.1) == pytest.approx(best)
    # 0.62, as published, needs f = .1 * .62 / (2 - .62) at least, and .1 * (2 - .62) / .62 at most
    assert oracle_dice(0.0449, 0.0449, 0.1) < 0.62 < oracle_dice(0.045, 0.045, 0.1)
    assert oracle_dice(0.222, 0.222, 0.1) > 0.62 > oracle_dice(0.223, 0.223, 0.1)
    assert oracle_dice(3, 10, 5) == 2 * 3 / 15  # 7 of the 10 lie where nothing may be marked
    assert np.isnan(oracle_dice(0, 0, 0))


def test_overlap_by_hand():
    """Tumour 10 to 19 by two of three readers; 18 to 23 is marked, which holds 2 of its 10 voxels."""
    readers = [line(slice(10, 20)), line(slice(10, 22)), line(slice(5, 20))]
    found = measure(**scan(readers=readers, marked=line(slice(18, 24))))
    assert found["dice"] == 2 * 2 / (10 + 6)
    assert found["dice_readers"] == pytest.approx((2 * 2 / 16 + 2 * 4 / 18 + 2 * 2 / 21) / 3)
    assert found["oracle"] == 2 * 6 / (10 + 6)
    assert (found["recall"], found["found"]) == (0.2, 0)
    assert (found["tumour_ml"], found["marked_ml"]) == pytest.approx((10 * 2 / 1000, 6 * 2 / 1000))
    assert found["tumour_share"] == 10 / 31


def test_half_must_be_marked_to_be_found():
    tumour = line(slice(0, 20))
    assert measure(**scan(readers=[tumour], marked=line(slice(0, 10))))["found"] == 1
    assert measure(**scan(readers=[tumour], marked=line(slice(0, 9), 25, 26)))["found"] == 0


def test_a_ring_can_reach_beyond_the_region_that_was_marked_in():
    """Two maps marked in unlike regions get one ring: 2 voxels of the region, but 18 of all (see the ring by hand)."""
    score = line(15).astype(np.float32)
    narrow = scan(score=score, readers=[line(15)], marked=line(15), region=line(13, 15, 17))
    assert measure(**narrow)["contrast"] == measure(**narrow, around=line(slice(0, 31)))["contrast"] == 1
    score[line(slice(20, 26))] = 2  # brighter than the tumour, outside the region and 10 to 20 mm away
    assert measure(**narrow)["contrast"] == 1
    assert measure(**narrow, around=line(slice(0, 31)))["contrast"] == pytest.approx(12 / 18)


def test_a_tumour_that_reaches_beyond_the_region():
    """Half of the tumour 10 to 19 may be marked, and is, with two voxels beside it: no 7 voxels of the region do better."""
    found = measure(**scan(readers=[line(slice(10, 20))], region=line(slice(0, 15)), marked=line(slice(8, 15))))
    assert found["dice"] == found["oracle"] == 2 * 5 / (10 + 7)
    assert (found["recall"], found["tumour_share"]) == (0.5, 5 / 15)


def test_nothing_marked():
    found = measure(**scan(marked=line(), readers=[line(15), line(15), line()]))
    assert (found["dice"], found["dice_readers"], found["oracle"]) == (0, 0, 0)  # the third reader's Dice is undefined
    assert (found["found"], found["marked_ml"]) == (0, 0)
    assert np.isnan(found["hd95"])


@pytest.mark.parametrize(
    ("peaks", "share", "mm"),
    [
        ([15], 1, 0),
        ([20], 0, 5 * 2),
        ([13, 15], 1 / 2, (2 * 2 + 0) / 2),
        ([10, 14, 15, 18], 1 / 4, (10 + 2 + 0 + 6) / 4),
        (range(31), 1 / 31, 2 * (2 * 15 * 16 / 2) / 31),  # a flat map: 1 + 2 + ... + 15 steps of 2 mm on either side
    ],
)
def test_pointing(peaks, share, mm):
    found = measure(**scan(score=line(*peaks).astype(np.float32)))
    assert (found["pointing"], found["pointing_mm"]) == pytest.approx((share, mm))


def test_pointing_is_within_the_region():
    score = np.arange(31.0).reshape(LINE)  # highest at 30, and within the region at 17
    found = measure(**scan(score=score, region=line(slice(0, 18))))
    assert (found["pointing"], found["pointing_mm"]) == (0, 4)


def test_a_peak_in_another_tumour_is_a_hit():
    peak = line(24).astype(np.float32)
    assert measure(**scan(score=peak))["pointing"] == 0
    found = measure(**scan(score=peak, others=line(24)))
    assert (found["pointing"], found["pointing_mm"]) == (1, 0)
    assert measure(**scan(score=line(26).astype(np.float32), others=line(24)))["pointing_mm"] == 4


def test_pointing_in_a_flat_map_of_many_voxels():
    """More ties than are measured: the mean distance to one end of a line of 300,000 mm is half of it."""
    ones = np.ones((300_000, 1, 1), bool)
    first = np.zeros_like(ones)
    first[0] = True
    found = measure(np.zeros(ones.shape), first, [first], ones, (1, 1, 1))
    assert (found["pointing"], found["pointing_mm"]) == (1 / 300_000, pytest.approx(150_000, rel=0.01))


def ring_size(tumour: np.ndarray, **changed) -> int:
    """Voxels of the ring: with 1 in the tumour and in one of n voxels of the ring, 0 elsewhere, the ratio is 1 / (1 / n)."""
    given = scan(readers=[tumour], marked=tumour, **{"region": np.ones_like(tumour), **changed})
    ratios = []
    for place in np.flatnonzero(~tumour):
        score = tumour.astype(np.float64)
        score.flat[place] = 1
        ratios.append(measure(**{**given, "score": score})["contrast_ratio"])
    in_ring = [ratio for ratio in ratios if not np.isnan(ratio)]  # the mean of the ring is above 0
    assert in_ring == pytest.approx([len(in_ring)] * len(in_ring))
    return len(in_ring)


def test_the_ring_by_hand():
    # from voxel 15 of a line of 2 mm voxels: 4 to 20 mm are 2 to 10 steps on either side
    assert ring_size(line(15)) == 2 * 9
    assert ring_size(line(15), spacing=(4.0, 1.0, 1.0)) == 2 * 5  # 1 to 5 steps
    assert ring_size(line(3)) == 2 + 9  # the scan ends: 1 and 0 on one side
    assert ring_size(line(15), others=line(17, 18, 30)) == 2 * 9 - 2
    assert ring_size(line(15), region=line(slice(10, 20)), spacing=(2.0, 1.0, 1.0)) == 4 + 3  # 10 to 13, 17 to 19


def test_the_ring_in_anisotropic_voxels():
    """7 x 7 x 3 voxels of 2 x 2 x 10 mm, the tumour in the middle: x and y steps away are 2 sqrt(x^2 + y^2) mm.

    In its slice the inner 3 x 3 are nearer than 4 mm, and the corners 8.5 mm away: 49 - 9. In the slices on either side
    the corners are sqrt(10^2 + 8.5^2) = 13.1 mm away: all 49.
    """
    assert ring_size(box((7, 7, 3), slice(3, 4), slice(3, 4), slice(1, 2)), spacing=(2, 2, 10)) == 40 + 2 * 49
    assert ring_size(box((7, 7, 3), slice(3, 4), slice(3, 4), slice(1, 2)), spacing=(2, 2, 21)) == 40


def test_contrast_by_hand():
    """Tumour scores 3, 1; the ring (two voxels left in the region) 2, 1: higher in 3 > 2, 3 > 1, tied 1 = 1, of 4 pairs."""
    score = line().astype(np.float64)
    score[[15, 16, 20, 21], 0, 0] = 3, 1, 2, 1
    given = scan(score=score, readers=[line(15, 16)], region=line(15, 16, 20, 21))
    found = measure(**given)
    assert (found["contrast"], found["contrast_ratio"]) == ((2 + 0.5) / 4, (4 / 2) / (3 / 2))
    score[0] = -1  # HU: the ratio of values around a zero that means nothing is not told
    assert np.isnan(measure(**given)["contrast_ratio"])


def test_contrast_is_free_of_scale():
    rng = np.random.default_rng(0)
    score, tumour = rng.random((9, 9, 9)), box((9, 9, 9), *3 * [slice(3, 6)])
    given = scan(readers=[tumour], marked=tumour, region=np.ones_like(tumour), spacing=(2, 2, 2))
    one, other = (measure(**{**given, "score": value})["contrast"] for value in (score, 1000 * score**3 - 500))
    assert one == other
    assert measure(**{**given, "score": np.zeros((9, 9, 9))})["contrast"] == 0.5


def test_no_ring_no_contrast():
    found = measure(**scan(region=line(15, 16)))
    assert np.isnan([found["contrast"], found["contrast_ratio"]]).all()


def test_hausdorff_of_two_boxes():
    """Voxels 3 mm along x and 10 mm along z apart; plates 3 voxels of 1.5 mm apart, all voxels alike.

    Columns of 20 and 21 voxels: only the last has no partner. Of 21 distances in order, number 0.95 * 20 = 19 is still 0.
    """
    first = box((8, 4, 4), slice(1, 2), slice(1, 2), slice(1, 2))
    apart = box((8, 4, 4), slice(4, 5), slice(1, 2), slice(3, 4))
    assert hd95(first, apart, (1, 1, 5)) == pytest.approx(np.hypot(3, 10))
    plates = [box((8, 4, 4), slice(x, x + 1)) for x in (1, 4)]
    assert hd95(*plates, (1.5, 1, 5)) == pytest.approx(4.5)
    columns = [box((40, 3, 3), slice(5, 5 + length), slice(1, 2), slice(1, 2)) for length in (20, 21)]
    assert hd95(*columns, (1, 1, 1)) == 0
    longer = box((40, 3, 3), slice(5, 26), slice(1, 2), slice(1, 2))
    longer[35, 1, 1] = True  # of 22 distances 0 ... 0, 1, 11 mm, number 0.95 * 21 = 19.95 lies between 0 and 1
    assert hd95(longer, columns[0], (1, 1, 1)) == pytest.approx(0.95, abs=1e-5)  # of float32


def hd95(marked, tumour, spacing):
    given = scan(score=np.zeros(tumour.shape), readers=[tumour], marked=marked, region=np.ones_like(tumour))
    return measure(**{**given, "spacing": spacing})["hd95"]


def test_flipped_axes_change_nothing():
    """Scans turned to RAS are views with negative strides."""
    rng = np.random.default_rng(1)
    tumour, marked = box((12, 10, 8), slice(2, 6), slice(3, 7), slice(1, 4)), rng.random((12, 10, 8)) < 0.1
    score, whole = rng.random((12, 10, 8)), np.ones((12, 10, 8), bool)
    plain = measure(score, marked, [tumour], whole, (1, 2, 3))
    turned = [array[::-1, :, ::-1] for array in (score, marked, tumour, whole)]
    assert measure(turned[0], turned[1], [turned[2]], turned[3], (1, 2, 3)) == pytest.approx(plain)


@settings(max_examples=60, deadline=None)
@given(tumour=MASKS, region=MASKS, marked=MASKS)
def test_no_mask_beats_the_oracle(tumour, region, marked):
    tumour[0, 0, 0] = region[-1, -1, -1] = True
    found = measure(np.zeros(tumour.shape), marked & region, [tumour], region, (1, 1, 1))
    assert 0 <= found["dice"] <= found["oracle"] <= 1


@given(st.integers(1, 10), st.integers(0, 10), st.integers(0, 10))
def test_the_oracle_is_reached(inside, outside, marked):
    """Mark the tumour first: no other choice within the region holds more of it."""
    tumour, best = np.zeros(LINE, bool), np.zeros(LINE, bool)
    tumour[: inside + outside], best[outside : outside + marked] = True, True  # the region starts at `outside`
    assert oracle_dice(inside, inside + outside, marked) == pytest.approx(dice(tumour, best))


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (
            lambda: dice(line(0), line(0)[:9]),
            r"second mask: is no mask of the scan \(expected bool \(31, 1, 1\), found bool",
        ),
        (lambda: dice(line(0).astype(int), line(0)), "first mask: is no mask of the scan .*found int64"),
        (lambda: dice([True], line(0)), "first mask: .*found list"),
        (lambda: consensus([]), "readers: there are no readers"),
        (lambda: consensus([line(0), line(0)[:9]]), "reader 2: is no mask of the scan"),
        (lambda: consensus([line(0).astype(np.uint8)]), "reader 1: .*found uint8.*compare labels with 0"),
        (lambda: measure(np.zeros((4, 4)), *FLAT, (1, 1, 1)), "score: is no map of the scan .expected 3-D"),
        (lambda: oracle_dice(3, 2, 5), "counts of voxels make no sense .*found 3, 2 and 5"),
        (lambda: oracle_dice(-1, 2, 5), "make no sense"),
        (lambda: oracle_dice(1, 2, -5), "make no sense"),
        (lambda: oracle_dice(np.nan, 2, 5), "make no sense"),
    ],
)
def test_bad_masks_and_counts(call, says):
    with pytest.raises(InputError, match=says):
        call()


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        ({"readers": []}, "readers: there are no readers"),
        ({"readers": [line(), line(15)]}, "readers: agree on no voxel"),
        ({"readers": [line(15)[:9]]}, "marked: is no mask of the scan"),
        ({"marked": line(15)[:9]}, "marked: is no mask of the scan"),
        ({"marked": line(15).astype(float)}, "marked: .*found float64"),
        ({"region": line(15)[:9]}, "region: is no mask of the scan"),
        ({"region": line(), "marked": line()}, "region: is empty"),
        ({"region": line(slice(0, 15))}, "marked: goes beyond the region .*found 1 others"),
        ({"others": line(3)[:9]}, "others: is no mask of the scan"),
        ({"score": np.zeros((9, 1, 1))}, "score: is no map of the scan .*found float64 .9, 1, 1"),
        ({"score": line(15)}, "score: is no map of the scan .*found bool"),
        ({"score": np.where(line(3), np.nan, 0.0)}, "score: holds NaN or Inf"),
        ({"score": np.where(line(3), -np.inf, 0.0)}, "score: holds NaN or Inf"),
        ({"spacing": (1, 1)}, "spacing: is no size of a voxel"),
        ({"spacing": (1, 0, 1)}, "spacing: is no size of a voxel"),
        ({"spacing": (1, np.nan, 1)}, "spacing: is no size of a voxel"),
        ({"spacing": 1.0}, "spacing: is no size of a voxel"),
    ],
)
def test_what_cannot_be_measured(changed, says):
    with pytest.raises(InputError, match=says):
        measure(**scan(**changed))
