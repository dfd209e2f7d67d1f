"""Settings that cannot work are told in a sentence before anything is built."""

import pytest
import torch
from fixtures.small import HEADS, SMALL

from smart_nets.errors import ConfigError
from smart_nets.networks.comparators.vit import ViTEncoder
from smart_nets.networks.encoder import SmartEncoder
from smart_nets.pretrain.co_distillation import CoDistillation
from smart_nets.pretrain.losses.distillation import DISTILLED
from smart_nets.pretrain.masking import StudentMask
from smart_nets.pretrain.step_checks import CHOICES, check_heads, check_mask_grid
from smart_nets.pretrain.taps import CHOICES as TAPPED
from smart_nets.pretrain.taps import Taps


def model(encoder: dict | None = None, **options) -> CoDistillation:
    return CoDistillation(SmartEncoder(**SMALL | (encoder or {})), **HEADS | options)


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"weights": {"amip": 0.0}}, "at least one known loss"),
        ({"weights": {"amip": -1.0}}, "at least one known loss"),
        ({"weights": {"mse": 1.0}}, "at least one known loss"),
        ({"patch_drop_ratio": 1.0}, "patch_drop_ratio"),
        ({"patch_drop_ratio": -0.1}, "patch_drop_ratio"),
        ({"drop_grid": "voxel"}, "teacher_drop_grid"),
        ({"teacher_fill": "mean"}, "teacher_fill"),
        ({"attention_input": "student"}, "attention_input"),
        ({"ampd_tokens": "seen"}, "ampd_tokens: is not known .expected hidden or all, found seen"),
        ({"taps": Taps(gitd="deep")}, "gitd_tap: is not known .expected pooled or patch or stages, found deep"),
        ({"taps": Taps(ampd="both")}, "ampd_tap: is not known .expected merged or pre_merge, found both"),
        ({"taps": Taps(image="token")}, "image_tap: is not known"),
        ({"taps": Taps(image="pre_merge", image_stage=3)}, "image_tap, image_stage: is told for the last stage only"),
        ({"taps": Taps(image_stage=0)}, "image_stage: no such stage"),
        ({"taps": Taps(image_stage=5)}, "image_stage: no such stage"),
        ({"taps": Taps(ampd="pre_merge"), "shared_head": True}, "shared_head: cannot read features of two widths"),
        ({"centring": "median"}, "centring: is not known"),
        ({"standardised_heads": ["amip"]}, "standardised_heads"),
        ({"standardised_heads": "aitd"}, "standardised_heads"),
        ({"standardised_heads": ["aitd"], "shared_head": True}, "half of a shared head"),
        ({"standardised_heads": ["ampd", "gitd"], "shared_head": True}, "half of a shared head"),
    ],
    ids=str,
)
def test_impossible_settings(options, says):
    with pytest.raises(ConfigError, match=says):
        model(**options)


@pytest.mark.parametrize(
    ("name", "weight", "says"),
    [
        ("amip", 1.0, "more_losses: is the name of another number .*found amip"),
        ("loss", 1.0, "is the name of another number"),
        ("gitd_gain", 1.0, "is the name of another number"),
        ("mine", 0.0, "more_losses mine weight: cannot be"),
        ("mine", None, "more_losses mine weight: cannot be .*give the loss an attribute weight"),
    ],
)
def test_a_loss_of_ones_own_has_its_own_name_and_a_weight(name, weight, says):
    loss = torch.nn.Identity()
    loss.weight = weight
    with pytest.raises(ConfigError, match=says):
        model(more={name: loss})


def test_vit_merges_nothing():
    with pytest.raises(ConfigError, match="merges nothing"):
        CoDistillation(ViTEncoder(64, dim=24, depth=1, num_heads=2), taps=Taps(ampd="pre_merge"), **HEADS)


@pytest.mark.parametrize("options", [{}, {"student_mask": StudentMask("random")}, {"weights": {"amip": 1.0}}])
def test_what_needs_semantic_attention_says_so(options):
    with pytest.raises(ConfigError, match="needs semantic attention"):
        model({"sa_stage": None}, **options)


def test_every_choice_can_be_made():
    for name, values in CHOICES.items():
        for value in values:
            model(**{name.removeprefix("teacher_") if name == "teacher_drop_grid" else name: value})
    for name, values in TAPPED.items():
        for value in values:
            model(taps=Taps(**{name.removesuffix("_tap"): value}))


@pytest.mark.parametrize("names", [(), ["gitd"], ("ampd", "aitd"), ("ampd", "aitd", "gitd")])
@pytest.mark.parametrize("shared", [False, True])
def test_heads_that_can_be_standardised(names, shared):
    check_heads(names, DISTILLED, shared)


@pytest.mark.parametrize(
    ("stage", "crop", "mask", "cells"),
    [
        # cells have 16 voxels after stage 3, 32 after stage 4
        (3, (32, 32, 32), StudentMask(), None),  # 8 cells: floor(5.6) = 5 hidden, no hint
        (4, (64, 64, 64), StudentMask(), None),
        (4, (32, 32, 32), StudentMask(), "1 cells of 32 voxels, 0 hidden"),
        (4, (32, 32, 32), StudentMask("random"), "1 cells of 32 voxels, 1 hidden"),  # ceil(0.7) = 1: nothing is seen
        (4, (32, 32, 32), StudentMask(cell="16vox"), None),  # 8 cells again
        (3, (32, 32, 32), StudentMask(ratio=0.1, hint_ratio=0), "8 cells of 16 voxels, 0 hidden"),  # floor(0.8)
        (3, (32, 32, 32), StudentMask("random", ratio=0.1), None),  # ceil(0.8)
        (3, (32, 32, 32), StudentMask(ratio=0.7, hint_ratio=0.65), "8 cells of 16 voxels, 0 hidden"),  # 5 less 5 hints
        (3, (16, 32, 96), StudentMask(ratio=0.1, hint_ratio=0), None),  # 12 cells
    ],
)
def test_a_crop_needs_cells_to_hide_and_to_see(stage, crop, mask, cells):
    encoder = SmartEncoder(**SMALL, sa_stage=stage)
    if cells is None:
        return check_mask_grid(crop, encoder, mask)
    with pytest.raises(ConfigError, match=f"leaves too few cells for a mask .*found {cells}"):
        check_mask_grid(crop, encoder, mask)
