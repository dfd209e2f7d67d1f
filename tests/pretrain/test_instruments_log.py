"""The instruments' numbers on their way into the log, odd ones too."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from ignite.engine import Engine
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from smart_nets.organs.probe import OrganCrops
from smart_nets.pages.metrics_log import read_metrics
from smart_nets.pretrain.instruments import Instruments, effective_rank
from smart_nets.training.logs import JsonLines, TensorBoard


def test_features_that_are_no_numbers_have_no_rank() -> None:
    assert math.isnan(effective_rank(torch.full((5, 3), math.nan)))


@pytest.mark.parametrize("resumed", [False, True])
def test_numbers_reach_every_logger(
    make_trainer: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, resumed: bool
) -> None:
    engine = make_trainer([{"views": torch.rand(2, 2, 1, 32, 32, 32)}] * 2, epochs=2)
    measured = {"rank_cls": 2.5, "attention_brightness": math.nan}
    monkeypatch.setattr(Instruments, "measure", lambda self: dict(measured))
    crops = OrganCrops(torch.zeros(2, 1, 32, 32, 32), ["liver", "heart"], ["a", "b"])
    for handler in (Instruments(engine.network, crops), JsonLines(tmp_path / "m.jsonl"), TensorBoard(tmp_path / "tb")):
        handler.attach(engine)
    if resumed:
        engine.state.epoch, engine.state.iteration = 1, 2
        Engine.run(engine, engine.data_loader, max_epochs=2)
    else:
        engine.run()
    lines = {line["step"]: line for line in map(json.loads, (tmp_path / "m.jsonl").read_text().splitlines())}
    assert [step for step, line in lines.items() if "instruments" in line] == ([4] if resumed else [1, 2, 4])
    assert lines[4]["instruments"] == {"rank_cls": 2.5, "attention_brightness": None}
    assert read_metrics(tmp_path / "m.jsonl", [])["instruments/rank_cls"].ends() == (2.5, 2.5)
    assert "instruments/rank_cls" in EventAccumulator(str(tmp_path / "tb")).Reload().Tags()["scalars"]
