"""What each encoder sees of the same cube: its own spacing, air around it where its crop is larger."""

import numpy as np
import pytest
import torch
from fixtures.foreign import CARD, Means

from smart_nets.networks.comparators.vit import ViTEncoder
from smart_nets.tables.encoders.contenders import Contender, RawVoxels
from smart_nets.tables.encoders.organs import crops_for, sides_for
from smart_nets.weights.foreign.card import Handling
from smart_nets.weights.foreign.encoder import ForeignEncoder


def contender(kind: str = "theirs", stride: int = 1, **card) -> Contender:
    encoder = {
        "theirs": ForeignEncoder(Means(), Handling(), "net", stride),
        "ours": ViTEncoder(img_size=32, patch_size=16, dim=24, depth=1, num_heads=2),
        "raw": RawVoxels(),
    }[kind]
    return Contender(kind, kind, "net", encoder, {**CARD, **card}, "pooled")


@pytest.mark.parametrize(
    ("one", "cube", "crop"),
    [
        (contender(), [24] * 3, [32] * 3),  # 48 mm of voxels of 2 mm
        (contender(spacing=[2, 2, 4]), [24, 24, 12], [32] * 3),
        (contender(stride=8), [24] * 3, [24] * 3),
        (contender(stride=16, spacing=[1.5] * 3), [32] * 3, [32] * 3),
        (contender("ours"), [24] * 3, [32] * 3),
        (contender("raw"), [24] * 3, [24] * 3),
    ],
)
def test_sides(one, cube, crop):
    assert sides_for(one, 24, 2.0) == (cube, crop)


def test_air_lies_around_a_smaller_cube():
    found = crops_for(contender(), np.full((1, 24, 24, 24), 400, np.int16), 2.0)
    assert found.shape == (1, 1, 32, 32, 32) and found.sum() == 24**3
    assert found[0, 0, 4:28, 4:28, 4:28].min() == 1 and found[..., :4].max() == found[..., 28:].max() == 0


def test_other_spacing_is_interpolated_and_the_window_is_the_cards():
    ramp = np.broadcast_to(np.arange(4)[:, None, None] * 100, (1, 4, 4, 4)).astype(np.int16)
    found = crops_for(contender("raw", spacing=[4, 4, 4], hu_window=[0, 500]), ramp, 2.0)
    torch.testing.assert_close(
        found[0, 0, :, 0, 0], torch.tensor([0.1, 0.5])
    )  # (0 + 100) / 2 and (200 + 300) / 2 of 500
