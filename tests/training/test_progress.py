from __future__ import annotations

import io
import json
import logging
import math
import re
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
from ignite.engine import Engine, Events
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from smart_nets.errors import ConfigError, InputError
from smart_nets.pretrain.health.watch import Watch
from smart_nets.training.logs import JsonLines, TensorBoard
from smart_nets.training.progress import Measures, Progress, batch_size

Step = Callable[[Engine, Any], dict[str, Any]]


def trainer(step: Step | None = None) -> Engine:
    def default(engine: Engine, batch: Any) -> dict[str, Any]:
        loss = 1.0 / engine.state.iteration
        return {"loss": torch.tensor(loss), "log": {"loss": loss, "amip": 0.1, "teacher_entropy": {"aitd": 5.0}}}

    return Engine(step or default)


def batches(number: int, size: int = 4) -> Sequence[dict[str, torch.Tensor]]:
    return [{"views": torch.zeros(size, 2, 1, 2, 2, 2)}] * number


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line, parse_constant=pytest.fail) for line in path.read_text().splitlines() if line]


# --- one line per epoch, or a bar


def test_one_line_per_epoch_with_means(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    engine = trainer()
    Progress(2, Watch(2)).attach(engine)
    engine.run(batches(2), max_epochs=2)
    shown = [record.message for record in caplog.records if record.name.endswith("progress")]
    # losses 1, 1/2 | 1/3, 1/4: means 0.75 and 0.2917
    assert re.fullmatch(r"epoch 1/2  loss 0\.75  amip 0\.1  [\d.]+ scans/s  remaining \d:\d\d:\d\d", shown[0])
    assert re.fullmatch(r"epoch 2/2  loss 0\.2917  amip 0\.1  [\d.]+ scans/s  remaining 0:00:00", shown[1])
    assert len(shown) == 2
    assert not [record for record in caplog.records if record.message.startswith("Epoch[")], "ignite told it once more"


def test_an_evaluation_is_told_in_one_line(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    engine = trainer()
    engine.add_event_handler(Events.COMPLETED, lambda: engine.state.metrics.update(mean_dice=0.21991, each=[0.2]))
    Measures().attach(engine)
    engine.run(batches(2), max_epochs=1)
    assert caplog.messages[1:] == ["held-out cases: mean_dice 0.2199"]  # ignite says first that it starts


def test_rate_and_remaining_time(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    clock = [0.0]
    monkeypatch.setattr("smart_nets.training.progress.time.perf_counter", lambda: clock[0])

    def slow(engine: Engine, batch: Any) -> dict[str, Any]:
        clock[0] += 10
        return {"log": {"loss": 1.0}}

    engine = trainer(slow)
    Progress(5).attach(engine)
    engine.run(batches(3, size=4), max_epochs=2)
    # 3 steps of 10 s with 4 scans: 0.4 scans/s; after epoch 1 of 5 there are 12 steps, 120 s, left
    assert "0.4 scans/s  remaining 0:02:00" in caplog.text and "0.4 scans/s  remaining 0:01:30" in caplog.text


def test_remaining_time_after_a_resume_counts_this_runs_steps(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    clock = [0.0]
    monkeypatch.setattr("smart_nets.training.progress.time.perf_counter", lambda: clock[0])

    def slow(engine: Engine, batch: Any) -> dict[str, Any]:
        clock[0] += 10
        return {"log": {"loss": 1.0}}

    engine = trainer(slow)
    Progress(5).attach(engine)
    engine.load_state_dict({"epoch": 3, "max_epochs": 5, "epoch_length": 3})
    engine.run(batches(3))
    assert "epoch 4/5  loss 1  0.4 scans/s  remaining 0:00:30" in caplog.text


def test_nan_stays_out_of_the_mean_and_is_told(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    engine = trainer(lambda e, b: {"log": {"loss": math.nan if e.state.iteration == 1 else 2.0}})
    Progress(1).attach(engine)
    engine.run(batches(3), max_epochs=1)
    assert "loss 2  " in caplog.text and "loss not finite in 1 of 3 steps" in caplog.text


def test_a_void_method_is_told_at_the_end_of_the_line(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    engine = trainer(lambda e, b: {"log": {"loss": 1.0, "mask_lost": 0.98, "lost": 0.7}})
    Progress(2, Watch(2)).attach(engine)
    engine.run(batches(2), max_epochs=2)
    shown = [record.message for record in caplog.records if "scans/s" in record.message]
    assert len(shown) == 2 and all(line.endswith("  health red: mask") for line in shown)
    assert caplog.text.count("The mask repeats the teacher's noise: 98%") == 1


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_bar_on_a_terminal(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    screen = Terminal()
    monkeypatch.setattr(sys, "stderr", screen)
    engine = trainer()
    Progress(3).attach(engine)
    engine.run(batches(4), max_epochs=3)
    last = screen.getvalue().rstrip().split("\r")[-1]
    assert re.match(r"epoch 3/3  loss 0\.083  [\d.]+ scans/s 100%\|", last) and "remaining 00:00" in last
    assert not [record for record in caplog.records if record.name.endswith("progress")]


def test_a_resumed_bar_starts_where_the_run_stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    screen = Terminal()
    monkeypatch.setattr(sys, "stderr", screen)
    engine = trainer()
    Progress(4).attach(engine)
    engine.load_state_dict({"epoch": 3, "max_epochs": 4, "epoch_length": 2})
    engine.run(batches(2))
    assert " 75%|" in screen.getvalue().split("\r")[1]


@pytest.mark.parametrize("epochs", [0, -1])
def test_epochs_must_be_positive(epochs: int) -> None:
    with pytest.raises(ConfigError, match="total_epochs"):
        Progress(epochs)


# --- a line of JSON per step


def test_every_step_is_a_line_on_disk_before_the_next(tmp_path: Path) -> None:
    path, counts = tmp_path / "new" / "metrics.jsonl", []
    engine = trainer()
    JsonLines(path).attach(engine)
    engine.add_event_handler(Events.ITERATION_COMPLETED, lambda: counts.append(len(lines(path))))
    engine.run(batches(3), max_epochs=1)
    assert counts == [1, 2, 3]
    assert lines(path)[1] == {"step": 2, "epoch": 1, "loss": 0.5, "amip": 0.1, "teacher_entropy": {"aitd": 5.0}}


def test_tensors_become_numbers_and_nan_null(tmp_path: Path) -> None:
    path = tmp_path / "m.jsonl"
    log = {"step": torch.tensor(7), "loss": torch.tensor(0.5), "amip": math.nan, "e": {"aitd": torch.tensor(math.inf)}}
    engine = trainer(lambda e, b: {"log": log})
    JsonLines(path).attach(engine)
    engine.run(batches(1), max_epochs=1)
    assert lines(path) == [{"step": 7, "epoch": 1, "loss": 0.5, "amip": None, "e": {"aitd": None}}]
    assert '"step": 7,' in path.read_text()


@pytest.mark.parametrize("before", ['{"step": 1}\n{"st', '{"step": 1}\n{"step": 2, "loss": 9}\n', '{"step": 1}\n[3]\n'])
def test_a_run_that_goes_on_keeps_the_lines_of_the_steps_it_goes_on_from(tmp_path: Path, before: str) -> None:
    path = tmp_path / "m.jsonl"
    path.write_text(before)
    engine = trainer()
    JsonLines(path).attach(engine)
    engine.load_state_dict({"iteration": 1, "max_epochs": 1, "epoch_length": 3})
    engine.run(batches(3))
    assert [row["step"] for row in lines(path)] == [1, 2, 3] and lines(path)[1]["loss"] == 0.5


def test_a_new_run_does_not_mix_with_an_old_one(tmp_path: Path) -> None:
    path = tmp_path / "m.jsonl"
    path.write_text('{"step": 1, "loss": 99}\n{"step": 2, "loss": 99}\n{"step": 3, "loss": 99}\n')
    engine = trainer()
    JsonLines(path).attach(engine)
    engine.run(batches(2), max_epochs=1)
    assert [row["step"] for row in lines(path)] == [1, 2]


def test_an_unwritable_log_stops_before_the_first_step(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    engine = trainer(lambda e, b: pytest.fail("a step was taken"))
    JsonLines(tmp_path / "file" / "m.jsonl").attach(engine)
    with pytest.raises(InputError, match=r"m\.jsonl: cannot be written"):
        engine.run(batches(1), max_epochs=1)


# --- TensorBoard


def scalars(folder: Path) -> dict[str, list[tuple[int, float]]]:
    events = EventAccumulator(str(folder)).Reload()
    return {tag: [(e.step, e.value) for e in events.Scalars(tag)] for tag in events.Tags()["scalars"]}


def test_scalars_with_nested_names(tmp_path: Path) -> None:
    engine = trainer()
    TensorBoard(tmp_path).attach(engine)
    engine.run(batches(2), max_epochs=1)
    assert scalars(tmp_path) == {
        "loss": [(1, 1.0), (2, 0.5)],
        "amip": [(1, pytest.approx(0.1)), (2, pytest.approx(0.1))],
        "teacher_entropy/aitd": [(1, 5.0), (2, 5.0)],
    }


def test_an_error_in_training_passes_and_loses_no_step(tmp_path: Path) -> None:
    def fails(engine: Engine, batch: Any) -> dict[str, Any]:
        if engine.state.iteration == 3:
            raise RuntimeError("out of memory")
        return {"log": {"loss": 1.0, "step": engine.state.iteration + 100}}

    engine = trainer(fails)
    handler = TensorBoard(tmp_path)
    handler.attach(engine)
    with pytest.raises(RuntimeError, match="out of memory"):
        engine.run(batches(5), max_epochs=1)
    assert scalars(tmp_path) == {"loss": [(101, 1.0), (102, 1.0)]}


def test_tensorboard_needs_a_folder(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    engine = trainer()
    TensorBoard(tmp_path / "file").attach(engine)
    with pytest.raises(InputError, match="file: cannot be written"):
        engine.run(batches(1), max_epochs=1)


# --- all three


@pytest.mark.parametrize("make", [lambda p: Progress(1), lambda p: JsonLines(p / "m.jsonl"), lambda p: TensorBoard(p)])
@pytest.mark.parametrize(
    ("output", "message"),
    [
        (None, "under .log."),
        ({"loss": 1.0}, "under .log."),
        ({"log": {"a": {"b": "high"}}}, "log a/b: is not a number"),
        ({"log": {"loss": torch.zeros(2)}}, "log loss: is not a number"),
    ],
)
def test_a_step_without_numbers_is_refused(
    tmp_path: Path, make: Callable[[Path], Any], output: Any, message: str
) -> None:
    engine = trainer(lambda e, b: output)
    make(tmp_path).attach(engine)
    with pytest.raises(ConfigError, match=message):
        engine.run(batches(1), max_epochs=1)


def test_other_ranks_write_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    monkeypatch.setattr("smart_nets.training.progress.rank", lambda: 1)
    monkeypatch.setattr("smart_nets.training.logs.rank", lambda: 1)
    engine = trainer()
    for handler in (Progress(1), JsonLines(tmp_path / "m.jsonl"), TensorBoard(tmp_path / "tb")):
        handler.attach(engine)
    engine.run(batches(1), max_epochs=1)
    assert list(tmp_path.iterdir()) == [] and "scans/s" not in caplog.text


@pytest.mark.parametrize(
    ("batch", "size"),
    [
        (torch.zeros(3, 1), 3),
        ({"path": ["a"], "views": torch.zeros(2, 5)}, 2),
        ([torch.zeros(4), torch.zeros(4)], 4),
        ({"name": "x"}, 0),
        (None, 0),
    ],
)
def test_batch_sizes(batch: Any, size: int) -> None:
    assert batch_size(batch) == size
