"""Where a token lies: values by hand, other grids, and what it changes in the encoder."""

import math

import pytest
import torch
from fixtures.small import SMALL

from smart_nets.errors import ConfigError
from smart_nets.networks.encoder import SmartEncoder
from smart_nets.networks.positions import LEARNED_SIDE, PositionEmbedding, sincos


def test_two_cells_by_hand():
    # Offsets 0, 0 and -1/2 or 1/2 cell from the middle; six channels are one wave (frequency 1) per axis: its sine, its
    # cosine; the seventh and eighth channel stay zero.
    s, c = math.sin(0.5), math.cos(0.5)
    expected = [[0, 1, 0, 1, -s, c, 0, 0], [0, 1, 0, 1, s, c, 0, 0]]
    torch.testing.assert_close(sincos((1, 1, 2), 8), torch.tensor(expected), atol=1e-6, rtol=0)


def test_waves_get_longer():
    # twelve channels are two waves per axis, of frequencies 1 and 10^(-1/2)
    row = sincos((3, 1, 1), 12)[2]  # one cell behind the middle
    slow = 10**-0.5
    expected = [math.sin(1), math.sin(slow), math.cos(1), math.cos(slow)]
    assert row[:4].tolist() == pytest.approx(expected, abs=1e-6)


def test_a_larger_crop_sees_the_same_around_its_middle():
    small, large = sincos((4, 4, 4), 24), sincos((8, 8, 8), 24).reshape(8, 8, 8, 24)
    torch.testing.assert_close(large[2:6, 2:6, 2:6].reshape(64, 24), small)


def test_every_cell_has_its_own_place():
    rows = sincos((4, 6, 8), 24)
    assert len(rows) == 192
    assert torch.cdist(rows, rows).fill_diagonal_(1).min() > 0.05


def test_a_learned_table_is_taken_as_it_is_or_interpolated():
    position = PositionEmbedding(2, "learned")
    assert position.table.std().item() == pytest.approx(0.02, rel=0.1)
    side = LEARNED_SIDE
    position.table.data = torch.arange(float(side)).view(1, 1, side, 1, 1).expand(1, 2, side, side, side).clone()
    own = position(torch.zeros(1, side**3, 2), (side,) * 3)
    assert own.reshape(side, side, side, 2)[:, 3, 3, 0].tolist() == [0, 1, 2, 3, 4, 5, 6, 7]
    # a ramp 0 .. 7 at half the places: the middle of each two
    half = position(torch.ones(2, 64, 2), (4, 4, 4)).reshape(2, 4, 4, 4, 2)
    assert half[1, :, 0, 0, 1].tolist() == [1.5, 3.5, 5.5, 7.5]  # added to tokens of 1


@pytest.mark.parametrize("kind", ["learned", "sincos"])
def test_the_branch_knows_places_and_the_backbone_does_not(kind):
    plain, placed = SmartEncoder(**SMALL).eval(), SmartEncoder(**SMALL, sa_position=kind).eval()
    placed.load_state_dict(plain.state_dict(), strict=False)
    x = torch.rand(2, 1, 64, 64, 64)
    before, after = plain(x), placed(x)
    assert torch.equal(before.patch, after.patch) and torch.equal(before.deep, after.deep)
    assert not torch.allclose(before.cls, after.cls)
    torch.testing.assert_close(placed.attention_only(x), after.satt)
    placed(torch.rand(1, 1, 32, 64, 96))  # any grid


def test_a_learned_table_learns_and_waves_have_nothing_to_learn():
    net = SmartEncoder(**SMALL, sa_position="learned")
    net(torch.rand(1, 1, 64, 64, 64)).cls.square().sum().backward()
    assert net.position.table.grad.abs().sum() > 0
    assert list(PositionEmbedding(12, "sincos").parameters()) == []
    assert SmartEncoder(**SMALL).position is None


@pytest.mark.parametrize(("dim", "kind"), [(12, "none"), (12, "absolute"), (5, "sincos")])
def test_settings_that_make_no_sense(dim, kind):
    with pytest.raises(ConfigError, match="sa_position"):
        PositionEmbedding(dim, kind)


@pytest.mark.parametrize("setting", [{"sa_position": "rotary"}, {"sa_stage": None, "sa_position": "learned"}], ids=str)
def test_an_encoder_that_cannot_tell_places(setting):
    with pytest.raises(ConfigError, match="sa_position"):
        SmartEncoder(**SMALL, **setting)


@pytest.mark.parametrize("shape", [(1, 8, 12), (1, 64, 6), (64, 12)])
@pytest.mark.parametrize("kind", ["learned", "sincos"])
def test_tokens_of_another_grid(kind, shape):
    with pytest.raises(ConfigError, match="no tokens of this grid"):
        PositionEmbedding(12, kind)(torch.zeros(shape), (4, 4, 4))
