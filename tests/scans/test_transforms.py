"""Whole scans on their way through MONAI: to the network's grid, back onto the file's, and into a file."""

from collections.abc import Callable
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
import torch
from monai.data import MetaTensor
from monai.transforms import SaveImaged

from smart_nets.errors import ConfigError, InputError
from smart_nets.scans.grid import network_grid, onto_grid
from smart_nets.scans.monai_reader import LoadScand
from smart_nets.scans.transforms import BackToScand, ToNetworkGridd, on_grid_of, volume_of

SPACING, CROP = (3.0, 2.0, 4.0), (8, 8, 8)
LPI = np.array([[-2.0, 0, 0, 60], [0, -1.5, 0, 50], [0, 0, 3, -40], [0, 0, 0, 1]])
PERMUTED = LPI[:, [2, 0, 1, 3]]  # the first axis runs to Superior, the second to Left


@pytest.fixture
def load(save: Callable[..., Path], hu: np.ndarray) -> Callable[[np.ndarray], dict]:
    """An item with the scan of `hu` as a file with that affine gives it."""
    return lambda affine: LoadScand("image")({"image": str(save(hu, affine)), "name": "first", "label": 1})


@pytest.mark.parametrize("affine", [LPI, PERMUTED])
def test_a_scan_comes_to_the_networks_grid_and_is_kept(load, hu, affine):
    loaded = load(affine)
    item = ToNetworkGridd("image", SPACING, CROP)(loaded)
    expected = network_grid(volume_of(loaded["image"]), SPACING)
    assert item["image"].shape == (1, *expected.array.shape) and item["image"].dtype == torch.float32
    np.testing.assert_array_equal(item["image"][0], expected.array)
    np.testing.assert_allclose(item["image"].affine, expected.affine)
    assert item["image"].meta["filename_or_obj"] == loaded["image"].meta["filename_or_obj"]
    np.testing.assert_array_equal(item["scan"][0], hu)
    np.testing.assert_allclose(item["scan"].affine, affine)
    assert item["label"] == 1 and "scan" not in loaded


@pytest.mark.parametrize("affine", [LPI, PERMUTED])
def test_a_map_comes_back_onto_the_file(load, hu, affine):
    item = ToNetworkGridd("image", SPACING, CROP, scan="kept")(load(affine))
    item["attention"] = torch.rand(item["image"].shape, generator=torch.Generator().manual_seed(0))
    item["other"] = -item["attention"]
    grid = network_grid(volume_of(item["kept"]), SPACING)
    expected = onto_grid(volume_of(MetaTensor(item["attention"], affine=grid.affine)), affine, hu.shape)
    back = BackToScand(["attention", "other"], scan="kept")(item)
    assert back["attention"].shape == (1, *hu.shape) and back["attention"].dtype == torch.float32
    np.testing.assert_allclose(back["attention"][0], expected, atol=1e-6)
    np.testing.assert_allclose(back["other"][0], -expected, atol=1e-6)
    np.testing.assert_allclose(back["attention"].affine, affine)


@pytest.mark.parametrize("affine", [LPI, PERMUTED])
def test_what_is_saved_lies_on_the_file_under_the_items_name(load, hu, affine, tmp_path):
    item = load(affine)
    item["pred"] = on_grid_of((hu > 100).astype(np.uint8), item["image"], item["name"])
    # `resample` onto the grid that it has changes nothing, but without it MONAI fails on the second affine
    SaveImaged(
        "pred",
        output_dir=tmp_path / "out",
        output_postfix="mask",
        separate_folder=False,
        resample=True,
        print_log=False,
    )(item)
    [path] = (tmp_path / "out").iterdir()
    assert path.name == "first_mask.nii.gz"
    saved, source = nib.load(path), nib.load(tmp_path / "scan.nii.gz")
    np.testing.assert_array_equal(saved.get_fdata(), hu > 100)
    np.testing.assert_allclose(saved.affine, source.affine)


def test_without_a_name_the_file_gives_one(load, hu):
    image = load(LPI)["image"]
    assert on_grid_of(hu, image).meta["filename_or_obj"] == image.meta["filename_or_obj"]


def test_a_loaded_scan_as_a_volume(load, hu):
    volume = volume_of(load(PERMUTED)["image"])
    np.testing.assert_array_equal(volume.array, hu)
    np.testing.assert_allclose(volume.affine, PERMUTED)
    assert volume.where.endswith("scan.nii.gz")
    assert volume_of(MetaTensor(torch.zeros(1, 2, 3, 4))).where == "image"


def test_a_scan_of_less_than_half_a_window_is_refused(load):
    """14 x 12 x 10 voxels of 2 x 1.5 x 3 mm are 10 x 9 x 8 of the network's, and 8 is less than half of 17."""
    assert ToNetworkGridd("image", SPACING, (20, 18, 16))(load(LPI))["image"].shape == (1, 10, 9, 8)
    with pytest.raises(InputError, match=r"scan.nii.gz: is too small .*found 30 x 18 x 32 mm"):
        ToNetworkGridd("image", SPACING, (20, 18, 17))(load(LPI))


@pytest.mark.parametrize(
    ("spacing", "crop"), [((3.0, 2.0), CROP), (3.0, CROP), (SPACING, (8, 8)), (SPACING, 8)], ids=str
)
def test_settings_without_three_sides_are_refused(load, spacing, crop):
    with pytest.raises(ConfigError, match=r"(spacing: not a voxel size|crop size: needs three sides)"):
        ToNetworkGridd("image", spacing, crop)(load(LPI))
