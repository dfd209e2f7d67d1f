"""Where a process of a group computes."""

import pytest
import torch

from smart_nets.training.distributed import own_device


@pytest.mark.parametrize(("gpu", "device"), [(True, "cuda:3"), (False, "cpu")])
def test_the_gpu_of_this_process_or_the_cpu(monkeypatch, gpu, device):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: gpu)
    monkeypatch.setattr(torch.cuda, "current_device", lambda: 3)
    assert own_device() == torch.device(device)
