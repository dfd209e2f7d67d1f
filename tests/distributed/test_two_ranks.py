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
CASES: dict[str, tuple[dict[str, Any], float]] = {  # options of the method, rounding of the parameters
    "plain": ({}, 1e-6),
    "standardised": ({"standardised_heads": ("aitd", "gitd")}, 5e-6),  # dividing by a small spread enlarges it
    "sinkhorn": ({"centring": "sinkhorn"}, 1e-6),
}


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


def worker(rank: int, folder: str, batches: list[torch.Tensor]) -> None:
    torch.set_num_threads(1)
    dist.init_process_group("gloo", init_method=f"file://{folder}/meet", rank=rank, world_size=2)
    for name, (options, _) in CASES.items():
        state = train([views[rank : rank + 1] for views in batches], wrap=True, options=options)
        torch.save(state, f"{folder}/{name}{rank}.pt")
    main_first(lambda: first_or_second(Path(folder), rank))
    dist.destroy_process_group()


def first_or_second(folder: Path, rank: int) -> None:
    """Leave a file that tells how many were there before."""
    before = len(list(folder.glob("made-*")))
    (folder / f"made-{rank}").write_text(str(before))


@pytest.fixture(scope="module")
def batches() -> list[torch.Tensor]:
    generator = torch.Generator().manual_seed(5)
    return [torch.rand(2, 2, 1, 32, 32, 32, generator=generator) for _ in range(STEPS)]


@pytest.fixture(scope="module")
def ranks(batches, tmp_path_factory) -> Path:
    """The folder in which two processes left what each case ended with; they are started once."""
    folder = tmp_path_factory.mktemp("ranks")
    mp.spawn(worker, (str(folder), batches), nprocs=2)
    return folder


def test_the_main_process_goes_first(ranks):
    assert [(ranks / f"made-{rank}").read_text() for rank in (0, 1)] == ["0", "1"]


@pytest.mark.parametrize("name", CASES)
def test_three_steps_equal_the_single_process(ranks, batches, name):
    options, rounding = CASES[name]
    single = train(batches, wrap=False, options=options)
    for state in (torch.load(ranks / f"{name}{rank}.pt") for rank in (0, 1)):
        for part, value in single.items():
            assert torch.allclose(state[part].float(), value.float(), rtol=0, atol=rounding), part
    moved = torch.nn.utils.parameters_to_vector(
        [v.float() for n, v in single.items() if n.startswith("student.encoder.swin")]
    )
    torch.manual_seed(0)
    fresh = torch.nn.utils.parameters_to_vector([v.float() for v in SmartEncoder(**SMALL).swin.state_dict().values()])
    assert float((moved - fresh).abs().max()) > 1e-3  # it did learn something
