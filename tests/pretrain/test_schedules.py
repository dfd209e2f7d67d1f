"""Learning rate, weight decay, momentum and temperature at points worked out by hand."""

import pytest

from smart_nets.errors import ConfigError
from smart_nets.pretrain.schedules import Schedules, cosine


def test_cosine_by_hand():
    assert cosine(0.996, 1.0, 0.0) == pytest.approx(0.996)
    assert cosine(0.996, 1.0, 0.5) == pytest.approx(0.998)
    assert cosine(0.996, 1.0, 1.0) == pytest.approx(1.0)
    assert cosine(0.0, 1.0, 0.25) == pytest.approx(1 - 0.5 * (1 + 2**-0.5))


def test_the_papers_schedule():
    at = Schedules(max_epochs=800).at
    assert at(1 / 325)["lr"] == pytest.approx(8e-4 / 80 / 325)  # the very first step already learns
    assert at(40)["lr"] == pytest.approx(4e-4)
    assert at(80)["lr"] == pytest.approx(8e-4)
    assert at(440)["lr"] == pytest.approx((8e-4 + 1e-6) / 2)  # half-way down
    assert at(800)["lr"] == pytest.approx(1e-6)
    assert at(400)["momentum"] == pytest.approx(0.998)
    assert at(800)["momentum"] == pytest.approx(1.0)
    assert at(400)["weight_decay"] == pytest.approx(0.22)
    assert at(15)["teacher_temperature"] == pytest.approx(0.055)
    assert at(30)["teacher_temperature"] == at(500)["teacher_temperature"] == pytest.approx(0.07)


def test_the_patches_temperature_waits():
    at = Schedules(max_epochs=800, patch_delay=30).at
    assert at(30)["patch_temperature"] == pytest.approx(0.04) and at(30)["teacher_temperature"] == pytest.approx(0.07)
    assert at(45)["patch_temperature"] == pytest.approx(0.055) and at(60)["patch_temperature"] == pytest.approx(0.07)
    assert Schedules(max_epochs=800).at(15)["patch_temperature"] == pytest.approx(0.055)


def test_a_run_shorter_than_its_warm_up_only_warms_up():
    assert Schedules(max_epochs=10, warmup_epochs=80).at(10)["lr"] == pytest.approx(1e-6, abs=8e-4)


def test_no_warm_up():
    assert Schedules(max_epochs=10, warmup_epochs=0).at(0.0)["lr"] == pytest.approx(8e-4)


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"max_epochs": 0}, "nothing to train"),
        ({"max_epochs": 5, "warmup_epochs": -1}, "nothing to train"),
        ({"max_epochs": 5, "momentum": (0.9, 1.1)}, "momentum"),
        ({"max_epochs": 5, "patch_delay": -1}, "patch_delay"),
        ({"max_epochs": 5, "teacher_temperature": (0.0, 0.07, 30)}, "teacher_temperature"),
    ],
)
def test_impossible_schedules(options, says):
    with pytest.raises(ConfigError, match=says):
        Schedules(**options)
