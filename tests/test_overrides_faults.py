"""`--frozen false` reaches a program as a text, and any text counts as true."""

import json

import pytest

from smart_nets.errors import ConfigError
from smart_nets.overrides import check_overrides


@pytest.fixture
def config(tmp_path):
    path = tmp_path / "train.json"
    path.write_text(json.dumps({"frozen": False, "folds": 3, "network": {"checkpoint": True}}))
    return str(path)


@pytest.mark.parametrize(
    "flags",
    [["--frozen", "True"], ["--frozen", "False"], ["--frozen=true"], ["--frozen"], ["--frozen", "--folds", "2"],
     ["--network#checkpoint", "False"], ["--folds", "false"]],
)  # fmt: skip
def test_truths_pass(config, flags):
    check_overrides(["monai", "run", "--config_file", config, *flags])


@pytest.mark.parametrize(
    ("flags", "name"),
    [
        (["--frozen", "false"], "--frozen"),
        (["--frozen=no"], "--frozen"),
        (["--network::checkpoint", "0"], "--network::checkpoint"),
    ],
)
def test_other_words_are_refused(config, flags, name):
    with pytest.raises(ConfigError, match=f"{name}: is neither true nor false .expected True or False"):
        check_overrides(["monai", "run", "--config_file", config, *flags])
