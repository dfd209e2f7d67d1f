"""Whole scans outlined on their own grid, whatever its axes and voxels."""

import numpy as np
import pytest
import torch
from monai.inferers import SlidingWindowInferer
from torch import Tensor, nn

from smart_nets.errors import ConfigError, InputError
from smart_nets.scans.volume import Volume
from smart_nets.segment.predict import ScanSegmenter, SegmentInferer, once_for_air, onto_scan


class Bright(nn.Module):
    """Stands in for a network: what is brighter than a half is channel 1."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.tensor(40.0))

    def forward(self, image: Tensor) -> Tensor:
        return torch.cat([torch.zeros_like(image), self.weight * (image - 0.5)], 1)


def scan_of(flip: bool = False) -> Volume:
    array = np.full((40, 36, 30), -1000, np.int16)
    array[10:30, 8:28, 6:24] = 100
    affine = np.diag([1.5, 1.5, 2.0, 1.0])
    if flip:
        array, affine = array[::-1], affine @ np.array([[-1, 0, 0, 39], [0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]])
    return Volume(array, affine, "scan")


@pytest.mark.parametrize("flip", [False, True])
def test_a_bright_box_is_outlined_on_the_scans_own_voxels(flip):
    scan = scan_of(flip)
    segment = ScanSegmenter(Bright(), (32, 32, 32), (2.0, 2.0, 2.0), (-1000, 200), overlap=0.25)
    chosen, probability = segment(scan)
    drawn = scan.array > 0
    assert (
        chosen.shape == scan.array.shape
        and 2 * (drawn & (chosen == 1)).sum() / (drawn.sum() + (chosen == 1).sum()) > 0.93
    )
    assert probability[drawn].mean() > 0.9 and probability.min() >= 0 and probability.max() <= 1


def test_the_largest_share_wins_and_the_background_where_it_is_larger():
    grid = Volume(np.zeros((3, 1, 1), np.float32), np.eye(4), "grid")
    shares = np.array([[0.5, 0.2, 0.4], [0.3, 0.5, 0.3], [0.2, 0.3, 0.3]], np.float32).reshape(3, 3, 1, 1)
    chosen, probability = onto_scan(shares, grid, grid)
    assert chosen.ravel().tolist() == [0, 1, 0] and probability.ravel() == pytest.approx([0.5, 0.8, 0.6])


@pytest.mark.parametrize(("roi", "count"), [((32, 32, 64), 2), ((64, 64, 64), 1)])
def test_small_windows_go_two_at_a_time_with_the_same_answer(roi, count):
    seen = []

    def network(x):
        seen.append(len(x))
        return torch.cat([x, -x], 1)

    image = torch.rand(1, 1, 64, 64, 96)
    found = SegmentInferer(roi)(image, network)
    assert max(seen) == count
    torch.testing.assert_close(found, SegmentInferer(roi, sw_batch_size=3)(image, network))


@pytest.mark.parametrize("answer", [lambda x: torch.cat([x, 2 * x], 1), lambda x: (torch.cat([x, -x], 1), x + 1)])
def test_windows_of_nothing_but_air_are_answered_once(answer):
    seen = []

    def network(x):
        seen.append(x.clone())
        return answer(x)

    image = torch.zeros(1, 1, 64, 64, 64)
    image[..., :16, :16] = torch.rand(64, 16, 16)  # 2 of 8 windows of 32^3 hold it
    sliding = {"roi_size": (32, 32, 32), "overlap": 0, "sw_batch_size": 1}
    found = SlidingWindowInferer(**sliding, mode="gaussian", device="cpu")(image, network)
    assert len(seen) == 8
    seen.clear()
    again = SlidingWindowInferer(**sliding, mode="gaussian", device="cpu")(image, once_for_air(network))
    assert [bool(x.any()) for x in seen].count(True) == 2 and len(seen) == 3
    torch.testing.assert_close(again, found)


def test_answers_of_another_kind_are_left_as_they_are():
    network = once_for_air(lambda x: {"scores": x})
    for _ in range(2):
        assert set(network(torch.zeros(2, 1, 4, 4, 4))) == {"scores"}


def test_windows_of_missing_values_are_never_taken_for_air():
    seen = []
    network = once_for_air(lambda x: seen.append(x) or x)
    for _ in range(2):
        network(torch.full((2, 1, 4, 4, 4), torch.nan))
    assert len(seen) == 2


def test_what_cannot_be_outlined():
    with pytest.raises(ConfigError, match="overlap"):
        SegmentInferer((32, 32, 32), overlap=1.0)
    short = Volume(np.zeros((40, 36, 7), np.int16), np.diag([1.5, 1.5, 2.0, 1.0]), "short scan")
    with pytest.raises(InputError, match="too small"):
        ScanSegmenter(Bright(), (32, 32, 32), (2.0, 2.0, 2.0), (-1000, 200))(short)
