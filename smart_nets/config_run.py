"""What a running MONAI bundle was told, from wherever it came: command line, `args_file`, several files, a call from Python."""

from __future__ import annotations

import inspect
import os
import sys
from collections.abc import Mapping
from pydoc import locate
from typing import Any, NamedTuple

from fire.parser import DefaultParseValue
from monai.bundle import ComponentLocator, ConfigComponent, ConfigParser, ConfigWorkflow
from monai.bundle.scripts import run, run_workflow, update_kwargs
from monai.utils import ensure_tuple

# what tells MONAI how to run, and is no key of a configuration
OWN = {name for call in (run, run_workflow, ConfigWorkflow) for name in inspect.signature(call).parameters}


class Told(NamedTuple):
    """The arguments of `monai.bundle run` or `run_workflow`.

    Args:
        files: of the configuration, in the order in which MONAI merges them.
        values: name -> (where it was given, value), without what is MONAI's own.
        options: MONAI's own, such as run_id and tracking.
        parser: holds the merged configuration.
        dropped: names that were given None, which MONAI lets fall.
    """

    files: list[str]
    values: dict[str, tuple[str, Any]]
    options: dict[str, Any]
    parser: ConfigParser
    dropped: tuple[str, ...] = ()


def told_to_run() -> Told | None:
    """What the run that calls this was told; None where no `run` of MONAI is under way (a workflow made by hand)."""
    arguments: dict[str, Any] | None = None
    parser: ConfigParser | None = None
    frame = inspect.currentframe()
    while frame is not None:  # MONAI hands the arguments to nobody: they are read where they stand
        if isinstance(workflow := frame.f_locals.get("self"), ConfigWorkflow):
            parser = workflow.parser
        if frame.f_code in (run.__code__, run_workflow.__code__):
            arguments = _arguments(run if frame.f_code is run.__code__ else run_workflow, frame.f_locals)
        frame = frame.f_back
    if arguments is None or parser is None:
        return None
    source = arguments.pop("args_file", None)
    stored = {name: (f"{source}, {name}", value) for name, value in update_kwargs(source).items()}
    given = {name: (f"--{name}", value) for name, value in arguments.items() if value is not None}
    every = {**stored, **given}
    options = {name: value for name, (_, value) in every.items() if name in OWN}
    values = {name: one for name, one in every.items() if name not in OWN}
    dropped = tuple(name for name, value in arguments.items() if value is None and name not in OWN)
    return Told([str(file) for file in ensure_tuple(options["config_file"])], values, options, parser, dropped)


def _arguments(call: Any, found: Mapping[str, Any]) -> dict[str, Any]:
    arguments: dict[str, Any] = {}
    for name, parameter in inspect.signature(call).parameters.items():
        arguments |= found[name] if parameter.kind is parameter.VAR_KEYWORD else {name: found[name]}
    return arguments


def as_typed(name: str, value: Any) -> Any:
    """A value as it stands on the command line: Fire makes numbers and lists of names such as 2024_01 or 1,2.

    What was not typed there, and is a number in a file or a call from Python, becomes its digits.
    """
    if value is None or isinstance(value, (str, os.PathLike)):
        return value
    for part, after in zip(sys.argv, [*sys.argv[1:], ""], strict=True):
        flag, sign, text = part.partition("=")
        text = text if sign else after
        if flag.startswith("-") and _flag(flag) == _flag(name) and DefaultParseValue(text) == value:
            return text
    return str(value) if isinstance(value, (int, float)) and not isinstance(value, bool) else value


def _flag(text: str) -> str:
    return text.lstrip("-").replace("-", "_")


def arguments_of(component: Mapping[str, Any]) -> dict[str, Any] | None:
    """Name -> default of what the `_target_` of a component takes; None if that cannot be told, or it takes any name."""
    target = component.get("_target_")
    if not isinstance(target, str):
        return None
    found = locate(str(ConfigComponent(config={"_target_": target}, locator=ComponentLocator()).resolve_module_name()))
    calls: list[Any] = (
        [one.__dict__["__init__"] for one in found.__mro__ if "__init__" in one.__dict__]
        if isinstance(found, type)
        else [found]
    )
    taken: dict[str, Any] = {}
    for call in calls:  # what a class passes on with **kwargs, the one that it inherits from takes
        try:
            parameters = inspect.signature(call).parameters.values()
        except (TypeError, ValueError):  # nothing of that name, or code that is no Python
            return None
        taken = {one.name: one.default for one in parameters if one.kind is not one.VAR_KEYWORD} | taken
        if not any(one.kind is one.VAR_KEYWORD for one in parameters):
            return taken
    return None
