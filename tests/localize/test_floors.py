"""What an encoder must beat: density in the lungs, worked out by hand, and encoders with fresh weights."""

import numpy as np
import pytest
import torch
from fixtures.small import SMALL

from smart_nets.errors import CheckpointError, InputError
from smart_nets.localize.floors import dense_in_lungs, random_attention
from smart_nets.localize.regions import region_mask
from smart_nets.localize.scan_attention import ScanAttention
from smart_nets.networks.attention_net import AttentionNet
from smart_nets.networks.encoder import SmartEncoder
from smart_nets.scans.volume import Volume
from smart_nets.weights.build import build_encoder

ARCHITECTURE = {"name": "SmartEncoder", **SMALL}
TUMOUR, VESSEL = np.s_[22:28, 25:31, 15:21], np.s_[30:32, 20:40, 10:12]


@pytest.fixture
def chest() -> Volume:
    """A patient of boxes in voxels of 3 mm: tissue of 40 HU, lungs of -850, in one of them a tumour and a vessel."""
    image = np.full((100, 60, 40), -1000, np.int16)
    image[10:90, 10:50] = 40
    image[15:40, 15:45, 5:35] = image[60:85, 15:45, 5:35] = -850
    image[TUMOUR], image[VESSEL], image[35, 40, 30] = 20, -299, -300
    return Volume(image, np.diag([3.0, 3, 3, 1]), "boxes")


@pytest.fixture
def attention() -> ScanAttention:
    torch.manual_seed(9)  # none of the seeds below
    return ScanAttention(
        AttentionNet(SmartEncoder(**SMALL), head=1), (32, 32, 32), (8.0, 8.0, 8.0), (-1000.0, 400.0), 0.25
    )


@pytest.fixture
def scan() -> Volume:
    noise = np.random.default_rng(0).integers(-1000, 400, (32, 32, 32)).astype(np.int16)
    return Volume(noise, np.diag([8.0, 8, 8, 1]), "noise")


def test_density_in_the_lungs_by_hand(chest):
    score, marked = dense_in_lungs(chest)
    lungs = region_mask(chest, "lungs")
    assert score.dtype == np.float32 and score.shape == chest.array.shape
    assert (score[50, 30, 20], score[20, 20, 20], score[0, 0, 0]) == (0, -850 + 1024, 0)  # heart, lung, air
    assert (score[TUMOUR] == 20 + 1024).all() and score.max() == 20 + 1024
    np.testing.assert_array_equal(marked.region, lungs)
    expected = np.zeros(lungs.shape, bool)
    expected[TUMOUR] = expected[VESSEL] = True  # -299 is denser than -300, -300 is not
    np.testing.assert_array_equal(marked.mask, expected)
    assert marked.threshold == 724
    np.testing.assert_array_equal(marked.mask, lungs & (score > marked.threshold))


def test_a_scan_without_lungs_has_no_such_floor(scan):
    with pytest.raises(InputError, match="noise: shows no lungs"):
        dense_in_lungs(Volume(np.full((30, 30, 30), 40, np.int16), scan.affine, "noise"))


def test_a_seed_is_an_encoder(attention, scan):
    first, same, other = (random_attention(attention, ARCHITECTURE, seed)(scan) for seed in (0, 0, 1))
    np.testing.assert_array_equal(first, same)
    assert np.abs(first - other).max() > 1e-3
    assert np.abs(first - attention(scan)).max() > 1e-3
    np.testing.assert_array_equal(random_attention(attention, ARCHITECTURE)(scan), first)


def test_it_looks_in_the_same_way(attention):
    fresh = random_attention(attention, ARCHITECTURE)
    for setting in ("crop_size", "spacing", "hu_window", "overlap"):
        assert getattr(fresh, setting) == getattr(attention, setting)
    assert (fresh.network.head, fresh.network.block) == (1, -1)
    assert next(fresh.network.parameters()).device == next(attention.network.parameters()).device


def test_its_weights_are_those_of_an_encoder_made_after_its_seed(attention):
    torch.manual_seed(7)
    made = build_encoder(ARCHITECTURE).state_dict()
    for name, value in random_attention(attention, ARCHITECTURE, 7).network.state_dict().items():
        assert torch.equal(value, made[name]), name


def test_other_random_numbers_and_weights_are_left_alone(attention):
    before = {name: value.clone() for name, value in attention.network.state_dict().items()}
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    random_attention(attention, ARCHITECTURE, 0)
    assert torch.equal(torch.rand(3), expected)
    assert all(torch.equal(value, before[name]) for name, value in attention.network.state_dict().items())


@pytest.mark.parametrize("change", [{"name": "ResNet"}, {"depth": 3}])
def test_an_architecture_that_is_not_known(attention, change):
    with pytest.raises(CheckpointError, match=r"this version does not know|is no field of a card"):
        random_attention(attention, {**ARCHITECTURE, **change})
