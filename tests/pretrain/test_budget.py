"""Minutes as a budget: epochs that fit, and a network that is left as it was."""

import copy

import pytest
import torch
from fixtures.small import HEADS, SAVED

from smart_nets.errors import ConfigError
from smart_nets.networks.encoder import SmartEncoder
from smart_nets.pretrain.budget import epochs_within, seconds_per_step
from smart_nets.pretrain.co_distillation import CoDistillation
from smart_nets.training import presets


def network() -> CoDistillation:
    return CoDistillation(SmartEncoder(**SAVED), **HEADS)


@pytest.mark.parametrize(
    ("minutes", "steps", "epochs"),
    [(1, 5, 6), (10, 5, 60), (0.001, 5, 1)],  # 2 s a step, 10 s an epoch; never less than one epoch
)
def test_epochs_that_fit(monkeypatch, minutes, steps, epochs):
    monkeypatch.setattr(presets, "seconds_of_step", lambda *_: 2.0 / presets.SPARE)
    assert epochs_within(minutes, network(), (32, 32, 32), 2, steps) == epochs


def test_measuring_leaves_network_and_random_state_alone():
    model = network().eval()
    before, state = copy.deepcopy(model.state_dict()), torch.get_rng_state()
    assert seconds_per_step(model, (32, 32, 32), 2) > 0
    assert all(torch.equal(before[name], value) for name, value in model.state_dict().items())
    assert torch.equal(state, torch.get_rng_state()) and not model.training
    assert all(parameter.grad is None for parameter in model.parameters())


@pytest.mark.parametrize("minutes", [0, -1, float("inf"), float("nan"), "5", True])
def test_no_time(minutes):
    with pytest.raises(ConfigError, match="minutes: is no time"):
        epochs_within(minutes, network(), (32, 32, 32), 2, 5)


def test_no_step():
    with pytest.raises(ConfigError, match="no step in an epoch"):
        epochs_within(1, network(), (32, 32, 32), 2, 0)
