"""Thousands of steps leave no trace in memory or among open files."""

import os

import pytest
import torch
from faults.small_run import Scan
from ignite.engine import Engine
from torch.utils.data import DataLoader

from smart_nets.training.checkpoint import TrainingState
from smart_nets.training.logs import JsonLines
from smart_nets.training.seeds import SeededDataset, SeededSampler, SeededSteps

STEPS = int(os.environ.get("SMART_SOAK", "600"))  # `make test-faults` asks for 5,000


def used() -> tuple[float, int]:
    """Megabytes in memory and open files of this process."""
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6, len(os.listdir("/proc/self/fd"))


@pytest.mark.skipif(not os.path.exists("/proc/self/statm"), reason="memory is read from /proc")
def test_memory_and_files_stay_as_they_are(tmp_path):
    net = torch.nn.Linear(64, 64)
    optimizer = torch.optim.AdamW(net.parameters())
    data = SeededDataset(
        [{"image": "scan_1"}] * 100, lambda item: Scan()(item)["image"].array[:4, :4, :4].astype("float32")
    )
    sampler, seen = SeededSampler(data, 1), []

    def step(engine, batch):
        loss = net(batch.flatten(1)).square().mean()
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        if engine.state.iteration % (STEPS // 10) == 0:
            seen.append(used())
        return {"log": {"loss": float(loss.detach())}}

    engine = Engine(step)
    for handler in (
        TrainingState(tmp_path / "state.pt", net, optimizer, minutes=0.001),
        SeededSteps(1, sampler, 1),
        JsonLines(tmp_path / "m.jsonl"),
    ):
        handler.attach(engine)
    engine.run(DataLoader(data, 1, sampler=sampler), max_epochs=STEPS // 100)
    (memory, files), (last_memory, last_files) = seen[1], seen[-1]
    assert last_memory - memory < 5 and last_files == files, seen
