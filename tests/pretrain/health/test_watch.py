"""What is said of a run while it runs: a colour per epoch, new troubles once, and collapse as soon as it can be known."""

import logging
import math
import re
from pathlib import Path

import pytest

from smart_nets.pretrain.health import rules
from smart_nets.pretrain.health.watch import WINDOW, Watch
from smart_nets.pretrain.losses.distillation import DISTILLED

PAGE = (Path(__file__).parents[3] / "docs" / "troubleshooting.md").read_text()
GOOD = {"mask_lost": 0.7, "lost": 0.7, "gain/aitd": 0.6, "instruments/rank_cls": 12.0}


def test_each_trouble_is_warned_of_once(caplog: pytest.LogCaptureFixture) -> None:
    watch, lines = Watch(epochs=20), []
    for epoch in range(1, 5):
        watch.start_epoch()
        watch.add(
            {"mask_lost": 0.9, "lost": 0.7, "gain/aitd": 0.6 if epoch < 4 else -0.1, "instruments/rank_cls": 12.0}
        )
        watch.add({"mask_lost": 1.0, "lost": 0.7, "gain/aitd": math.nan})
        lines.append(watch.finish_epoch(epoch))
    assert lines == ["", "health red: mask", "health red: mask", "health red: mask, gain"], (
        "the first of 20 epochs is not judged"
    )
    told = [(record.levelno, record.message[:27]) for record in caplog.records]
    assert told == [(logging.WARNING, f"epoch {each}") for each in ("2: The mask repeats t", "4: The student does n")]
    assert "95% of the hidden cells" in caplog.text, "the mean of the epoch"


@pytest.mark.parametrize(
    ("changed", "colour"),
    [
        ({}, "health green"),
        ({"gain/aitd": 0.2}, "health amber: gain"),
        ({"gain/aitd": 0.2, "instruments/rank_cls": 1.0}, "health red: rank of cls"),
    ],
)
def test_the_colour_of_an_epoch(changed, colour):
    watch = Watch(epochs=10)
    watch.add(GOOD | changed)
    assert watch.finish_epoch(2) == colour


def test_an_epoch_that_logs_nothing_has_no_colour():
    assert Watch(epochs=10).finish_epoch(2) == ""


def information(watch: Watch, value: float, steps: int) -> None:
    for _ in range(steps):
        watch.add({f"teacher_information/{name}": value for name in DISTILLED})


def test_a_constant_teacher_raises_the_alarm_within_200_steps(caplog):
    watch = Watch(epochs=10)
    information(watch, 1.6, 20)  # a start like that of healthy runs
    information(watch, 0.0, 100)
    alarms = [record.message for record in caplog.records if record.levelno == logging.ERROR]
    assert len(alarms) == len(DISTILLED) and all("docs/troubleshooting.md#collapse" in each for each in alarms)


def test_no_alarm_where_the_teacher_tells_little_for_less_than_the_window(caplog):
    watch = Watch(epochs=10)
    for _ in range(10):
        information(watch, 0.0, WINDOW // 2)
        information(watch, 1.0, WINDOW // 2)
    information(watch, math.nan, 500)
    assert not caplog.records


def test_the_page_speaks_of_every_trouble():
    names = set(re.findall(r'Finding\(\s*"([^"]+)"', Path(rules.__file__).read_text())) | {
        "rank of cls",
        "rank of pooled",
    }
    assert len(names) > 8
    anchors = {
        line.lstrip("# ").strip().lower().replace(" ", "-") for line in PAGE.splitlines() if line.startswith("#")
    }
    assert {name.lower().replace(" ", "-") for name in names} | {"collapse"} <= anchors
