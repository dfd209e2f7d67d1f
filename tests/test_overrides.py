"""What a run is told is compared with its configuration, whichever way it was told."""

import json
import sys
from pathlib import Path

import pytest
from monai.bundle import create_workflow, run, run_workflow

from smart_nets.errors import ConfigError, cause
from smart_nets.overrides import check_overrides

CONFIG = {
    "imports": ["$from smart_nets.overrides import check_overrides", "$from pathlib import Path"],
    "dataset_dir": None,
    "output_dir": ".",
    "drop_path": 0.1,
    "folds": 3,
    "frozen": False,
    "phantom": {"seed": 3, "region": "chest"},
    "scale": {"_target_": "ScaleIntensityRange", "a_min": 0, "a_max": 1, "clip": True},
    "loader": {"_target_": "DataLoader", "dataset": "$[1]"},
    "train": {"trainer": {"_target_": "SupervisedTrainer", "max_epochs": 1}, "handlers": [{"path": "x"}]},
    "run": ["$check_overrides()", "$Path('got.txt').write_text(repr((@dataset_dir, @drop_path, @folds)))"],
}


@pytest.fixture
def config(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "train.json").write_text(json.dumps(CONFIG))
    return "train.json"


def write(path: str, content: dict) -> str:
    """A file of JSON or, where a package for it is installed, YAML."""
    yaml = pytest.importorskip("yaml") if path.endswith(("yaml", "yml")) else None
    Path(path).write_text(yaml.safe_dump(content) if yaml else json.dumps(content))
    return path


def got(**told):
    """(dataset_dir, drop_path, folds) as a run sees them."""
    run(**told)
    return eval(Path("got.txt").read_text())


def refused(**told):
    """The sentence that ends a run."""
    with pytest.raises((RuntimeError, ConfigError)) as caught:
        run(**told)
    assert not Path("got.txt").exists()
    return str(cause(caught.value))


KNOWN = [
    {},
    {"dataset_dir": "x"},
    {"train#trainer#max_epochs": 2},
    {"train::handlers::0::path": "y"},
    {"train#trainer#amp": True},  # an argument that the component has, and the file does not
    {"loader#pin_memory": False},  # one that MONAI's DataLoader passes on to torch's
    {"loader": {"_target_": "DataLoader", "dataset": "$[2]", "_desc_": "new"}},
    {"phantom": {"seed": 4}},
    {"frozen": True},
    {"frozen": "true"},
    {"frozen": "$1 > 2"},
    {"_note_": "free"},
    {"folds": "$@more + 1", "more": 2},  # new, and read
    {"tracking": {"handlers_id": {}, "handlers": {}, "configs": {"save_execute_config": False}}, "run_name": "x"},
]
UNKNOWN = [
    ({"dataset_dri": "x"}, "dataset_dri: is no key of the configuration; perhaps {}dataset_dir is meant."),
    ({"train#trainer#max_epoch": 3}, "perhaps {}train#trainer#max_epochs is meant"),
    ({"train::trainer::max_epoch": 3}, "perhaps {}train#trainer#max_epochs is meant"),
    ({"loader#pin_memry": True}, "perhaps {}loader#pin_memory is meant"),
    ({"scale#clop": True}, "perhaps {}scale#clip is meant"),
    ({"zzz": 1}, "see the table of keys"),
    ({"phantom": {"sed": 4}}, "found phantom#sed); perhaps {}phantom#seed is meant"),
    ({"phantom#sed": 4}, "perhaps {}phantom#seed is meant"),
    ({"loader": {"_target_": "DataLoader", "datasett": "$[2]"}}, "perhaps {}loader#dataset is meant"),
    ({"more": {"_target_": "DataLoader"}}, "more: is no key"),
    ({"run_name": "x"}, "run_name: is no key"),  # without tracking
    ({"frozen": "false"}, "frozen: is neither true nor false (expected True or False, found false)"),
    ({"frozen": 0}, "frozen: is neither true nor false"),
    ({"train#trainer#amp": "no"}, "amp: is neither true nor false"),
]


@pytest.mark.parametrize("told", KNOWN)
def test_known_names_pass(config, told):
    assert got(config_file=config, **told)


@pytest.mark.parametrize(("told", "says"), UNKNOWN)
def test_unknown_names_are_refused(config, told, says):
    assert says.format("--") in refused(config_file=config, **told)


def test_none_on_a_command_line_is_told_where_monai_would_let_it_fall(config):
    assert "--folds: MONAI takes no None here" in refused(config_file=config, folds=None)
    assert got(config_file=config, dataset_dir=None)  # which is None anyway


@pytest.mark.parametrize(("told", "says"), UNKNOWN)
@pytest.mark.parametrize("ending", ["json", "yaml"])
def test_so_they_are_in_a_file_of_arguments_and_in_a_further_configuration(config, told, says, ending):
    arguments, more = write(f"args.{ending}", {"config_file": config, **told}), write(f"more.{ending}", told)
    assert says.format("") in refused(args_file=arguments)
    assert says.format("") in refused(config_file=[config, more])


@pytest.mark.parametrize("told", KNOWN[:8])
def test_known_names_pass_from_files_as_well(config, told):
    assert got(args_file=write("args.json", {"config_file": config, **told}))
    assert got(config_file=[config, write("more.json", told)])


def test_a_configuration_in_yaml(config):
    write("own.yaml", CONFIG)
    assert got(config_file="own.yaml", folds=5)[2] == 5
    Path("got.txt").unlink()
    assert "perhaps --folds" in refused(config_file="own.yaml", foldz=5)


def test_the_other_command_of_monai(config):
    with pytest.raises((RuntimeError, ConfigError)) as caught:
        run_workflow(config_file=config, dataset_dri="x")
    assert "perhaps --dataset_dir is meant" in str(cause(caught.value))


def test_a_workflow_made_by_hand_is_not_checked(config):
    check_overrides()
    create_workflow(config_file=config, nonsense=1).run()


@pytest.mark.parametrize(
    ("typed", "value"),
    [
        ("20240115", 20240115),
        ("2024_01", 202401),
        ("1e5", 1e5),
        ("1,2", (1, 2)),
        ("[a]", ["a"]),
        ("0x10", 16),
        ("x", "x"),
    ],
)
@pytest.mark.parametrize("flag", ["--dataset_dir", "--dataset-dir"])
def test_a_folder_is_called_as_it_was_typed(config, monkeypatch, flag, typed, value):
    for words in ([flag, typed], [f"{flag}={typed}"]):
        monkeypatch.setattr(sys, "argv", ["monai", "run", *words])
        assert got(config_file=config, dataset_dir=value) == (typed, 0.1, 3)


def test_a_number_that_was_not_typed_becomes_its_digits(config):
    Path("args.json").write_text('{"config_file": "train.json", "dataset_dir": 2024}')
    assert got(args_file="args.json") == ("2024", 0.1, 3)
    assert got(config_file=config, dataset_dir=2024, drop_path=0) == ("2024", 0, 3)


@pytest.mark.parametrize("value", [["a", "b"], {"a": 1}, True])
def test_what_is_no_path_is_refused(config, value):
    assert "--dataset_dir: is no path (expected one text" in refused(config_file=config, dataset_dir=value)
