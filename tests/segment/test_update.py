"""The step of segmentation: loss and rates by hand, groups of parameters, and that one patch is learned by heart."""

import math
from types import SimpleNamespace

import pytest
import torch
from fixtures.small import SMALL

from smart_nets.errors import ConfigError, TrainingHealthError
from smart_nets.networks.encoder import SmartEncoder
from smart_nets.networks.segmenter import Segmenter
from smart_nets.segment.update import SegmentUpdate, patch_dice, rate_share, segment_loss, segmenter_groups


def test_loss_of_an_undecided_network_by_hand():
    """Four voxels, one of them foreground, all shares one half: Dice 1 - (2 * 0.5 + e) / (2 + 1 + e), cross-entropy ln 2."""
    scores, label = torch.zeros(1, 2, 2, 2, 1), torch.zeros(1, 1, 2, 2, 1)
    label[0, 0, 0, 0, 0] = 1
    smooth = 1e-5
    expected = 1 - (1 + smooth) / (3 + smooth) + math.log(2)
    assert segment_loss()(scores, label).item() == pytest.approx(expected, abs=1e-6)


def test_coarser_answers_count_half_as_much_as_the_next():
    scores, label = torch.zeros(1, 2, 4, 4, 4), torch.zeros(1, 1, 4, 4, 4)
    label[:] = 1
    one = segment_loss()(scores, label)
    three = segment_loss()([scores, scores[..., ::2, ::2, ::2], scores[..., ::4, ::4, ::4]], label)
    whole, half, quarter = (
        segment_loss()(torch.zeros(1, 2, n, n, n), label[..., ::k, ::k, ::k]) for n, k in ((4, 1), (2, 2), (1, 4))
    )
    assert three.item() == pytest.approx((whole + 0.5 * half + 0.25 * quarter).item(), rel=1e-5) and one < three


def test_rates_rise_and_fall():
    shares = [rate_share(step, 100, 0.1) for step in range(100)]
    assert shares[:10] == pytest.approx([0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0])
    assert shares[10] == 1.0 and shares[55] == pytest.approx(0.5) and 0 < shares[99] < 0.001


def test_groups_hold_every_parameter_once_at_its_own_rate():
    network = Segmenter(SmartEncoder(**SMALL))
    groups = segmenter_groups(network, 1e-4, 1e-3)
    ids = [id(parameter) for group in groups for parameter in group["params"]]
    assert sorted(ids) == sorted(id(parameter) for parameter in network.parameters())
    assert {(group["name"], group["lr"]) for group in groups} == {("encoder", 1e-4), ("decoder", 1e-3)}
    frozen = segmenter_groups(Segmenter(SmartEncoder(**SMALL), frozen=True), 1e-4, 1e-3)
    assert {group["name"] for group in frozen} == {"decoder"}


RATES = {"encoder": 1e-3, "decoder": 1e-2}


def engine_of(network, steps: int):
    optimizer = torch.optim.AdamW(segmenter_groups(network, 1e-3, 1e-2), weight_decay=0.0)
    return SimpleNamespace(
        state=SimpleNamespace(device="cpu", iteration=0), optimizer=optimizer, network=network
    ), steps


def test_one_patch_is_learned_by_heart():
    network = Segmenter(SmartEncoder(**SMALL), deep_supervision=True)
    engine, steps = engine_of(network, 30)
    update = SegmentUpdate(steps, RATES, warmup=0.1)
    image = torch.rand(1, 1, 64, 32, 32)
    batch = {"image": image, "label": (image > 0.5).to(torch.int16)}
    logs = []
    for step in range(1, steps + 1):
        engine.state.iteration = step
        logs.append(update(engine, batch)[0]["log"])
    assert logs[-1]["dice"] > 0.9 > logs[0]["dice"] and logs[-1]["loss"] < 0.5 * logs[0]["loss"]
    assert logs[2]["lr_encoder"] == pytest.approx(1e-3) and logs[-1]["lr_decoder"] < 1e-4


def test_dice_of_a_patch_leaves_out_what_it_does_not_show():
    label = torch.zeros(1, 1, 2, 2, 1)
    label[0, 0, 0] = 1
    scores = torch.zeros(1, 3, 2, 2, 1)
    scores[:, 1] = label[:, 0]
    scores[0, 1, 1, 0, 0] = 1  # one voxel too many
    assert patch_dice(scores, label) == pytest.approx(4 / 5)
    assert math.isnan(patch_dice(scores, torch.zeros_like(label)))


def test_what_a_step_refuses():
    with pytest.raises(ConfigError, match="autocast"):
        SegmentUpdate(10, RATES, autocast="fp16")
    network = Segmenter(SmartEncoder(**SMALL))
    engine, steps = engine_of(network, 2)
    engine.state.iteration = 1
    batch = {"image": torch.full((1, 1, 64, 32, 32), float("nan")), "label": torch.zeros(1, 1, 64, 32, 32)}
    with pytest.raises(TrainingHealthError, match="not finite"):
        SegmentUpdate(steps, RATES)(engine, batch)
