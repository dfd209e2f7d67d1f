"""Attention of whole scans: by networks whose answer is known, and the same for one scan however it is stored."""

import nibabel as nib
import numpy as np
import pytest
import torch
from fixtures.small import SMALL
from torch import nn

from smart_nets.errors import ConfigError, InputError
from smart_nets.localize.scan_attention import ScanAttention, WindowInferer
from smart_nets.networks.attention_net import AttentionNet
from smart_nets.networks.encoder import SmartEncoder
from smart_nets.phantom import Phantom, make_phantom, write_dicom, write_nifti
from smart_nets.scans.read import read_checked
from smart_nets.scans.volume import Volume

WINDOW = (-1000.0, 1000.0)
TURNS = [((2, 0, 1), (1, -1, 1)), ((1, 0, 2), (-1, -1, -1)), ((0, 2, 1), (-1, 1, 1))]


class Seen(nn.Module):
    """Answers with the window itself, and keeps what it was given."""

    def __init__(self) -> None:
        super().__init__()
        self.windows: list[torch.Tensor] = []
        self.modes: list[bool] = []

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        self.windows += list(image.clone())
        self.modes.append(self.training)
        return image


class Ones(nn.Module):
    def forward(self, image: torch.Tensor) -> torch.Tensor:
        return torch.ones_like(image)


def turned(volume: Volume, order: tuple[int, ...], flips: tuple[int, ...]) -> Volume:
    """The same voxels in the same places, stored with their axes in another order and direction."""
    turn = np.stack([order, flips], axis=1)
    array = np.ascontiguousarray(nib.orientations.apply_orientation(volume.array, turn))
    return Volume(array, volume.affine @ nib.orientations.inv_ornt_aff(turn, volume.array.shape), volume.where)


def ramp(shape: tuple[int, ...] = (40, 36, 20), spacing: tuple[float, ...] = (2.0, 3.0, 4.0)) -> Volume:
    """HU that rise with the place by 2, 3 and 5 a mm, so that interpolation keeps them."""
    x, y, z = np.indices(shape) * np.array(spacing)[:, None, None, None]
    return Volume((2 * x + 3 * y + 5 * z - 700).astype(np.float32), np.diag([*spacing, 1.0]), "ramp")


@pytest.fixture(scope="module")
def phantom() -> Phantom:
    return make_phantom(0, spacing=(6.0, 7.0, 8.0), region="chest", task="response")


@pytest.fixture
def attention() -> ScanAttention:
    """A small encoder that sees windows of 256 mm; its fresh weights are made larger, so that its attention is not even."""
    encoder = SmartEncoder(**SMALL)
    for weight in encoder.parameters():
        weight.data *= 4
    return ScanAttention(AttentionNet(encoder), (32, 32, 32), (8.0, 8.0, 8.0), WINDOW)


@pytest.mark.parametrize("overlap", [0.0, 0.5, 0.75])
def test_what_the_network_answers_lies_where_it_saw_it(overlap):
    """The network's grid of 4 x 3 x 2 mm ends where the scan of 2 x 3 x 4 mm does, but for its last voxel along x."""
    scan = ramp()
    shown = ScanAttention(Seen(), (16, 16, 16), (4, 3, 2), WINDOW, overlap)(scan)
    assert shown.dtype == np.float32 and shown.shape == scan.array.shape
    np.testing.assert_allclose(shown[:-1], ((scan.array + 1000) / 2000)[:-1], atol=1e-5)
    np.testing.assert_allclose(shown[-1], shown[-2], atol=1e-6)


def test_the_network_sees_windows_of_the_scan_between_0_and_1():
    network = Seen()
    ScanAttention(network, (16, 12, 8), (4, 3, 2), (-600.0, -200.0), overlap=0.5)(ramp())
    # 20 x 36 x 39 voxels in windows of 16 x 12 x 8 that advance by 8, 6 and 4
    assert len(network.windows) == 2 * 5 * 9
    assert all(window.shape == (1, 16, 12, 8) for window in network.windows)
    seen = torch.stack(network.windows)
    assert (seen.min(), seen.max()) == (0, 1)
    assert seen[0, 0, 3, 4, 5] == pytest.approx((2 * 12 + 3 * 12 + 5 * 10 - 700 + 600) / 400)


def test_uniform_attention_stays_uniform():
    for scan in (ramp(), ramp((18, 20, 12))):
        shown = ScanAttention(Ones(), (16, 16, 16), (4, 3, 2), WINDOW)(scan)
        np.testing.assert_allclose(shown, 1, atol=1e-6)


def test_a_scan_smaller_than_a_window_is_padded_with_air():
    """8 x 16 x 16 voxels of the network: along x half a window, and the other half is black."""
    network, scan = Seen(), ramp((8, 16, 16), (2.0, 2.0, 2.0))
    shown = ScanAttention(network, (16, 16, 16), (2, 2, 2), WINDOW)(scan)
    [window] = network.windows
    assert window.shape == (1, 16, 16, 16)
    filled = (window[0] > 0).flatten(1).all(dim=1)
    assert filled.sum() == 8 and (window[0][~filled] == 0).all()
    np.testing.assert_allclose(shown, (scan.array + 1000) / 2000, atol=1e-6)


def test_row_18_less_than_half_a_window_is_refused():
    with pytest.raises(
        InputError, match=r"ramp: is too small for this network .*half of 32 x 32 x 32 mm, found 14 x 32 x 32"
    ):
        ScanAttention(Ones(), (16, 16, 16), (2, 2, 2), WINDOW)(ramp((7, 16, 16), (2.0, 2.0, 2.0)))


@pytest.mark.parametrize("training", [True, False])
def test_the_network_is_asked_in_evaluation_mode_and_left_as_it_was(training):
    network = Seen().train(training)
    ScanAttention(network, (16, 16, 16), (4, 3, 2), WINDOW)(ramp())
    assert network.training is training and not any(network.modes)


@pytest.mark.parametrize(("order", "flips"), TURNS)
def test_a_copy_with_other_axes_gives_the_map_with_other_axes(phantom, attention, order, flips):
    scan = Volume(phantom.image, phantom.affine, "phantom")
    shown = attention(scan)
    assert shown.std() > 0.1
    expected = turned(Volume(shown, scan.affine, "map"), order, flips).array
    found = attention(turned(scan, order, flips))
    assert np.abs(found - expected).max() < 1e-5


def test_dicom_and_nifti_of_a_scan_give_the_same_map(phantom, attention, tmp_path):
    """DICOM keeps positions to six digits, here a thousandth of a mm."""
    files = write_nifti(phantom, tmp_path), write_dicom(phantom, tmp_path)
    first, second = (read_checked(path) for path in files)
    assert (np.diag(second.affine)[:2] < 0).all()  # rows run to Posterior and columns to Left, unlike in the NIfTI
    maps = [Volume(attention(scan), scan.affine, "map").to_ras() for scan in (first, second)]
    np.testing.assert_allclose(maps[0].affine, maps[1].affine, atol=1e-3)
    np.testing.assert_allclose(maps[0].array, maps[1].array, atol=1e-4)


@pytest.mark.parametrize("overlap", [1, 1.5, -0.1, float("nan"), "0.5", None])
def test_no_such_overlap(overlap):
    with pytest.raises(ConfigError, match=r"overlap: is no share .expected 0 to below 1"):
        WindowInferer((16, 16, 16), overlap)
    with pytest.raises(ConfigError, match="overlap: is no share"):
        ScanAttention(Ones(), (16, 16, 16), (4, 3, 2), WINDOW, overlap)(ramp())


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        (((16, 16, 16), (4, 3, 2), (250.0, -175.0)), "window needs low below high"),
        (((16, 16, 16), (4, 3), WINDOW), "spacing: not a voxel size"),
        (((16, 16), (4, 3, 2), WINDOW), "crop size: needs three sides"),
    ],
)
def test_settings_without_sense(settings, says):
    with pytest.raises(ConfigError, match=says):
        ScanAttention(Ones(), *settings)(ramp())
