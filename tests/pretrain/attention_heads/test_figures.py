"""Attention whose entropy, distance and divergence can be worked out by hand must have just those."""

import json
import math

import pytest
import torch

from smart_nets.errors import CheckpointError, ConfigError
from smart_nets.networks.comparators.vit import ViTEncoder
from smart_nets.networks.encoder import Encoder, SmartEncoder
from smart_nets.pretrain.attention_heads import figures as heads
from smart_nets.pretrain.attention_heads.figures import head_diversity

SPACING = (1.0, 1.0, 1.0)
# Mean distance from a corner of a cube of 2^3 to all its corners, and of a square of 2^2, side 1.
CUBE, SQUARE = (3 + 3 * math.sqrt(2) + math.sqrt(3)) / 8, (2 + math.sqrt(2)) / 4


def small(**options):
    torch.manual_seed(0)
    return SmartEncoder(**{"embed_dim": 4, "depths": (2, 2, 2, 2), "num_heads": (1, 2, 2, 2), "sa_heads": 4, **options})


def even(**options):
    """Every query looks at all its keys alike: no query, no key and no bias."""
    encoder = small(**options)
    for name, parameter in encoder.named_parameters():
        if "qkv" in name or "relative_position" in name:
            torch.nn.init.zeros_(parameter)
    return encoder


def crops(*sides, count=1):
    return torch.rand(count, 1, *sides, generator=torch.Generator().manual_seed(1))


def named(found, name):
    return next(block for block in found["blocks"] if block["name"] == name)


class Given(Encoder):
    """[CLS] rows as given, on cells of 10 voxels."""

    stride = cell = 10
    has_attention, attention_blocks = True, 1

    def __init__(self, row):
        super().__init__()
        self.row = torch.nn.Parameter(torch.tensor(row))  # (heads, N)

    def forward(self, x, mask=None, fill="mask_token"):
        raise NotImplementedError

    def cls_attention(self, x, block=-1):
        return self.row.expand(len(x), -1, -1)


def test_even_attention():
    # 32^3 voxels, patches of 2: windows of 4^3 at stages 1 to 3; stage 4 is one window of 2^3 tokens of 16 voxels.
    found = head_diversity(even(), crops(32, 32, 32, count=2), SPACING)
    assert [block["stage"] for block in found["blocks"]] == [1, 1, 2, 2, 3, 3, 4, 4, "SA", "SA"]
    for name, keys in (("stage 1 block 1", 64), ("stage 2 block 1", 64), ("stage 4 block 1", 8), ("SA block 2", 8)):
        block = named(found, name)
        assert block["entropy"] == pytest.approx([math.log(keys)] * len(block["entropy"]), abs=1e-6)
        assert block["largest_entropy"] == pytest.approx(math.log(keys))
    # Stage 1 has 16 tokens along each axis. Shifted, 3 of 4 windows are whole and the last is two halves of 2 tokens.
    shifted = named(found, "stage 1 block 2")
    assert shifted["entropy"] == pytest.approx([3 * (3 / 4 * math.log(4) + 1 / 4 * math.log(2))], abs=1e-6)
    assert shifted["largest_entropy"] == pytest.approx(5.25 * math.log(2))
    last = named(found, "stage 4 block 2")
    assert last["distance_mm"] == pytest.approx([16 * CUBE] * 2)
    assert last["distance_entropy"] == pytest.approx([0, 0])  # every query is a corner, so all have the same distance
    assert last["divergence"] == pytest.approx(0, abs=1e-9)
    assert named(found, "stage 1 block 1")["divergence"] is None  # of one head
    # [CLS] sees a grid of 2^3 cells of 16 voxels: their centre is half a diagonal away from each.
    assert named(found, "SA block 1")["distance_mm"] == pytest.approx([8 * math.sqrt(3)] * 4)


def test_distances_are_in_mm_along_each_axis():
    found = head_diversity(even(), crops(32, 32, 32), (1.0, 2.0, 3.0))
    lengths = sum(math.sqrt(a + 4 * b + 9 * c) for a in (0, 1) for b in (0, 1) for c in (0, 1))
    assert named(found, "stage 4 block 1")["distance_mm"] == pytest.approx([16 * lengths / 8] * 2)
    assert named(found, "SA block 1")["distance_mm"] == pytest.approx([8 * math.sqrt(14)] * 4)


def test_attention_to_oneself():
    encoder = even()
    for stage in encoder.swin.stages:
        for block in stage.blocks:
            with torch.no_grad():  # the middle of the table is the offset 0 of windows of 4^3
                block.attn.relative_position_bias_table[7**3 // 2] = 1000.0
    found = head_diversity(encoder, crops(64, 64, 64), SPACING)  # stage 4 has 4^3 tokens
    for block in found["blocks"][:8]:
        assert block["entropy"] == block["distance_mm"] == block["distance_entropy"] == [0.0] * len(block["entropy"])
        assert block["divergence"] in (0.0, None)
    assert "-0.0" not in json.dumps(found)


def test_pairs_that_only_the_shift_brought_together_count_for_nothing():
    # Windows of 2^3; stage 4 has 4 x 2 x 2 tokens and shifts along its first axis by 1. The second window joins the two
    # ends: its queries have the 4 keys of their own end, those of the first window 8.
    encoder = even(window_size=2)
    block = named(head_diversity(encoder, crops(64, 32, 32), SPACING), "stage 4 block 2")
    assert block["entropy"] == pytest.approx([2.5 * math.log(2)] * 2)
    assert block["largest_entropy"] == pytest.approx(2.5 * math.log(2))
    assert block["distance_mm"] == pytest.approx([16 * (CUBE + SQUARE) / 2] * 2)
    assert block["distance_entropy"] == pytest.approx([math.log(2)] * 2)  # two distances, equally often
    assert block["divergence"] == pytest.approx(0, abs=1e-9)


@pytest.mark.parametrize("to_itself", [0.0, 0.2])
def test_a_cls_row_by_hand(to_itself):
    # Two cells 20 mm apart: one head looks at both alike, the other at the second three times as much.
    rows = [[0.5 * (1 - to_itself)] * 2, [0.25 * (1 - to_itself), 0.75 * (1 - to_itself)]]
    (block,) = head_diversity(Given(rows), crops(20, 10, 10, count=3), (2.0, 1.0, 1.0))["blocks"]
    uneven = -(math.log(1 / 4) + 3 * math.log(3 / 4)) / 4
    assert (block["name"], block["stage"]) == ("block 1", "SA")
    assert block["entropy"] == pytest.approx([math.log(2), uneven])
    assert block["largest_entropy"] == pytest.approx(math.log(2))
    # Centres at 10 and 15 mm; then 1/4 of the attention lies 15 mm away, and 3/4 lie 5 mm away.
    assert block["distance_mm"] == pytest.approx([10, 15 / 4 + 3 * 5 / 4])
    assert block["distance_entropy"] == pytest.approx([0, uneven])
    # (KL(a, b) + KL(b, a)) / 2 = sum (a - b) ln(a / b) / 2 = (ln 2 / 4 - ln(2 / 3) / 4) / 2
    assert block["divergence"] == pytest.approx(math.log(3) / 8)


def test_a_cls_that_looks_at_one_cell_alone():
    (block,) = head_diversity(Given([[0.0, 1.0], [0.0, 1.0]]), crops(20, 10, 10), SPACING)["blocks"]
    for measure in ("entropy", "distance_mm", "distance_entropy"):
        assert block[measure] == pytest.approx([0, 0], abs=1e-9)
    assert block["divergence"] == pytest.approx(0, abs=1e-9)


def test_stages_are_means_over_the_heads_of_their_blocks():
    found = head_diversity(small(), crops(32, 32, 32), SPACING)
    assert [stage["stage"] for stage in found["stages"]] == [1, 2, 3, 4, "SA"]
    values = torch.tensor([block["distance_mm"] for block in found["blocks"] if block["stage"] == 2]).double().flatten()
    second = found["stages"][1]["distance_mm"]
    assert (second["mean"], second["sd"]) == pytest.approx((float(values.mean()), float(values.std())), rel=1e-5)
    assert found["stages"][0]["divergence"] == {"mean": None, "sd": None}
    assert json.loads(json.dumps(found, allow_nan=False)) == found


def test_intensities_are_centred_as_the_encoder_does():
    image = crops(32, 32, 32)
    centred, plain = small(input_mean=0.25, input_std=0.5), small()
    first, second = head_diversity(centred, image / 2 + 0.25, SPACING), head_diversity(plain, image, SPACING)
    for one, other in zip(first["blocks"], second["blocks"], strict=True):
        assert one["entropy"] == pytest.approx(other["entropy"], abs=1e-6)


def test_pieces_and_crops_do_not_change_the_means(monkeypatch):
    encoder, image = small(), crops(32, 32, 32, count=2)
    whole = head_diversity(encoder, image, SPACING)
    monkeypatch.setattr(heads, "AT_ONCE", 1)
    halves = [head_diversity(encoder, one, SPACING) for one in image.split(1)]
    for block, first, second in zip(whole["blocks"], *(half["blocks"] for half in halves), strict=True):
        for measure in ("entropy", "distance_mm"):
            both = [(a + b) / 2 for a, b in zip(first[measure], second[measure], strict=True)]
            assert block[measure] == pytest.approx(both)


def test_encoders_of_every_kind():
    plain = head_diversity(small(sa_stage=None), crops(32, 32, 32), SPACING)
    assert [stage["stage"] for stage in plain["stages"]] == [1, 2, 3, 4]
    vit = ViTEncoder(32, 16, dim=8, depth=3, num_heads=2)
    found = head_diversity(vit, crops(32, 32, 32), SPACING)
    assert [(block["name"], len(block["entropy"])) for block in found["blocks"]] == [
        (f"block {i}", 2) for i in (1, 2, 3)
    ]
    assert [stage["stage"] for stage in found["stages"]] == ["SA"]


@pytest.mark.parametrize("training", [True, False])
def test_the_mode_is_restored_and_stochastic_depth_is_off(training):
    encoder, image = small(drop_path_rate=0.9).train(training), crops(32, 32, 32)
    assert head_diversity(encoder, image, SPACING) == head_diversity(encoder, image, SPACING)
    assert all(module.training is training for module in encoder.modules())


NAN = torch.full((1, 1, 32, 32, 32), math.nan)


@pytest.mark.parametrize(
    ("image", "spacing", "message"),
    [
        (torch.rand(1, 32, 32, 32), SPACING, "not a batch of images"),
        (torch.rand(1, 2, 32, 32, 32), SPACING, "not a batch of images"),
        (torch.rand(1, 1, 32, 32, 40), SPACING, "multiples of 32, such as 32 or 64"),
        (torch.rand(1, 1, 32, 96, 32), SPACING, "sides such as 64 or 128, found 32 x 96 x 32"),
        (torch.rand(0, 1, 32, 32, 32), SPACING, "found 0 crops"),
        (torch.rand(1, 1, 32, 32, 32) + 1, SPACING, "are no windowed crops"),
        (-torch.rand(1, 1, 32, 32, 32), SPACING, "are no windowed crops"),
        (NAN, SPACING, "are no windowed crops"),
        (torch.rand(1, 1, 32, 32, 32), (1, 1), "not a voxel size"),
        (torch.rand(1, 1, 32, 32, 32), (1, 0, 1), "not a voxel size"),
        (torch.rand(1, 1, 32, 32, 32), (1, math.inf, 1), "not a voxel size"),
    ],
)
def test_crops_and_spacings_that_cannot_be(image, spacing, message):
    with pytest.raises(ConfigError, match=message):
        head_diversity(small(), image, spacing)


def test_a_fitting_size_is_named_even_if_only_larger_ones_fit():
    # Windows of 7: stage 1 has 8 and stage 4 1 token per 16 voxels, so sides are multiples of 7 * 16 and of 32.
    with pytest.raises(ConfigError, match="sides such as 224, found 32 x 32 x 32"):
        head_diversity(small(window_size=7), crops(32, 32, 32), SPACING)


def test_broken_weights_are_told():
    encoder = small()
    torch.nn.init.constant_(encoder.swin.patch_embed.proj.weight, math.nan)
    with pytest.raises(CheckpointError, match="gives attention that is not finite"):
        head_diversity(encoder.train(), crops(32, 32, 32), SPACING)
    assert encoder.training
