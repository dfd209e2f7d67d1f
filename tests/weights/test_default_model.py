"""A model for those who have none: taken where it is, made once where it is not, never left half-made."""

import logging
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

import smart_nets
from smart_nets.errors import CheckpointError
from smart_nets.networks.encoder import SmartEncoder
from smart_nets.weights.build import load_encoder
from smart_nets.weights.default_model import cached_model, model_or_phantoms
from smart_nets.weights.io import save_weights

SMALL = {"embed_dim": 12, "depths": [1, 1, 1, 1], "num_heads": [1, 1, 2, 2], "sa_heads": 4}
CARD = {"architecture": {"name": "SmartEncoder", **SMALL}}


class Pretraining:
    """Stands in for `subprocess.run`: keeps the command, and writes what it is told to into its --output_dir."""

    def __init__(self, code: int = 0, weights: bool = True) -> None:
        self.code, self.weights = code, weights
        self.commands: list[list[str]] = []

    def __call__(self, command: list[str], check: bool = True) -> SimpleNamespace:
        self.commands.append(command)
        work = Path(command[command.index("--output_dir") + 1])
        (work / "log.txt").write_text("epoch 1")
        if self.weights:
            save_weights(SmartEncoder(**SMALL), work / "models" / "model.pt", CARD)
        return SimpleNamespace(returncode=self.code)


@pytest.fixture
def pretraining(monkeypatch):
    """Put a stand-in into the place of `subprocess.run`."""

    def use(**settings) -> Pretraining:
        run = Pretraining(**settings)
        monkeypatch.setattr(subprocess, "run", run)
        return run

    return use


@pytest.fixture
def bundles(tmp_path) -> Path:
    """A folder with a configuration of smart_pretrain."""
    config = tmp_path / "bundles" / "smart_pretrain" / "configs" / "train.json"
    config.parent.mkdir(parents=True)
    config.write_text("{}")
    return tmp_path / "bundles"


def left(path: Path) -> list[str]:
    """What lies beside the weights."""
    return sorted(file.name for file in path.parent.iterdir())


def test_weights_that_are_there_are_taken(tmp_path, pretraining, bundles):
    run = pretraining()
    (tmp_path / "model.pt").write_bytes(b"weights")
    assert model_or_phantoms(str(tmp_path / "model.pt"), bundles) == tmp_path / "model.pt"
    assert not run.commands and (tmp_path / "model.pt").read_bytes() == b"weights"


def test_missing_weights_are_made_once_and_kept_with_their_card(tmp_path, pretraining, bundles, caplog):
    run, path = pretraining(), tmp_path / "models" / "deep" / "mine.pt"
    with caplog.at_level(logging.WARNING):
        assert model_or_phantoms(path, bundles) == path
    assert "no model yet" in caplog.text and "takes some minutes" in caplog.text
    assert left(path) == ["mine.json", "mine.pt"]  # nothing else of the run
    assert isinstance(load_encoder(path), SmartEncoder)
    assert model_or_phantoms(path, bundles) == path and len(run.commands) == 1


def test_they_are_made_by_this_projects_own_pretraining(tmp_path, pretraining, bundles):
    run = pretraining()
    model_or_phantoms(tmp_path / "model.pt", bundles)
    [command] = run.commands
    config = str(bundles / "smart_pretrain" / "configs" / "train.json")
    assert command[:6] == [sys.executable, "-m", "monai.bundle", "run", "--config_file", config]
    assert command[6:8] == ["--preset", "tiny"] and "--dataset_dir" not in command  # without one it takes phantoms
    work = Path(command[command.index("--output_dir") + 1])
    assert work.parent == tmp_path and not work.exists()  # on the disk of the weights, so that they move in one step


def test_the_pretraining_beside_the_package_is_the_default(tmp_path, pretraining):
    run = pretraining()
    model_or_phantoms(tmp_path / "model.pt")
    config = Path(run.commands[0][run.commands[0].index("--config_file") + 1])
    assert (
        config.is_file()
        and config == Path(smart_nets.__file__).parents[1] / "bundles/smart_pretrain/configs/train.json"
    )


@pytest.mark.parametrize(
    ("settings", "found"), [({"code": 1, "weights": False}, 1), ({"code": 137}, 137), ({"weights": False}, 0)]
)
def test_nothing_half_made_is_left(tmp_path, pretraining, bundles, settings, found):
    """A run that fails, one that is killed after it wrote weights, and one that ends well without any."""
    pretraining(**settings)
    path = tmp_path / "models" / "model.pt"
    with pytest.raises(
        CheckpointError, match=rf"train.json: pretraining on phantoms failed .found exit code {found}\)"
    ):
        model_or_phantoms(path, bundles)
    assert left(path) == []
    run = pretraining()
    assert model_or_phantoms(path, bundles) == path and run.commands  # and the next call tries again


def test_an_interrupted_run_leaves_nothing(tmp_path, monkeypatch, bundles):
    def interrupted(command, check):
        Pretraining()(command)
        raise KeyboardInterrupt

    monkeypatch.setattr(subprocess, "run", interrupted)
    with pytest.raises(KeyboardInterrupt):
        model_or_phantoms(tmp_path / "models" / "model.pt", bundles)
    assert left(tmp_path / "models" / "model.pt") == []


def test_without_smart_pretrain_there_is_no_model(tmp_path, pretraining):
    run, path = pretraining(), tmp_path / "models" / "model.pt"
    with pytest.raises(CheckpointError, match=r"model.pt: there are no weights here, and no smart_pretrain to make them "
                       r".expected .*smart_pretrain/configs/train.json.; give the path of a pretrained encoder"):  # fmt: skip
        model_or_phantoms(path, tmp_path)
    assert not run.commands and not path.parent.exists()


@pytest.mark.parametrize("cache", ["", "elsewhere"])
def test_where_the_model_of_this_version_is_kept(tmp_path, monkeypatch, cache):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_CACHE_HOME", cache and str(tmp_path / cache))
    root = tmp_path / (cache or ".cache")
    assert cached_model() == root / "smart_nets" / smart_nets.__version__ / "model.pt"
    monkeypatch.delenv("XDG_CACHE_HOME")
    assert cached_model().is_relative_to(tmp_path / ".cache")
