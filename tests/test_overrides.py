"""A misspelt key on the command line is told, with the key that was meant."""

import json

import pytest

from smart_nets.errors import ConfigError
from smart_nets.overrides import check_overrides


@pytest.fixture
def config(tmp_path):
    path = tmp_path / "train.json"
    path.write_text(
        json.dumps({"dataset_dir": None, "train": {"trainer": {"max_epochs": 1}, "handlers": [{"path": "x"}]}})
    )
    return str(path)


@pytest.mark.parametrize(
    "flags",
    [
        [],
        ["--dataset_dir", "x"],
        ["--train#trainer#max_epochs", "2"],
        ["--train::handlers::0::path=y"],
        ["--meta_file", "m"],
    ],
)
def test_known_keys_pass(config, flags):
    check_overrides(["monai", "run", "--config_file", config, *flags])
    check_overrides(["monai", "run", f"--config_file=['{config}','{config}']", *flags])


def test_a_call_from_python_is_not_checked():
    check_overrides(["pytest", "--nonsense"])


@pytest.mark.parametrize(
    ("flag", "says"),
    [
        ("--dataset_dri", r"--dataset_dri: is no key of the configuration; perhaps --dataset_dir is meant"),
        ("--train#trainer#max_epoch=3", "perhaps --train#trainer#max_epochs is meant"),
        ("--zzz", "see the table of keys"),
    ],
)
def test_unknown_keys_are_refused(config, flag, says):
    with pytest.raises(ConfigError, match=says):
        check_overrides(["monai", "run", "--config_file", config, flag, "x"])
