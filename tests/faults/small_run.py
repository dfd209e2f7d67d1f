"""A small but whole pretraining run in a process of its own, to be killed, stopped and starved by the tests."""

from __future__ import annotations

import json
import multiprocessing
import os
import sys
import time
from collections.abc import Callable
from datetime import timedelta
from multiprocessing import forkserver
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import torch
import torch.distributed as dist
from fixtures.small import HEADS, SAVED
from ignite.engine import Events
from monai.engines import SupervisedTrainer
from monai.transforms import Compose
from torch.nn.parallel import DistributedDataParallel
from torch.utils.data import DataLoader

from smart_nets.lists.store import CachedScan
from smart_nets.networks.encoder import SmartEncoder
from smart_nets.pretrain.co_distillation import CoDistillation
from smart_nets.pretrain.masking import StudentMask
from smart_nets.pretrain.schedules import Schedules
from smart_nets.pretrain.taps import Taps
from smart_nets.pretrain.update import CoDistillationUpdate
from smart_nets.pretrain.views import TwoViewsd
from smart_nets.training.bad_batches import BadBatches
from smart_nets.training.checkpoint import TrainingState
from smart_nets.training.logs import JsonLines
from smart_nets.training.run_record import RunRecord
from smart_nets.training.seeds import SeededDataset, SeededSampler, SeededSteps
from smart_nets.training.signals import deaf_worker
from smart_nets.training.weights_saver import WeightsSaver

PROCESSES = multiprocessing.get_context("forkserver")
PROCESSES.set_forkserver_preload(["faults.small_run"])
SEED, SCANS, BATCH = 7, 5, 2
STEPS = SCANS * 4 // BATCH  # of an epoch


class Scan:
    """A transform: noise in place of the scan of an item's number."""

    def __call__(self, item: dict[str, Any]) -> dict[str, Any]:
        number = int(item["image"].split("_")[1])
        array = np.random.default_rng(number).integers(-175, 250, (40, 36, 38)).astype(np.int16)
        return {"image": CachedScan(array, np.eye(4), item["image"])}


def train(
    folder: Path, epochs: int = 2, workers: int = 0, rank: int = 0, ranks: int = 1, meet: str = "",
    before: Callable[[SupervisedTrainer], None] | None = None, **state: Any,
) -> None:  # fmt: skip
    """A run as the bundle wires it, into `folder`.

    Args:
        meet: file at which ranks meet.
        before: gets the trainer before it runs.
        state: further settings of `TrainingState`.
    """
    torch.set_num_threads(1)
    if ranks > 1:
        wait = timedelta(seconds=10)
        dist.init_process_group("gloo", init_method=f"file://{meet}", rank=rank, world_size=ranks, timeout=wait)
    torch.manual_seed(SEED)
    model: torch.nn.Module = CoDistillation(
        SmartEncoder(**SAVED), StudentMask(), **HEADS, drop_grid="patch", taps=Taps(image_stage=2)
    )
    network = DistributedDataParallel(model) if ranks > 1 else model
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)
    items = [{"image": f"scan_{number}"} for number in range(SCANS)] * 4
    data = SeededDataset(items, Compose([Scan(), TwoViewsd("image", (32, 32, 32), None)]))
    sampler = SeededSampler(data, SEED, rank, ranks)
    loader = DataLoader(data, BATCH // ranks, sampler=sampler, num_workers=workers, worker_init_fn=deaf_worker)
    path = folder / "eval" / "training_state.pt"
    settings = {"minutes": 0.0, **state}
    trainer = SupervisedTrainer(
        device="cpu", max_epochs=epochs, train_data_loader=loader, network=network, optimizer=optimizer,
        loss_function=None,
        iteration_update=CoDistillationUpdate(
            Schedules(max_epochs=epochs, peak_lr=1e-3, warmup_epochs=0),
            bad_batches=BadBatches(path.parent / "bad_batches", rank),
        ),
        train_handlers=[
            TrainingState(path, network, optimizer, rank=rank, **settings),
            SeededSteps(SEED, sampler, BATCH // ranks, rank),
            RunRecord(path.with_name("run.json"), {"title": "a run"}, rank),
            JsonLines(path.with_name("metrics.jsonl")),
            WeightsSaver(model.student.encoder, folder / "models" / "model.pt", {}, path.with_name("run.json"), 1, rank),
        ],
    )  # fmt: skip
    if before is not None:
        before(trainer)
    trainer.run()
    if ranks > 1:
        dist.destroy_process_group()


def start(folder: Path, **options: Any) -> multiprocessing.process.BaseProcess:
    """`train` in a process of its own, which finds its libraries loaded and may be killed."""
    with mock.patch.dict(os.environ, PYTHONPATH=os.pathsep.join(sys.path)):  # or it would load nothing beforehand
        forkserver.ensure_running()
    child = PROCESSES.Process(target=_child, args=(folder,), kwargs=options)
    child.start()
    while child.is_alive() and os.getpgid(child.pid) != child.pid:
        time.sleep(0.001)
    return child


def stuck(trainer: SupervisedTrainer) -> None:
    """For `before`: the second step takes for ever."""
    trainer.add_event_handler(Events.ITERATION_STARTED(once=2), _wait)


def _wait() -> None:
    while True:
        time.sleep(1)


def _child(folder: Path, **options: Any) -> None:
    os.setpgid(0, 0)  # so that its own workers can be killed with it
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "told.txt").open("wb") as file:
        os.dup2(file.fileno(), 2)
    train(folder, **options)


def told(folder: Path) -> str:
    """What the last run printed to its standard error."""
    return (folder / "told.txt").read_text()


def wait_for(child: multiprocessing.process.BaseProcess, folder: Path, step: int) -> None:
    """Until the run has logged this step, or has ended."""
    while child.is_alive() and len(lines(folder)) < step:
        time.sleep(0.01)


def lines(folder: Path) -> list[dict[str, Any]]:
    """What metrics.jsonl tells, but for the time that steps took."""
    path = folder / "eval" / "metrics.jsonl"
    text = path.read_text() if path.exists() else ""
    return [
        {name: value for name, value in json.loads(line).items() if name != "seconds"} for line in text.splitlines()
    ]


def weights(folder: Path) -> dict[str, torch.Tensor]:
    return torch.load(folder / "models" / "model.pt", weights_only=True)


def same(one: Path, other: Path) -> bool:
    """Whether two runs ended with the same weights, bit by bit, and the same lines."""
    a, b = weights(one), weights(other)
    return a.keys() == b.keys() and all(torch.equal(a[name], b[name]) for name in a) and lines(one) == lines(other)
