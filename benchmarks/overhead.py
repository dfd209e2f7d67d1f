"""What safety costs a pretraining run of preset tiny: states and health as shares of an epoch, and the size of a state.

    python benchmarks/overhead.py          prints the result, writes benchmarks/results/overhead.json

A real run of two epochs on phantoms, in which the parts are timed; shares, since times are those of the machine.
"""

from __future__ import annotations

import json
import math
import tempfile
import time
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import torch
from monai.bundle import run

from smart_nets.pretrain.health.watch import Watch
from smart_nets.pretrain.instruments import MEASURED, Instruments
from smart_nets.training.checkpoint import SHARE, TrainingState
from smart_nets.training.run_record import hardware

ROOT = Path(__file__).parents[1]
RESULTS = Path(__file__).parent / "results" / "overhead.json"
CONFIG = ROOT / "bundles" / "smart_pretrain" / "configs" / "train.json"
EPOCHS = 2
TINY = 10  # epochs of the preset
TARGETS = {"state_share": 0.03, "health_share": 0.03, "state_in_students": 4}


def timed(function: Callable[..., Any], into: list[float]) -> Callable[..., Any]:
    """The function, whose seconds are noted."""

    def call(*args: Any, **options: Any) -> Any:
        clock = time.perf_counter()
        try:
            return function(*args, **options)
        finally:
            into.append(time.perf_counter() - clock)

    return call


def main() -> None:
    """Run, print and keep."""
    saves: list[float] = []
    health: list[float] = []
    TrainingState.save = timed(TrainingState.save, saves)  # type: ignore[method-assign]
    Instruments.measure = timed(Instruments.measure, health)  # type: ignore[method-assign]
    Watch.add, Watch.finish_epoch = timed(Watch.add, health), timed(Watch.finish_epoch, health)  # type: ignore[method-assign]
    with tempfile.TemporaryDirectory() as folder:
        run(config_file=str(CONFIG), output_dir=folder, preset="tiny", max_epochs=EPOCHS, save_minutes=0)
        state_file = Path(folder) / "eval" / "training_state.pt"
        state = torch.load(state_file, weights_only=True)
        lines = [json.loads(line) for line in (state_file.parent / "metrics.jsonl").read_text().splitlines()]
        size = state_file.stat().st_size
    trained = sum(value.nbytes for name, value in state["network"].items() if not name.startswith("teacher."))
    epoch = sum(
        line["seconds"] for line in lines[len(lines) // 2 :]
    )  # the last, with nothing but steps, saves and health in it
    per_epoch = epoch - sum(saves) / EPOCHS
    every = math.ceil(TINY / MEASURED)
    times = len({*range(every, TINY + 1, every), TINY}) / TINY  # how often an epoch of a whole run is measured
    one, measured = sorted(saves)[len(saves) // 2], sum(health[1:]) / EPOCHS * times  # the first is before training
    figures = {
        "one_save_s": one,
        "epoch_s": per_epoch,
        "state_share": SHARE,  # by construction; below, where one is written after each epoch
        "state_share_if_each_epoch": one / per_epoch,
        "health_share": measured / per_epoch,
        "state_mb": size / 1e6,
        "state_in_students": size / trained,
    }
    told = {name: round(value, 4) for name, value in figures.items()}
    print(json.dumps(told, indent=1))
    facts = {"date": date.today().isoformat(), "machine": hardware(), "targets": TARGETS}
    RESULTS.write_text(json.dumps({**facts, "measured": told}, indent=1) + "\n")


if __name__ == "__main__":
    main()
