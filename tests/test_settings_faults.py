"""Settings of a wrong type or size, each told by its name."""

import math

import numpy as np
import pytest

from smart_nets.errors import ConfigError
from smart_nets.settings import between, check_setting, check_settings, one_of


def test_good_settings_pass():
    check_settings({"folds": 3, "fold": 0, "seed": 0, "batch_size": 1, "learning_rate": 1e-4, "warmup": 0, "clip_gradient": 0,
                    "hu_window": [-1000, 400], "classes": ["benign", "malignant"], "class_weights": [1, 3.5], "margin": 0,
                    "name": "fine-tuned", "no rule for this": object()})  # fmt: skip
    check_settings({"class_weights": None})
    check_settings({"class_weights": "balanced"})
    assert check_setting("train_fraction", 0.25) == 0.25


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("folds", "abc", "folds: is no whole number (expected such as 3, found abc)"),
        ("folds", 2.5, "folds: is no whole number"),
        ("fold", True, "fold: is no whole number"),
        ("max_epochs", 1.5, "max_epochs: is no count"),
        ("phantoms", None, "phantoms: is no whole number"),
        ("batch_size", 0, "batch_size: is no count (expected a whole number from 1, found 0)"),
        ("margin", -2, "margin: is no count (expected a whole number from 0, found -2)"),
        ("zoom", 2, "zoom: is no range (expected [low, high] above 0, found 2)"),
        ("zoom", [0, 1], "zoom: is no range"),
        ("betas", [0.9, 1.0], "betas: are no betas (expected two numbers in [0, 1)"),
        ("hu_noise", "lots", "hu_noise: cannot be (expected a number from 0, found lots)"),
        ("tissue", float("nan"), "tissue: cannot be"),
        ("places", 1.5, "places: is no count"),
        ("seed", -1, "seed: is no seed"),
        ("subset_seed", 2**32, "subset_seed: is no seed"),
        ("learning_rate", -1, "learning_rate: cannot be (expected a number above 0, found -1)"),
        ("learning_rate", "1e-4x", "learning_rate: cannot be"),
        ("head_learning_rate", math.inf, "head_learning_rate: cannot be"),
        ("weight_decay", -0.1, "weight_decay: cannot be (expected a number from 0"),
        ("warmup", 2, "warmup: is no share (expected 0 to 1, found 2)"),
        ("train_fraction", 0, "train_fraction: is no share (expected above 0, up to 1, found 0)"),
        ("train_fraction", "abc", "train_fraction: is no share"),
        ("train_fraction", math.nan, "train_fraction: is no share"),
        ("hu_window", [1, 2, 3], "hu_window: is no window (expected [low, high] in HU"),
        ("hu_window", ["a", "b"], "hu_window: is no window"),
        ("hu_window", [250, -175], "hu_window: is no window (expected [low, high] in HU, low below high"),
        ("resume", "maybe", "resume: is not known (expected auto, true, false, changed or never, found maybe)"),
        ("other_labels", "bg", "other_labels: is not known (expected refuse or background"),
        ("max_epochs", 0, "max_epochs: is no count"),
        ("classes", ["a", "a"], "classes: are no names"),
        ("classes", "ab", "classes: are no names"),
        ("classes", [0, 1], "classes: are no names"),
        ("class_weights", [1], "class_weights: cannot be"),
        ("class_weights", "equal", "class_weights: cannot be"),
        ("name", "", "name: is no name (expected a text, found '')"),
    ],
)
def test_bad_settings_are_refused(name, value, says):
    with pytest.raises(ConfigError) as caught:
        check_settings({name: value})
    assert says in str(caught.value)


def test_one_of():
    one_of("tilt", "refuse", ("refuse", "correct"))
    with pytest.raises(ConfigError) as caught:
        one_of("tilt", ["refuse"], ("refuse", "correct"))
    assert str(caught.value) == "tilt: is not known (expected refuse or correct, found ['refuse']); choose one of them."


@pytest.mark.parametrize("value", [0, 1, 0.5, np.float32(0.5), np.int64(1)])
def test_between_takes_both_ends_and_any_kind_of_number(value):
    between("share", value, 0, 1)


@pytest.mark.parametrize("value", [-0.1, 1.1, math.nan, math.inf, True, "0.5", None, [0.5]])
def test_between_refuses_the_rest(value):
    with pytest.raises(ConfigError, match=r"share: cannot be .expected a number from 0 to 1, found "):
        between("share", value, 0, 1)
    with pytest.raises(ConfigError, match=r"expected a number from 2, found "):
        between("share", value, 2)
