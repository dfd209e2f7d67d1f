"""Two views of one scan: uniform, seeded, in [0, 1], padded by rule."""

from pathlib import Path

import numpy as np
import pytest
import torch
from monai.data import DataLoader, Dataset
from monai.transforms import Compose
from monai.utils import set_determinism

from smart_nets.errors import ConfigError, InputError
from smart_nets.lists.cache import VolumeCache
from smart_nets.lists.store import CachedScan
from smart_nets.pretrain.view_changes import ViewChanges
from smart_nets.pretrain.views import LoadCachedd, TwoViewsd
from smart_nets.scans.crop import crop_or_pad
from smart_nets.scans.window import window_hu


def cached(shape: tuple[int, int, int]) -> CachedScan:
    """A scan whose voxel (x, y, z) holds x + 10 y + 100 z HU."""
    x, y, z = np.indices(shape)
    return CachedScan((x + 10 * y + 100 * z).astype(np.int16), np.eye(4), "scan")


def test_window_maps_hu_to_0_and_1():
    hu = np.array([-1024, -175, 37.5, 250, 3071], np.float32)  # 37.5 is the middle of [-175, 250]
    assert window_hu(hu).tolist() == [0, 0, 0.5, 1, 1]
    assert window_hu(torch.from_numpy(hu), 0, 75).tolist() == [0, 0, 0.5, 1, 1]
    assert window_hu(hu.astype(np.int16)).dtype == torch.float32


def test_window_leaves_its_input_alone():
    hu = torch.tensor([-1000.0, 0.0])
    window_hu(hu)
    assert hu.tolist() == [-1000, 0]


@pytest.mark.parametrize("window", [(250, -175), (5, 5), (float("nan"), 5)])
def test_window_needs_low_below_high(window):
    with pytest.raises(ConfigError, match="low below high"):
        window_hu(np.zeros(3), *window)


def test_views_are_the_windowed_crops_at_their_starts():
    scan = cached((9, 8, 7))
    item = TwoViewsd("image", (4, 3, 2), window=(-100, 900))({"image": scan, "patient_id": "p"})
    assert item["views"].shape == (2, 1, 4, 3, 2) and item["views"].dtype == torch.float32
    for view, (x, y, z) in zip(item["views"], item["starts"].tolist(), strict=True):
        crop = scan.array[x : x + 4, y : y + 3, z : z + 2]
        torch.testing.assert_close(view[0], window_hu(crop.copy(), -100, 900))
    assert (item["padded"], item["image"], item["patient_id"]) == (0, "scan", "p")


def test_hu_may_be_handed_over_and_windowed_later():
    late, early = (TwoViewsd("image", (4, 3, 2), window=w).set_random_state(0) for w in (None, (-100, 900)))
    hu = late({"image": cached((9, 8, 7))})["views"]
    assert hu.dtype == torch.int16 and hu.shape == (2, 1, 4, 3, 2)
    torch.testing.assert_close(window_hu(hu, -100, 900), early({"image": cached((9, 8, 7))})["views"])


def test_starts_are_uniform_and_independent():
    views = TwoViewsd("image", (4, 3, 2)).set_random_state(0)
    starts = np.stack([views.randomize(np.array([6, 5, 3])) for _ in range(6000)])  # slack 2, 2, 1
    for axis, room in enumerate((3, 3, 2)):
        counts = np.bincount(starts[:, :, axis].ravel(), minlength=room)
        assert len(counts) == room
        np.testing.assert_allclose(counts / counts.sum(), 1 / room, atol=0.02)
    u, v = starts[:, 0, 0], starts[:, 1, 0]
    assert abs(np.corrcoef(u, v)[0, 1]) < 0.05


def test_a_parent_crop_guarantees_overlap():
    views = TwoViewsd("image", (8, 8, 8), parent_crop=(10, 10, 10)).set_random_state(0)
    starts = np.stack([views.randomize(np.array([40, 40, 40])) for _ in range(500)])
    assert np.abs(starts[:, 0] - starts[:, 1]).max() == 2
    assert starts.min() == 0 and starts.max() == 32


def test_several_places_of_one_scan_come_as_all_u_then_all_v():
    views = TwoViewsd("image", (8, 8, 8), None, (10, 10, 10), places=3).set_random_state(0)
    item = views({"image": cached((60, 60, 60))})
    assert item["views"].shape == (6, 1, 8, 8, 8) and item["starts"].shape == (6, 3)
    u, v = item["starts"][:3], item["starts"][3:]
    assert (u - v).abs().max() <= 2, "u and v of a place overlap"
    assert (u[0] - u[1]).abs().max() > 2, "places are drawn apart"


def test_changed_views_keep_their_middle():
    scan = CachedScan(np.zeros((40, 40, 40), np.int16), np.eye(4), "scan")
    scan.array[18:22, 18:22, 18:22] = 1000  # a dot in the middle
    view = TwoViewsd("image", (40, 40, 40), None, changes=ViewChanges(zoom=(0.5, 0.5)))({"image": scan})["views"][0, 0]
    assert view[16:24, 16:24, 16:24].min() > 300 and view[:14].max() == 0  # twice as wide, still in the middle


def test_places_without_tissue_are_drawn_again():
    array = np.full((60, 20, 20), -1024, np.int16)
    array[30:] = 40
    views = TwoViewsd("image", (8, 8, 8), None, tissue=0.9).set_random_state(0)
    starts = torch.cat([views({"image": CachedScan(array, np.eye(4), "half")})["starts"] for _ in range(100)])
    middles = starts.reshape(-1, 2, 3)[:, :, 0].float().mean(1) + 4
    assert (middles >= 30).float().mean() > 0.95  # 8 draws; without the rule it would be about half


@pytest.mark.parametrize(("depth", "before", "after"), [(5, 1, 2), (4, 2, 2), (7, 0, 1)])
def test_short_scans_are_padded_on_both_sides_with_air_and_counted(depth, before, after):
    """8 voxels out of `depth`: what is missing is shared, the odd voxel goes behind."""
    scan = CachedScan(np.full((depth, 9, 9), 250, np.int16), np.eye(4), "short")
    item = TwoViewsd("image", (8, 8, 8))({"image": scan})
    profile = item["views"][:, 0, :, 4, 4]
    assert profile[0].tolist() == [0.0] * before + [1.0] * depth + [0.0] * after
    assert item["padded"] == 1


def test_scans_shorter_than_half_the_crop_are_refused():
    with pytest.raises(InputError, match=r"smaller than half the crop .expected at least .4 4 4. voxels"):
        TwoViewsd("image", (8, 8, 8))({"image": cached((3, 20, 20))})


def test_the_same_seed_gives_the_same_crops():
    def starts(seed: int) -> list:
        set_determinism(seed)
        views = Compose([TwoViewsd("image", (4, 4, 4))]).set_random_state(seed)
        return [views({"image": cached((30, 30, 30))})["starts"].tolist() for _ in range(3)]

    assert starts(5) == starts(5) != starts(6)


def test_crop_or_pad_outside_on_all_sides():
    array = np.ones((2, 2, 2), np.int16)
    crop = crop_or_pad(array, np.array([-1, -1, -1]), np.array([4, 4, 4]))
    assert crop[1:3, 1:3, 1:3].tolist() == array.tolist()
    assert (crop == -1024).sum() == 64 - 8


@pytest.mark.parametrize("workers", [0, 2])
def test_from_files_through_monais_loader(save, hu, affine, tmp_path: Path, workers):
    items = [{"image": str(save(hu, affine, f"{n}.nii.gz")), "patient_id": f"p{n}"} for n in range(4)]
    cache = VolumeCache(tmp_path / "cache")
    transform = Compose([LoadCachedd("image", cache), TwoViewsd("image", (8, 8, 8))])
    batches = list(DataLoader(Dataset(items, transform), batch_size=2, num_workers=workers))
    assert [tuple(batch["views"].shape) for batch in batches] == [(2, 2, 1, 8, 8, 8)] * 2
    assert [name for batch in batches for name in batch["patient_id"]] == ["p0", "p1", "p2", "p3"]
    starts = torch.cat([batch["starts"] for batch in batches])
    assert len({tuple(start) for start in starts.reshape(-1, 3).tolist()}) > 2  # workers draw different crops


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"size": (8, 8)}, "three sizes"),
        ({"size": (8, 8, 0)}, "three sizes"),
        ({"window": (1, 1)}, "low below high"),
        ({"size": (8, 8, 8), "parent_crop": (9, 9, 7)}, "parent crop"),
        ({"tissue": 1.0}, "tissue: is no share"),
        ({"places": 0}, "places: cannot be .expected a number from 1"),
    ],
)
def test_bad_settings(settings, message):
    with pytest.raises(ConfigError, match=message):
        TwoViewsd("image", **settings)
