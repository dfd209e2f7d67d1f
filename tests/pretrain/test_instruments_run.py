"""The handler in a tiny training run: when it measures, what joins the log, and that training does not notice."""

import pytest
import torch
from fixtures.small import SAVED
from ignite.engine import Engine, Events

from smart_nets.errors import ConfigError
from smart_nets.networks.encoder import SmartEncoder
from smart_nets.pretrain import instruments
from smart_nets.pretrain.co_distillation import CoDistillation
from smart_nets.pretrain.instruments import Instruments
from smart_nets.pretrain.masking import StudentMask

VIEWS = torch.rand(2, 2, 1, 32, 32, 32, generator=torch.Generator().manual_seed(5))  # two scans, two views
CROPS = torch.rand(3, 1, 32, 32, 32, generator=torch.Generator().manual_seed(6))
ALL = {"rank_pooled", "rank_cls", "attention_brightness", "attention_variation", "mask_overlap", "teacher_moved"}


def logs_of(trainer, handler: Instruments | None = None) -> list[dict]:
    logs: list[dict] = []
    if handler is not None:
        handler.attach(trainer)
    trainer.add_event_handler(Events.ITERATION_COMPLETED, lambda engine: logs.append(engine.state.output[0]["log"]))
    trainer.run()
    return logs


def test_the_first_step_and_the_ends_of_epochs_are_told(make_trainer):
    trainer = make_trainer([{"views": VIEWS}] * 2, epochs=2)
    logs = logs_of(trainer, Instruments(trainer.network, CROPS))
    told = {log["step"]: log["instruments"] for log in logs if "instruments" in log}
    assert list(told) == [1, 2, 4]
    assert all(set(numbers) == ALL - {"mask_overlap"} for numbers in told.values()), "this run has no noise to compare"
    assert told[1]["teacher_moved"] == 0 < told[4]["teacher_moved"]  # the first is measured before training
    assert all(1 <= numbers["rank_pooled"] <= 2.001 for numbers in told.values())  # three points span a plane at most


def test_some_epochs_of_a_long_run_are_measured_and_the_last(make_trainer, monkeypatch):
    handler = Instruments(make_trainer([]).network, CROPS)
    monkeypatch.setattr(handler, "measure", dict)
    engine, logs = Engine(lambda engine, batch: {"log": {"step": engine.state.iteration}}), []
    handler.attach(engine)
    engine.add_event_handler(Events.ITERATION_COMPLETED, lambda engine: logs.append(engine.state.output["log"]))
    engine.run([None], max_epochs=43)  # every eleventh, and the last
    assert [log["step"] for log in logs if "instruments" in log] == [1, 11, 22, 33, 43]


def test_training_does_not_notice(make_trainer):
    losses = []
    for watched in (False, True):
        trainer = make_trainer([{"views": VIEWS}], epochs=3, model_options={"patch_drop_ratio": 0.7})
        handler = Instruments(trainer.network, CROPS) if watched else None
        losses.append([log["loss"] for log in logs_of(trainer, handler)])
    assert losses[0] == losses[1]


@pytest.mark.parametrize("training", [True, False])
def test_mode_and_random_state_stay(make_trainer, training):
    network = make_trainer([], model_options={"patch_drop_ratio": 0.7}).network.train(training)
    handler = Instruments(network, CROPS)
    torch.manual_seed(11)
    before = torch.get_rng_state()
    first, second = handler.measure(), handler.measure()
    assert torch.equal(torch.get_rng_state(), before)
    assert network.student.encoder.training is training
    assert first == second and set(first) == ALL  # the same noise every time
    assert all(parameter.grad is None for parameter in network.parameters())


def test_a_large_set_is_measured_in_parts(make_trainer):
    network = make_trainer([]).network
    crops = torch.rand(18, 1, 32, 32, 32)
    sizes: list[int] = []
    handler = Instruments(network, crops)
    network.student.encoder.register_forward_hook(lambda module, args, out: sizes.append(len(args[0])))
    numbers = handler.measure()
    assert sizes == [16, 2]
    with torch.no_grad():
        whole = network.student.encoder.eval()(crops)
    assert numbers["rank_pooled"] == pytest.approx(instruments.effective_rank(whole.pooled), rel=1e-3)
    assert numbers["attention_variation"] == pytest.approx(instruments.variation(whole.satt), rel=1e-3)


@pytest.mark.parametrize(("crops", "rank"), [(CROPS, 1), (None, 0)], ids=["rank 1", "no crops"])
def test_nothing_is_measured(make_trainer, crops, rank):
    trainer = make_trainer([{"views": VIEWS}])
    handler = Instruments(trainer.network, crops, rank)
    handler.measure = lambda: pytest.fail("measured")
    assert not any("instruments" in log for log in logs_of(trainer, handler))


def test_an_encoder_without_attention_has_a_rank_and_moves():
    encoder = SmartEncoder(**SAVED | {"sa_stage": None})
    network = CoDistillation(encoder, StudentMask("random"), {"gitd": 1.0}, out_dim=8, hidden=8, bottleneck=8)
    handler = Instruments(network, CROPS)
    assert set(handler.measure()) == {"rank_pooled", "teacher_moved"}


def test_a_wrapped_network_is_measured_like_a_bare_one(make_trainer):
    class Wrapped(torch.nn.Module):  # as DistributedDataParallel does
        def __init__(self, module):
            super().__init__()
            self.module = module

    network = make_trainer([]).network
    bare, wrapped = Instruments(network, CROPS), Instruments(Wrapped(network), CROPS)
    assert bare.measure() == wrapped.measure()


@pytest.mark.parametrize("shape", [(1, 1, 32, 32, 32), (1, 32, 32, 32)], ids=["one crop", "no batch"])
def test_crops_that_tell_nothing(shape):
    with pytest.raises(ConfigError, match="two crops"):
        Instruments(torch.nn.Identity(), torch.zeros(shape))
