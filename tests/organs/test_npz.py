"""A .npz of organs tells how large its voxels are and which way they lie; nothing is stretched or guessed in silence."""

import numpy as np
import pytest
import torch

from smart_nets.errors import InputError
from smart_nets.organs.npz import read_boxes
from smart_nets.organs.probe import read_organ_crops

WINDOW = (-1000.0, 0.0)


@pytest.fixture
def write(tmp_path):
    """Write two boxes of 4 x 6 x 8 voxels, value -900 + 100 i + 10 j + k, with what else the file tells."""

    def write(**changes):
        box = np.tensordot([100, 10, 1], np.indices((4, 6, 8)), axes=1).astype(np.int16) - 900
        given = {"x": np.stack([box, box]), "organ": [*"ab"], "scan": [*"pq"], "spacing": 2.0, "orientation": "RAS"}
        np.savez(tmp_path / "o.npz", **{name: value for name, value in (given | changes).items() if value is not None})
        return tmp_path / "o.npz"

    return write


@pytest.mark.parametrize(
    ("orientation", "shape", "first"),
    [
        ("RAS", (4, 6, 8), -900),
        ("LPS", (4, 6, 8), -900 + 300 + 50),  # the first voxel to the right is the last of the first axis
        ("SAR", (8, 6, 4), -900),
        ("SPL", (8, 6, 4), -900 + 50 + 7),
    ],
)
def test_boxes_are_turned_to_ras(write, orientation, shape, first):
    found = read_boxes(write(orientation=orientation, spacing=[1.0, 2.0, 3.0]))
    assert found.hu.shape == (2, *shape) and (found.hu[:, 0, 0, 0] == first).all()
    assert found.spacing == ((1, 2, 3) if shape[0] == 4 else (3, 2, 1))
    assert (found.organs.tolist(), found.scans.tolist()) == (["a", "b"], ["p", "q"])


def test_what_the_file_does_not_tell_may_be_given(write):
    found = read_boxes(write(spacing=None, orientation=None), 2.0, "LPS")
    assert found.spacing == (2, 2, 2) and found.hu[0, 0, 0, 0] == -550
    assert read_boxes(write(), 2.0, "RAS").hu[0, 0, 0, 0] == -900


def test_crops_are_the_middle_at_the_networks_spacing(write):
    crops = read_organ_crops(write(), (2, 2, 2), WINDOW, (2.0, 2.0, 2.0)).crops
    assert crops.shape == (2, 1, 2, 2, 2)
    hu = crops[1, 0] * 1000 - 1000
    expected = [[[-777, -776], [-767, -766]], [[-677, -676], [-667, -666]]]  # i 1, 2; j 2, 3; k 3, 4
    torch.testing.assert_close(hu, torch.tensor(expected, dtype=torch.float32), atol=1e-3, rtol=0)
    # 1 mm: voxels lie a quarter of a voxel of 2 mm beside the middles: i 1.25, 1.75; the ramp goes on
    fine = read_organ_crops(write(), (2, 2, 2), WINDOW, (1.0, 1.0, 1.0)).crops[0, 0] * 1000 - 1000
    assert fine[0, 0, 0].item() == pytest.approx(-900 + 125 + 22.5 + 3.25, abs=1e-2)
    whole = read_organ_crops(write(), (4, 6, 8), WINDOW).crops[0, 0] * 1000 - 1000
    assert whole[3, 5, 7].item() == pytest.approx(-900 + 357, abs=1e-2)


def test_boxes_are_never_stretched(write):
    with pytest.raises(
        InputError,
        match=r"o.npz: boxes are smaller than the crops of the network .expected 8 x 8 x 8 mm, found 4 x 6 x 8 mm",
    ):
        read_organ_crops(write(spacing=1.0), (8, 8, 8), WINDOW, (1.0, 1.0, 1.0))


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"spacing": None}, r"does not tell its voxel size .expected x .*spacing in mm.*, found no spacing"),
        ({"orientation": None}, "does not tell its axes .*found no orientation.; add an array orientation"),
        ({"organ": None, "label": [1, 2]}, "lacks arrays .*found x, label, scan|lacks arrays"),
        ({"spacing": 0}, "spacing is no length"),
        ({"spacing": [2.0, 2.0]}, "spacing is no length"),
        ({"spacing": [2.0, 2.0, np.nan]}, "spacing is no length"),
        ({"spacing": "two"}, "spacing is no length"),
        ({"orientation": "RAL"}, "orientation is none .expected three letters"),
        ({"orientation": "xyz"}, "orientation is none"),
        ({"orientation": "RASR"}, "orientation is none"),
        ({"organ": ["a"]}, "arrays do not match"),
        ({"x": np.zeros((2, 4, 4))}, "arrays do not match"),
        ({"x": np.full((2, 4, 4, 4), "a")}, "voxels are no numbers"),
        ({"x": np.full((2, 4, 4, 4), np.nan)}, "voxels are not finite .expected HU, found 2 of 2 boxes"),
        ({"x": np.arange(128, dtype=np.uint8).reshape(2, 4, 4, 4)}, "is not in HU .*found 0 to 127"),
    ],
)
def test_what_is_refused(write, changes, says):
    with pytest.raises(InputError, match=rf"o.npz: {says}") as told:
        read_organ_crops(write(**changes), (2, 2, 2), WINDOW, (2.0, 2.0, 2.0))
    assert len(str(told.value)) <= 600


@pytest.mark.parametrize(("given", "says"), [((4.0, None), "spacing is told"), ((2.0, "LPS"), "orientation is told")])
def test_settings_that_contradict_the_file(write, given, says):
    with pytest.raises(InputError, match=says):
        read_boxes(write(), *given)
