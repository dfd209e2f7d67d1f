"""A whole training run in a few lines, for tests that watch what a run does."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from monai.engines import SupervisedTrainer

from smart_nets.networks.encoder import SmartEncoder
from smart_nets.training.co_distillation import CoDistillation
from smart_nets.training.optimisation import parameter_groups
from smart_nets.training.schedules import Schedules
from smart_nets.training.trainer import CoDistillationUpdate

SMALL = {"embed_dim": 12, "depths": (1, 1, 1, 1), "num_heads": (1, 1, 2, 2), "sa_heads": 4, "drop_path_rate": 0.0}


@pytest.fixture
def make_trainer() -> Callable[..., SupervisedTrainer]:
    def make(batches: list, epochs: int = 1, model_options: dict | None = None, **update) -> SupervisedTrainer:
        torch.manual_seed(0)
        options = {"out_dim": 64, "hidden": 32, "bottleneck": 16, "patch_drop_ratio": 0.0} | (model_options or {})
        network = CoDistillation(SmartEncoder(**SMALL), **options)
        optimizer = torch.optim.AdamW(parameter_groups(network), lr=1e-3)
        schedules = Schedules(max_epochs=epochs, peak_lr=1e-3, warmup_epochs=0, momentum=(0.9, 0.9))
        return SupervisedTrainer(
            device="cpu", max_epochs=epochs, train_data_loader=batches, network=network, optimizer=optimizer,
            loss_function=None, iteration_update=CoDistillationUpdate(schedules, **update),
        )  # fmt: skip

    return make
