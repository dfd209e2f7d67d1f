"""Two processes on two halves of a batch end with the parameters of one process on the whole batch."""

from pathlib import Path
from typing import Any

import pytest
import torch
import torch.distributed as dist
import torch.multiprocessing as mp
from fixtures.small import HEADS, SMALL
from monai.engines import SupervisedTrainer
from torch.nn.parallel import DistributedDataParallel

from smart_nets.networks.encoder import SmartEncoder
from smart_nets.pretrain.co_distillation import CoDistillation
from smart_nets.pretrain.schedules import Schedules
from smart_nets.pretrain.update import CoDistillationUpdate
from smart_nets.training.distributed import main_first

STEPS = 3


def train(batches: list[torch.Tensor], wrap: bool, options: dict[str, Any]) -> dict[str, torch.Tensor]:
    """Three steps without randomness: no noise, no drop path, attention-guided masks."""
    torch.manual_seed(0)
    model = CoDistillation(SmartEncoder(**SMALL), **HEADS, patch_drop_ratio=0.0, **options)
    network = DistributedDataParallel(model) if wrap else model
    update = CoDistillationUpdate(
        Schedules(max_epochs=1, peak_lr=0.1, warmup_epochs=0, momentum=(0.5, 0.9)), freeze_epochs=0
    )
    SupervisedTrainer(
        device="cpu", max_epochs=1, train_data_loader=[{"views": views} for views in batches], network=network,
        optimizer=torch.optim.SGD(model.parameters(), lr=0.1), loss_function=None, iteration_update=update,
    ).run()  # fmt: skip
    return model.state_dict()


def worker(rank: int, folder: str, batches: list[torch.Tensor], options: dict[str, Any]) -> None:
    torch.set_num_threads(1)
    dist.init_process_group("gloo", init_method=f"file://{folder}/meet", rank=rank, world_size=2)
    state = train([views[rank : rank + 1] for views in batches], wrap=True, options=options)
    order = main_first(lambda: len(list(Path(folder).glob("made-*"))))
    Path(folder, f"made-{rank}").touch()
    torch.save((state, order), f"{folder}/rank{rank}.pt")
    dist.destroy_process_group()


@pytest.mark.parametrize(
    ("options", "rounding"),
    [
        ({}, 1e-6),
        ({"standardised_heads": ("aitd", "gitd")}, 5e-6),  # dividing by a small spread enlarges it
        ({"centring": "sinkhorn"}, 1e-6),
    ],
    ids=["plain", "standardised", "sinkhorn"],
)
def test_three_steps_equal_the_single_process(tmp_path, options, rounding):
    generator = torch.Generator().manual_seed(5)
    batches = [torch.rand(2, 2, 1, 32, 32, 32, generator=generator) for _ in range(STEPS)]
    mp.spawn(worker, (str(tmp_path), batches, options), nprocs=2)
    single = train(batches, wrap=False, options=options)
    ranks = [torch.load(tmp_path / f"rank{rank}.pt") for rank in (0, 1)]
    for state, _ in ranks:
        for name, value in single.items():
            assert torch.allclose(state[name].float(), value.float(), rtol=0, atol=rounding), name
    moved = torch.nn.utils.parameters_to_vector(
        [v.float() for n, v in single.items() if n.startswith("student.encoder.swin")]
    )
    torch.manual_seed(0)
    fresh = torch.nn.utils.parameters_to_vector([v.float() for v in SmartEncoder(**SMALL).swin.state_dict().values()])
    assert float((moved - fresh).abs().max()) > 1e-3  # it did learn something
