"""The verbs of `python -m smart_nets`: thin, each one calls a function that Python code may call as well."""

from __future__ import annotations

import difflib
import importlib
import logging
import os
import re
import sys
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from inspect import signature
from typing import Any

import fire
from fire.decorators import SetParseFn

from smart_nets.errors import ConfigError, show_one_sentence

VERBS = {  # verb: module and function; only the verb that is asked for is imported, since MONAI takes seconds
    "check-data": ("check_data", "check_data"),
    "collect": ("lists", "collect_scans"),
    "overlap": ("lists", "overlap"),
    "features": ("classify", "features"),
    "probe": ("classify", "probe"),
    "compare": ("compare", "compare_runs"),
    "attend": ("look", "attend"),
    "heads": ("look", "heads"),
    "doctor": ("doctor", "doctor"),
}
ZOO = {name: ("zoo", name) for name in ("lint", "package", "verify", "install", "export")}
FLAG = re.compile(r"--?[A-Za-z]")
HELP = {"--help", "-h"}
TRUTH = {"true": True, "false": False}
READ: dict[str, Callable[[str], Any]] = {
    "str": str,
    "bool": lambda text: TRUTH[text.lower()],
}  # numbers: by their verbs
Verbs = dict[str, Callable[..., Any]]


def main() -> None:
    """Run the verb that the command line names."""
    show_one_sentence()
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(message)s")
    arguments = sys.argv[1:]
    if "WORLD_SIZE" in os.environ:  # else torch is not imported for this
        importlib.import_module("smart_nets.training.distributed").check_alone()
    zoo = arguments[:1] == ["zoo"]
    verbs = _load(ZOO, arguments[1:]) if zoo else _load(VERBS, arguments)
    if HELP & set(arguments):  # Fire would do the work first and then explain what it returned
        arguments = [*([] if len(verbs) > 1 else arguments[: 1 + zoo]), "--help"]
    else:
        _check_flags(verbs, arguments[1:] if zoo else arguments)
    for verb in verbs.values():
        for name, one in signature(verb).parameters.items():
            kind = str(one.annotation).partition(" ")[0]
            if kind in READ:
                SetParseFn(partial(_typed, name, kind), name)(verb)
    shown = {"zoo": verbs} if zoo else verbs if len(verbs) == 1 else {**verbs, "zoo": _load(ZOO, ())}
    fire.Fire(shown, command=arguments, name="smart_nets")


def _typed(name: str, kind: str, text: str) -> Any:
    """A word as its argument's type: Fire would make a number of a folder called 2024_01, and a text, true, of `false`."""
    try:
        return READ[kind](text)
    except KeyError as error:
        raise ConfigError("is no truth", where=f"--{name}", expected="true or false", found=text) from error


def _load(verbs: Mapping[str, tuple[str, str]], arguments: Sequence[str]) -> Verbs:
    """The verb that the arguments begin with; all, for help, where they name none."""
    chosen = [name for name in verbs if arguments[:1] == [name]] or list(verbs)
    return {name: _function(*verbs[name]) for name in chosen}


def _function(module: str, name: str) -> Callable[..., Any]:
    found: Callable[..., Any] = getattr(importlib.import_module(f"smart_nets.cli.{module}"), name)
    return found


def _check_flags(verbs: Verbs, rest: Sequence[str]) -> None:
    """ConfigError for what the verb does not know: Fire would tell only after it has done the work without it."""
    if not rest or rest[0] not in verbs:
        return
    parameters = signature(verbs[rest[0]]).parameters
    known, values, flag = list(parameters), 0, ""
    for part in rest[1:]:
        if part == "--":
            break
        if not FLAG.match(part):
            values, flag = values + (not flag), ""
            continue
        name, sign, _ = part.partition("=")
        name = name.lstrip("-").replace("-", "_")
        short = len(name) == 1 and not part.startswith("--") and any(one.startswith(name) for one in known)
        if not (short or {name, name.removeprefix("no")} & set(known)):
            near = difflib.get_close_matches(name, known, n=1)
            hint = f"perhaps --{near[0]} is meant" if near else "see --help"
            raise ConfigError("is no argument", where=f"{rest[0]} --{name}", expected=", ".join(known), remedy=hint)
        flag = "" if sign else name
    if values > len(known) and not any(one.kind is one.VAR_POSITIONAL for one in parameters.values()):
        found, remedy = f"{values} without a name", "give the others as --name value"
        raise ConfigError(
            "has more values than arguments", where=rest[0], expected=", ".join(known), found=found, remedy=remedy
        )
