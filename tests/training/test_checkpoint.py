"""Whether a run may go on, and from where."""

import logging

import pytest
import torch
from ignite.engine import Engine

from smart_nets.errors import CheckpointError, ConfigError
from smart_nets.training.checkpoint import TrainingState, begun_epochs, newest_state, previous_of


@pytest.fixture
def go(tmp_path):
    """Run `epochs` of two steps; returns the steps that were done. `stop` is the step at which the program dies."""

    def go(epochs=3, stop=0, batches=2, net=None, **options):
        net = net or torch.nn.Linear(2, 2)
        optimizer, steps = torch.optim.SGD(net.parameters(), lr=0.1), []

        def step(engine, batch):
            steps.append(engine.state.iteration)
            if engine.state.iteration == stop:
                raise KeyboardInterrupt

        engine = Engine(step)
        options = {"settings": {"max_epochs": 3, "lr": 0.1, "data": "abc"}, "minutes": 0, **options}
        state = TrainingState(tmp_path / "s.pt", net, optimizer, **options)
        state.attach(engine)
        try:
            engine.run([0] * batches, max_epochs=epochs)
        except KeyboardInterrupt:
            state.signals.ignore()
            state.folder.leave()
        return steps

    return go


@pytest.mark.parametrize("resume", ["auto", True, "true", "True", "changed"])
def test_a_run_that_is_not_finished_goes_on(go, resume, tmp_path):
    assert go(stop=4) == [1, 2, 3, 4]
    assert begun_epochs(tmp_path / "s.pt", resume) == 3
    assert go(resume=resume) == [4, 5, 6], "what the last state does not know is done again"
    assert begun_epochs(tmp_path / "s.pt", resume) is None


@pytest.mark.parametrize("resume", [False, "false"])
def test_false_starts_anew_and_nobody_goes_on_with_the_old_run(go, tmp_path, resume):
    go(stop=4)
    assert begun_epochs(tmp_path / "s.pt", resume) is None
    assert go(resume=resume, stop=1) == [1]
    assert newest_state(tmp_path / "s.pt") is None


def test_a_finished_run_is_told(go, caplog):
    go()
    assert go(resume=True) == [], "nothing is left to do"
    assert go() == [1, 2, 3, 4, 5, 6]
    assert "is finished; a new one takes its place" in caplog.text


def test_never_keeps_nothing(go, tmp_path):
    assert go(resume="never") == [1, 2, 3, 4, 5, 6] and not list(tmp_path.iterdir())


def test_true_wants_a_run(go):
    with pytest.raises(CheckpointError, match=r"s\.pt: there is no training state to go on from; check the path"):
        go(resume=True)


OTHER = {"max_epochs": 3, "lr": 0.2, "data": "abcd"}


@pytest.mark.parametrize("resume", ["auto", True])
def test_other_settings_and_data_are_told_by_name(go, resume):
    go(stop=4)
    with pytest.raises(
        CheckpointError, match=r"other settings or data \(found data was abc, is abcd; lr was 0\.1, is 0\.2\)"
    ):
        go(resume=resume, settings=OTHER)


def test_they_are_accepted_when_told_so_and_an_epoch_of_another_length_begins_again(go, caplog):
    go(stop=4)
    assert go(resume="changed", settings=OTHER, batches=5, epochs=2) == [6, 7, 8, 9, 10]
    assert "going on with other settings or data: data was abc, is abcd" in caplog.text


def test_another_network_is_refused_even_so(go):
    go(stop=4)
    with pytest.raises(CheckpointError, match="does not fit this training"):
        go(resume="changed", net=torch.nn.Linear(3, 3))


def test_states_lie_between_optimiser_steps_only(go, tmp_path):
    go(stop=6, batches=3, steps=2, epochs=2)  # optimiser steps after 2, 3, 5 and 6
    assert newest_state(tmp_path / "s.pt")["iteration"] == 5
    assert newest_state(previous_of(tmp_path / "s.pt"))["iteration"] == 3


def test_a_further_round_in_the_same_process_goes_on_with_what_is_there(tmp_path, caplog):
    """As in federated training: the state on disk is not for it."""
    net = torch.nn.Linear(2, 2)
    engine = Engine(lambda engine, batch: None)
    TrainingState(tmp_path / "s.pt", net, torch.optim.SGD(net.parameters(), lr=0.1)).attach(engine)
    engine.run([0, 0], max_epochs=1)
    with torch.no_grad():
        net.weight.fill_(7)
    engine.state.max_epochs = 2
    with caplog.at_level(logging.INFO):
        engine.run([0, 0])
    assert (net.weight == 7).all() and "going on" not in caplog.text


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"resume": "maybe"}, "resume: is not known"),
        ({"minutes": -1}, "save_minutes"),
        ({"minutes": "2"}, "save_minutes"),
    ],
)
def test_settings_that_cannot_be(go, options, says):
    with pytest.raises(ConfigError, match=says):
        go(**options)


@pytest.mark.parametrize(
    "change", [{"iteration": -1}, {"iteration": "3"}, {"epoch_length": 0}, {"settings": []}, {"network": None}]
)
def test_contents_that_are_no_state(go, tmp_path, change):
    go(stop=4)
    previous_of(tmp_path / "s.pt").unlink()
    state = torch.load(tmp_path / "s.pt", weights_only=True)
    torch.save({**state, **change}, tmp_path / "s.pt")
    with pytest.raises(CheckpointError, match=r"is no training state|does not fit this training"):
        go()
