"""Settings of a wrong type or size: told by name before anything is computed, not by a library's trace in the middle of it."""

from __future__ import annotations

import math
import numbers
from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

from smart_nets.errors import ConfigError


class Rule(NamedTuple):
    """What is wrong with a setting unless `good(value)`, and what it should be."""

    what: str
    expected: str
    good: Callable[[Any], bool]

    def check(self, name: str, value: Any, remedy: str = "") -> None:
        """ConfigError, with the name of the setting, unless it is good."""
        if not self.good(value):
            found = repr(value) if value == "" else value
            raise ConfigError(self.what, where=name, expected=self.expected, found=found, remedy=remedy)


def _number(value: Any) -> bool:
    return isinstance(value, numbers.Real) and not isinstance(value, bool) and math.isfinite(value)


def _whole(value: Any) -> bool:
    return isinstance(value, numbers.Integral) and not isinstance(value, bool)


def _pair(value: Any, good: Callable[[Any], bool]) -> bool:
    return isinstance(value, (list, tuple)) and len(value) == 2 and all(map(good, value))


def _names(value: Any) -> bool:
    texts = isinstance(value, (list, tuple)) and all(isinstance(name, str) and name.strip() for name in value)
    return bool(texts) and len(set(value)) == len(value)


WHOLE = Rule("is no whole number", "such as 3", _whole)
FROM_0 = Rule("is no count", "a whole number from 0", lambda value: _whole(value) and value >= 0)
FROM_1 = Rule("is no count", "a whole number from 1", lambda value: _whole(value) and value >= 1)
SEED = Rule("is no seed", "a whole number from 0 to 4294967295", lambda value: _whole(value) and 0 <= value < 2**32)
ABOVE_0 = Rule("cannot be", "a number above 0", lambda value: _number(value) and value > 0)
NOT_BELOW_0 = Rule("cannot be", "a number from 0", lambda value: _number(value) and value >= 0)
INSIDE_0_1 = Rule("is no share", "a number between 0 and 1", lambda value: _number(value) and 0 < value < 1)
BELOW_1 = Rule("is no share", "a number in [0, 1)", lambda value: _number(value) and 0 <= value < 1)
UP_TO_1 = Rule("is no share", "above 0, up to 1", lambda value: _number(value) and 0 < value <= 1)


RESUME = ("auto", True, False, "changed", "never")


def as_told(resume: Any) -> Any:
    """The words true and false of a command line as what they mean: MONAI hands them over as texts."""
    return {"true": True, "false": False}.get(str(resume).lower(), resume)


def _lengths(value: Any) -> bool:
    return isinstance(value, (list, tuple)) and len(value) == 3 and all(map(ABOVE_0.good, value))


NAME = Rule("is no name", "a text", lambda value: isinstance(value, str) and bool(value.strip()))

RULES = {
    # how many: where they are used
    **dict.fromkeys(("folds", "fold", "phantoms", "val_interval"), WHOLE),
    **dict.fromkeys(("margin", "num_workers"), FROM_0),
    **dict.fromkeys(("batch_size", "places", "steps_per_epoch", "max_epochs"), FROM_1),
    **dict.fromkeys(("seed", "subset_seed"), SEED),
    **dict.fromkeys(("learning_rate", "head_learning_rate", "decoder_learning_rate"), ABOVE_0),
    **dict.fromkeys(("weight_decay", "clip_gradient"), NOT_BELOW_0),
    **dict.fromkeys(("hu_gain", "hu_offset", "hu_noise", "tissue", "mask_share", "guided_from", "min_lr"), NOT_BELOW_0),
    "zoom": Rule("is no range", "[low, high] above 0", lambda value: _pair(value, ABOVE_0.good)),
    "betas": Rule("are no betas", "two numbers in [0, 1)", lambda value: _pair(value, BELOW_1.good)),
    "warmup": Rule("is no share", "0 to 1", lambda value: _number(value) and 0 <= value <= 1),
    **dict.fromkeys(("train_fraction", "foreground"), UP_TO_1),
    **dict.fromkeys(("overlap", "val_overlap"), BELOW_1),
    "spacing": Rule("is no voxel size", "three lengths in mm, such as [2, 2, 2]", _lengths),
    "hu_window": Rule(
        "is no window", "[low, high] in HU, low below high", lambda value: _pair(value, _number) and value[0] < value[1]
    ),
    "resume": Rule("is not known", "auto, true, false, changed or never", lambda value: as_told(value) in RESUME),
    "other_labels": Rule("is not known", "refuse or background", lambda value: value in ("refuse", "background")),
    "classes": Rule("are no names", 'different texts, such as ["benign", "malignant"]', _names),
    "name": NAME,
    "label_weights": Rule("cannot be", "balanced or none", lambda value: value in (None, "none", "balanced")),
    "autocast": Rule("is not known", "bf16 or off", lambda value: value in ("bf16", "off")),
    "class_weights": Rule(
        "cannot be",
        "balanced, none, or a number above 0 for each of the two classes",
        lambda value: value in (None, "none", "balanced") or _pair(value, ABOVE_0.good),
    ),
}


def one_of(name: str, value: Any, choices: Iterable[Any], remedy: str = "choose one of them") -> None:
    """ConfigError unless the setting `name` is one of the choices."""
    choices = list(choices)
    if value not in choices:
        raise ConfigError(
            "is not known", where=name, expected=" or ".join(map(str, choices)), found=value, remedy=remedy
        )


def between(name: str, value: Any, low: float, high: float = math.inf, remedy: str = "") -> None:
    """ConfigError unless the setting `name` is a finite number from `low` to `high`, both allowed."""
    if not (_number(value) and low <= value <= high):
        expected = f"a number from {low:g}" + (f" to {high:g}" if high < math.inf else "")
        raise ConfigError("cannot be", where=name, expected=expected, found=value, remedy=remedy)


def check_settings(settings: Mapping[str, Any]) -> None:
    """Compare settings with what they can be; those without a rule here are checked where they are used.

    Raises:
        ConfigError: the first that cannot be.
    """
    for name, value in settings.items():
        check_setting(name, value)


def check_setting(name: str, value: Any) -> Any:
    """The value, so that an expression of a configuration can use it; raises as `check_settings`."""
    rule = RULES.get(name)
    if rule is not None:
        rule.check(name, value)
    return value
