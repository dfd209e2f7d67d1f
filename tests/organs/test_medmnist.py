"""OrganMNIST3D's own file: every cube, its organ and its split; other files of MedMNIST are refused."""

import numpy as np
import pytest
import torch

from smart_nets.errors import InputError
from smart_nets.organs.medmnist import NAMES, read_organmnist


def arrays(side: int = 28, **changed) -> dict:
    """Fifteen cubes: of split number s, cube k is all grey 20 s + k, and its organ is k; the eleven are in train."""
    found = {}
    for number, (split, count) in enumerate((("train", 11), ("val", 2), ("test", 2))):
        found[f"{split}_images"] = np.stack([np.full((side,) * 3, 20 * number + k, np.uint8) for k in range(count)])
        found[f"{split}_labels"] = np.arange(count, dtype=np.uint8)[:, None]
    return found | changed


def write(path, **changed):
    np.savez(path, **{name: value for name, value in arrays(**changed).items() if value is not None})
    return path


@pytest.mark.parametrize("side", [28, 64])
def test_every_cube_comes_with_its_organ_at_the_size_asked_for(tmp_path, side):
    found = read_organmnist(write(tmp_path / "organmnist3d.npz", side=side), (32, 32, 32))
    assert found.crops.shape == (15, 1, 32, 32, 32)
    assert found.organs == [*NAMES, *NAMES[:2], *NAMES[:2]]
    assert len(set(found.patients)) == 15
    greys = found.crops.flatten(1)
    assert torch.allclose(greys, torch.tensor([*range(11), 20, 21, 40, 41])[:, None] / 255, atol=1e-6)


def test_there_are_eleven_organs():
    assert len(NAMES) == len(set(NAMES)) == 11


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        ({"val_labels": None}, "is not OrganMNIST3D"),
        ({"train_images": np.zeros((11, 28, 28), np.uint8)}, "no cubes of OrganMNIST3D"),
        ({"train_images": np.zeros((11, 28, 28, 28), np.float32)}, "no cubes of OrganMNIST3D"),
        ({"train_images": np.zeros((11, 32, 32, 32), np.uint8)}, "no cubes of OrganMNIST3D"),
        ({"train_labels": np.arange(1, 12)[:, None]}, "no labels of OrganMNIST3D"),
        ({"train_labels": np.zeros((2, 1), int)}, "no labels of OrganMNIST3D"),
        ({"train_labels": np.zeros((11, 1))}, "no labels of OrganMNIST3D"),
        ({"train_labels": np.array(["liver"] * 11)[:, None]}, "no labels of OrganMNIST3D"),
        ({"train_labels": np.arange(11)[:, None] % 2}, "another set of MedMNIST.*found 2 classes"),  # as NoduleMNIST3D
    ],
)
def test_other_files_are_refused(tmp_path, changed, says):
    with pytest.raises(InputError, match=says):
        read_organmnist(write(tmp_path / "other.npz", **changed), (32, 32, 32))


def test_a_damaged_file_is_refused(tmp_path):
    path = write(tmp_path / "organmnist3d.npz")
    path.write_bytes(path.read_bytes()[:-2000])
    with pytest.raises(InputError, match="damaged"):
        read_organmnist(path, (32, 32, 32))
