"""Chance depends on seed and place alone: the same in any order, process and attempt."""

import random

import numpy as np
import pytest
import torch
from ignite.engine import Engine
from monai.transforms import Compose, RandShiftIntensity
from torch.utils.data import DataLoader

from smart_nets.errors import ConfigError
from smart_nets.training.seeds import Draw, SeededDataset, SeededSampler, SeededSteps, seed_of


def test_seeds_are_known_and_unlike():
    assert seed_of(7, 1, 2) == seed_of(7, 1, 2)
    assert (
        len({seed_of(seed, stream, step) for seed in range(9) for stream in range(3) for step in range(99)})
        == 9 * 3 * 99
    )


def shifted() -> SeededDataset:
    return SeededDataset([torch.tensor([float(n)]) for n in range(6)], Compose([RandShiftIntensity(9.0, prob=1.0)]))  # type: ignore[list-item]


def epochs(workers: int, skipped: int = 0) -> list[list[float]]:
    data = shifted()
    sampler = SeededSampler(data, seed=3)
    loader = DataLoader(data, batch_size=2, sampler=sampler, num_workers=workers)
    found = []
    for epoch in (1, 2):
        sampler.go_to(epoch, skipped if epoch == 1 else 0)
        found.append([float(value) for batch in loader for value in batch])
    return found


def test_workers_change_nothing_and_epochs_differ():
    first, second = epochs(0)
    assert epochs(2) == [first, second] == epochs(0)
    assert first != second and len(first) == 6


def test_a_run_that_goes_on_draws_what_it_would_have_drawn():
    whole, rest = epochs(0), epochs(0, skipped=4)
    assert rest == [whole[0][4:], whole[1]]


@pytest.mark.parametrize("size", [7, 8, 1])
def test_ranks_share_an_epoch_and_have_as_many(size):
    samplers = [SeededSampler(range(size), 3, rank, 3) for rank in range(3)]
    drawn = [list(sampler) for sampler in samplers]
    assert [len(each) for each in drawn] == [-(-size // 3)] * 3 == [len(sampler) for sampler in samplers]
    assert {draw.item for each in drawn for draw in each} == set(range(size))
    assert len({draw.seed for each in drawn for draw in each}) == 3 * len(samplers[0]), (
        "a sample that is repeated is another"
    )


def test_steps_are_seeded_and_the_sampler_knows_its_place():
    sampler, drawn = SeededSampler(range(8), 3), []
    engine = Engine(lambda engine, batch: drawn.append((random.random(), np.random.rand(), float(torch.rand(())))))
    SeededSteps(3, sampler, batch_size=2).attach(engine)
    engine.load_state_dict({"iteration": 5, "max_epochs": 2, "epoch_length": 4})
    engine.run([0] * 4)
    assert (sampler.epoch, sampler.skipped, len(drawn)) == (2, 2, 3)
    again = drawn.copy()
    drawn.clear()
    engine.load_state_dict({"iteration": 6, "max_epochs": 2, "epoch_length": 4})
    engine.run([0] * 4)
    assert drawn == again[1:]


@pytest.mark.parametrize(("options", "says"), [({"rank": 2, "ranks": 2}, "rank: is no rank"), ({"rank": -1}, "0 to 0")])
def test_what_is_no_rank(options, says):
    with pytest.raises(ConfigError, match=says):
        SeededSampler(range(3), 1, **options)


@pytest.mark.parametrize("seed", [-1, "a", None, float("nan")])
def test_what_is_no_seed(seed):
    with pytest.raises(ConfigError, match="seed"):
        SeededSampler(range(3), seed)


def test_a_transform_without_chance_is_applied_as_it_is():
    assert SeededDataset([{"a": 1}], dict)[Draw(0, 5)] == {"a": 1}
