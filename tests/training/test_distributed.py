"""Where a process of a group computes."""

import pytest
import torch

from smart_nets.errors import ConfigError
from smart_nets.training.distributed import check_alone, own_device


@pytest.mark.parametrize(("gpu", "device"), [(True, "cuda:3"), (False, "cpu")])
def test_the_gpu_of_this_process_or_the_cpu(monkeypatch, gpu, device):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: gpu)
    monkeypatch.setattr(torch.cuda, "current_device", lambda: 3)
    assert own_device() == torch.device(device)


@pytest.mark.parametrize("told", [None, "1", ""])
def test_one_process_may_work_alone(monkeypatch, told):
    monkeypatch.delenv("WORLD_SIZE", raising=False)
    if told is not None:
        monkeypatch.setenv("WORLD_SIZE", told)
    check_alone()


@pytest.mark.parametrize("told", ["2", "16"])
def test_several_processes_that_have_not_joined_are_refused(monkeypatch, told):
    monkeypatch.setenv("WORLD_SIZE", told)
    with pytest.raises(ConfigError, match=rf"several processes would .* found {told}\); .*add multi_gpu_train.json"):
        check_alone()
