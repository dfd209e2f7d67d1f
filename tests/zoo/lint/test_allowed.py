"""The lists of what may pass say what is there: names that exist, arguments where they are, nothing twice."""

from __future__ import annotations

import ast
import inspect
from pathlib import Path
from pydoc import locate

import pytest

from smart_nets.zoo.lint.allowed.libraries import FREE, HOME, MONAI, WRITERS, plain_name
from smart_nets.zoo.lint.allowed.own import ANSWERS, LOSSES, OWN, OWN_WRITERS, REPORTS, is_own

HOUSE = Path(__file__).parents[3] / "smart_nets"
SAFE = {"__future__", "collections.abc", "typing", "torch", "torch.distributed", "torch.nn.functional"}


@pytest.mark.parametrize("name", sorted(OWN))
def test_what_is_listed_of_this_project_exists_and_writes_where_it_says(name):
    found = locate(name)
    assert callable(found)
    if name in OWN_WRITERS:
        arguments = list(inspect.signature(found).parameters)
        assert {key: arguments.index(key) for key in OWN_WRITERS[name].paths} == OWN_WRITERS[name].paths
        assert {*OWN_WRITERS[name].names} <= {*arguments}


def test_a_function_that_writes_is_listed_as_such():
    """By the names that paths to write to have here; those that only read, or only look, are spelt out."""
    reads = {"check_output", "check_exists", "check_names", "load_weights", "check_shared_memory", "RunBoard"}
    for name in OWN - OWN_WRITERS.keys():
        arguments = inspect.signature(locate(name)).parameters
        if name.rpartition(".")[2] not in reads:
            assert not {"folder", "output_dir", "path", "run_dir", "log_dir", "record", "target"} & set(arguments), name


def test_last_names_are_unique():
    """An expression calls by the last name alone."""
    last = [name.rpartition(".")[2] for name in OWN]
    assert len(last) == len(set(last)) and OWN_WRITERS.keys() > REPORTS and ANSWERS.keys() - {"dist.get_rank"} < OWN


def test_all_losses_are_arithmetic():
    """They may be named as a family, so none may import what reaches files, processes or the network."""
    for path in HOUSE.joinpath("pretrain", "losses").glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            names = [one.name for one in node.names] if isinstance(node, ast.Import) else []
            names += [str(node.module)] if isinstance(node, ast.ImportFrom) else []
            assert all(name in SAFE or name.startswith((LOSSES, "smart_nets.errors")) for name in names), path
    assert is_own(f"{LOSSES}koleo.koleo") and not is_own("smart_nets.optional.needed")


@pytest.mark.parametrize("name", sorted(MONAI))
def test_what_is_listed_of_monai_is_where_it_is_said_to_be(name):
    assert inspect.isclass(locate(f"monai.{HOME[name]}.{name}"))
    assert plain_name(name) == plain_name(f"monai.{HOME[name]}.{name}") == name
    assert plain_name(f"monai.utils.{name}") is plain_name(f"smart_nets.{name}") is None


@pytest.mark.parametrize("name", sorted(FREE | {name for name in WRITERS if "." in name}))
def test_what_is_listed_of_ignite_and_torch_exists(name):
    assert inspect.isclass(locate(name)) and plain_name(name) == name


@pytest.mark.parametrize("name", ["SaveImaged", "LoadImaged", "CheckpointSaver", "MetricsSaver"])
def test_arguments_of_writers_exist(name):
    writer = WRITERS[name]
    arguments = inspect.signature(locate(name if "." in name else f"monai.{HOME[name]}.{name}")).parameters
    named = {*writer.paths, *writer.names, *writer.fixed, *writer.tables, *(writer.others or ())}
    assert not named - {*arguments, "channel_dim"}


@pytest.mark.parametrize(
    "target",
    ["", ".", "torch.optim.", "torch.optim.sgd", "torch.optim.SGD.x", "torch.nn.functional.torch", "Compose.x", "os"],
)
def test_what_is_not_listed(target):
    assert plain_name(target) is None
