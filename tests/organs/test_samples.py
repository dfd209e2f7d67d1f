"""Where organ crops come from: phantoms, .npz of both kinds, folders of named volumes."""

import nibabel as nib
import numpy as np
import pytest

from smart_nets.errors import ConfigError, InputError
from smart_nets.organs.medmnist import NAMES
from smart_nets.organs.samples import find_samples

SIZE, SPACING, WINDOW = (32, 32, 32), (8.0, 8.0, 8.0), (-175, 250)


def test_phantoms():
    found = find_samples(None, SIZE, SPACING, WINDOW, patients=2)
    assert len(found.organs) == 2 * 11 * 6 and len(set(found.patients)) == 2
    assert found.crops.shape[1:] == (1, 32, 32, 32) and found.crops.min() >= 0 and found.crops.max() <= 1


def boxes(path, side, **more):
    x = np.random.default_rng(0).integers(-200, 200, (4, side, side, side)).astype(np.int16)
    np.savez(path, x=x, organ=np.array([*"llss"]), scan=np.array([*"pqpq"]), **more)
    return path


def test_boxes_with_room_are_cut_six_times_and_small_ones_once(tmp_path):
    roomy = boxes(tmp_path / "a.npz", 36, spacing=8.0, orientation="RAS")
    assert len(find_samples(roomy, SIZE, SPACING, WINDOW).organs) == 24
    tight = boxes(tmp_path / "b.npz", 32, spacing=8.0, orientation="RAS")
    assert find_samples(tight, SIZE, SPACING, WINDOW).organs == [*"llss"]


def test_a_file_that_does_not_tell_its_grid_is_told(tmp_path):
    path = boxes(tmp_path / "a.npz", 36)
    assert len(find_samples(path, SIZE, SPACING, WINDOW, fields_spacing=8.0, orientation="RAS").organs) == 24
    with pytest.raises(InputError, match="does not tell its voxel size"):
        find_samples(path, SIZE, SPACING, WINDOW)


def test_a_file_of_medmnist(tmp_path):
    cubes, labels = np.zeros((11, 28, 28, 28), np.uint8), np.arange(11)[:, None]
    parts = {f"{s}_{k}": v for s in ("train", "val", "test") for k, v in (("images", cubes), ("labels", labels))}
    np.savez(tmp_path / "organmnist3d.npz", **parts)
    assert find_samples(tmp_path / "organmnist3d.npz", SIZE, SPACING, WINDOW).organs == [*NAMES] * 3


def test_volumes_are_named_by_their_folder_where_it_bears_the_name_of_an_organ(tmp_path):
    for number, organ in enumerate(("liver", "liver", "Lung_Right", "stomach", "Doe^Jane")):
        (tmp_path / organ).mkdir(exist_ok=True)
        array = np.random.default_rng(number).normal(0, 50, (20, 20, 20)).astype(np.int16)
        array[0] = -1000
        nib.save(nib.Nifti1Image(array, np.diag([8.0, 8, 8, 1])), tmp_path / organ / f"{number}.nii.gz")
    found = find_samples(tmp_path, SIZE, SPACING, WINDOW)
    assert sorted(found.organs) == ["", "", "liver", "liver", "lung right"], "no patient's name becomes an organ"
    assert sorted(find_samples(tmp_path, SIZE, SPACING, WINDOW, organs=["stomach"]).organs)[1] == "liver"
    assert found.crops.shape == (5, 1, 32, 32, 32)
    assert float(found.crops[0, 0, 0].max()) == 0.0  # beyond the volume is air


@pytest.mark.parametrize("organs", [5, "liver", [1]])
def test_organs_that_are_no_names(organs):
    with pytest.raises(ConfigError, match="organs: are no names"):
        find_samples(None, SIZE, SPACING, WINDOW, organs=organs)
