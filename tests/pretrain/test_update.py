"""What surrounds the step: accumulation, the frozen last layer, schedules per step, and steps that are not taken."""

import copy

import pytest
import torch
from ignite.engine import Events

from smart_nets.errors import ConfigError, TrainingHealthError
from smart_nets.pretrain.masking import StudentMask, attentive
from smart_nets.pretrain.update import CoDistillationUpdate, two_views

VIEWS = torch.rand(2, 2, 1, 32, 32, 32, generator=torch.Generator().manual_seed(5))  # two scans, two views


def parameters(trainer) -> dict[str, torch.Tensor]:
    return {name: value.detach().clone() for name, value in trainer.network.state_dict().items()}


def test_views_are_ordered_u_then_v():
    batch = torch.tensor([[[10], [11]], [[20], [21]]])  # scan 1: u=10, v=11; scan 2: u=20, v=21
    assert two_views(batch).flatten().tolist() == [10, 20, 11, 21]


def test_two_small_batches_accumulated_equal_one_large(make_trainer):
    whole = make_trainer([{"views": VIEWS}], freeze_epochs=0)
    parts = make_trainer([{"views": VIEWS[:1]}, {"views": VIEWS[1:]}], freeze_epochs=0, accumulation_steps=2)
    for trainer in (whole, parts):
        for loss in trainer.network.distil.values():
            loss.started.fill_(True)  # the first centre would be that of the first part only
        trainer.optimizer = torch.optim.SGD(trainer.network.parameters(), lr=0.1)  # Adam would magnify rounding
        trainer.run()
    a, b = parameters(whole), parameters(parts)
    assert max(float((a[name].float() - b[name].float()).abs().max()) for name in a) < 1e-6


def test_the_last_layers_rest_in_the_first_epoch(make_trainer):
    trainer = make_trainer([{"views": VIEWS}] * 2, epochs=2, freeze_epochs=1)
    history = []
    trainer.add_event_handler(Events.STARTED | Events.EPOCH_COMPLETED, lambda: history.append(parameters(trainer)))
    trainer.run()
    last = [name for name in history[0] if name.startswith("student.heads") and ".last." in name]
    assert len(last) >= 3
    assert all(torch.equal(history[0][name], history[1][name]) for name in last)
    assert any(not torch.equal(history[1][name], history[2][name]) for name in last)


def test_the_log_follows_the_schedule_every_step(make_trainer):
    trainer = make_trainer([{"views": VIEWS}] * 2, epochs=2)
    logs = []
    trainer.add_event_handler(Events.ITERATION_COMPLETED, lambda engine: logs.append(engine.state.output[0]["log"]))
    trainer.run()
    assert [log["step"] for log in logs] == [1, 2, 3, 4]
    assert [log["epoch"] for log in logs] == [1, 1, 2, 2]
    # a cosine from 1e-3 to 1e-6 after 1/4, 2/4, 3/4 and 4/4 of the run
    assert [log["lr"] for log in logs] == pytest.approx([8.5370e-4, 5.0050e-4, 1.4730e-4, 1e-6], rel=1e-3)
    assert {"loss", "amip", "ampd", "aitd", "gitd", "grad_norm", "momentum", "weight_decay", "seconds"} < set(logs[0])
    for told in ("teacher_entropy", "teacher_information", "gain"):
        assert set(logs[0][told]) == {"ampd", "aitd", "gitd"}, told
    assert logs[0]["amip_relative"] > 0 and "koleo" not in logs[0] and "lost" not in logs[0]  # no noise in this run
    assert trainer.optimizer.param_groups[1]["weight_decay"] == 0.0  # biases and tokens never decay


def test_training_lowers_the_loss(make_trainer):
    trainer = make_trainer([{"views": VIEWS}] * 12)
    losses = []
    trainer.add_event_handler(
        Events.ITERATION_COMPLETED, lambda engine: losses.append(float(engine.state.output[0]["loss"]))
    )
    trainer.run()
    assert losses[-1] < 0.8 * losses[0]


def test_a_poisoned_batch_is_skipped_and_changes_nothing(make_trainer):
    poisoned = VIEWS.clone()
    poisoned[0, 0, 0, 3, 3, 3] = float("nan")
    trainer = make_trainer([{"views": poisoned}])
    before = copy.deepcopy(parameters(trainer))
    trainer.run()
    after = parameters(trainer)
    assert all(torch.equal(before[name], after[name]) for name in before)


def test_views_in_hu_are_windowed_on_the_device(make_trainer):
    hu = torch.randint(-1024, 1024, VIEWS.shape, dtype=torch.int16, generator=torch.Generator().manual_seed(1))
    losses = []
    for views in (hu, ((hu.float() + 175) / 425).clamp(0, 1)):
        trainer = make_trainer([{"views": views}])
        trainer.run()
        losses.append(trainer.state.output[0]["loss"])
    assert torch.allclose(*losses, atol=1e-5)


def test_too_many_bad_steps_stop_the_run(make_trainer):
    poisoned = torch.full_like(VIEWS, float("nan"))
    trainer = make_trainer([{"views": poisoned}] * 4, patience=2)
    with pytest.raises(TrainingHealthError, match="step 3: gradients are not finite"):
        trainer.run()
    assert trainer.state.iteration == 3


def test_random_masks_need_no_attention(make_trainer):
    trainer = make_trainer([{"views": VIEWS}], model_options={"student_mask": StudentMask("block")})
    trainer.run()
    assert torch.isfinite(trainer.state.output[0]["loss"])


def test_noise_and_koleo_are_told_where_they_are(make_trainer):
    weights = {"amip": 1.0, "koleo": 0.1}
    trainer = make_trainer([{"views": VIEWS}], model_options={"weights": weights, "patch_drop_ratio": 0.5})
    trainer.run()
    log = trainer.state.output[0]["log"]
    assert log["lost"] == 0.5 and 0 <= log["mask_lost"] <= 1  # 4 of 8 cells
    assert log["loss"] == pytest.approx(log["amip"] + 0.1 * log["koleo"], rel=1e-5)


@pytest.mark.parametrize(
    ("guided_from", "modes"),
    [
        (0, ["attentive"] * 4),
        (0.5, ["random", *["attentive"] * 3]),
        (1, ["random", "random", "attentive", "attentive"]),
        (2, ["random"] * 4),
    ],
)
def test_the_first_epochs_masks_are_random_and_later_ones_follow_attention(make_trainer, guided_from, modes):
    drawn = []

    class Spy(StudentMask):
        def __call__(self, attention, *args):
            hidden = super().__call__(attention, *args)
            drawn.append((self.mode, attention, hidden))
            return hidden

    trainer = make_trainer(
        [{"views": VIEWS}] * 2, epochs=2, guided_from=guided_from, model_options={"student_mask": Spy(hint_ratio=0.0)}
    )
    trainer.run()
    assert [mode for mode, _, _ in drawn] == modes
    for mode, attention, hidden in drawn:
        if mode == "random":
            assert attention is None and hidden.sum(1).tolist() == [6] * 4  # ceil(.7 * 8)
        else:
            assert torch.equal(hidden, attentive(attention, 0.7, 0.0))


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"autocast": "fp16"}, "autocast: is not known"),
        ({"accumulation_steps": 0}, "accumulation_steps"),
        ({"guided_from": -1}, "guided_from: cannot be .expected a number from 0"),
    ],
)
def test_impossible_settings(options, says):
    with pytest.raises(ConfigError, match=says):
        CoDistillationUpdate(schedules=None, **options)
