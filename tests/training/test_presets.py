"""Which preset a run takes, by name and by hardware."""

from types import SimpleNamespace

import pytest
import torch

from smart_nets.errors import ConfigError
from smart_nets.training.presets import choose_preset

PRESETS = {"tiny": {"batch_size": 2}, "base": {"batch_size": 8}}


def test_by_name():
    assert choose_preset("base", PRESETS) == {"batch_size": 8, "name": "base"}


def test_a_preset_states_what_differs_from_base():
    presets = {"base": {"batch_size": 8, "mask_ratio": 0.7}, "tiny": {"batch_size": 2}}
    assert choose_preset("tiny", presets) == {"batch_size": 2, "mask_ratio": 0.7, "name": "tiny"}


def test_a_preset_states_what_differs_from_the_one_it_is_like():
    presets = {"base": {"batch_size": 8, "seed": 1}, "small": {"batch_size": 2, "places": 4}}
    tiny = choose_preset("tiny", presets | {"tiny": {"like": "small", "batch_size": 1}})
    assert tiny == {"batch_size": 1, "seed": 1, "places": 4, "name": "tiny"}


@pytest.mark.parametrize(("memory_gb", "name"), [(None, "tiny"), (24, "tiny"), (80, "base")])
def test_auto_goes_by_the_hardware(monkeypatch, memory_gb, name):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: memory_gb is not None)
    gpu = SimpleNamespace(total_memory=(memory_gb or 0) * 2**30, name="a GPU")
    monkeypatch.setattr(torch.cuda, "get_device_properties", lambda index: gpu)
    assert choose_preset("auto", PRESETS)["name"] == name


def test_an_unknown_name():
    with pytest.raises(ConfigError, match=r"preset: is not known .expected auto or tiny or base, found huge"):
        choose_preset("huge", PRESETS)
