"""The verbs of `python -m smart_nets`: thin, each one calls a function that Python code may call as well."""

from __future__ import annotations

import difflib
import logging
import sys
from collections.abc import Callable, Sequence
from inspect import signature
from typing import Any

import fire
from fire.decorators import SetParseFn

from smart_nets.cli.check_data import check_data
from smart_nets.cli.classify import compare_runs, features, probe
from smart_nets.cli.look import attend, heads
from smart_nets.cli.zoo import export, install, lint, package, verify
from smart_nets.errors import ConfigError, show_one_sentence

VERBS: dict[str, Callable[..., Any]] = {
    "check-data": check_data,
    "features": features,
    "probe": probe,
    "compare": compare_runs,
    "attend": attend,
    "heads": heads,
}
ZOO: dict[str, Callable[..., Any]] = {verb.__name__: verb for verb in (lint, package, verify, install, export)}


def main() -> None:
    """Run the verb that the command line names."""
    show_one_sentence()
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(message)s")
    _check_flags(sys.argv[1:])
    for verb in (*VERBS.values(), *ZOO.values()):  # Fire would make a number of a folder called 2024_01
        texts = [name for name, one in signature(verb).parameters.items() if str(one.annotation).startswith("str")]
        SetParseFn(str, *texts)(verb)
    fire.Fire({**VERBS, "zoo": ZOO}, name="smart_nets")


def _check_flags(arguments: Sequence[str]) -> None:
    """ConfigError for a flag that the verb does not know: Fire would tell only after it has done the work without it."""
    verbs, rest = (ZOO, arguments[1:]) if arguments[:1] == ["zoo"] else (VERBS, arguments)
    if not rest or rest[0] not in verbs:
        return
    known = list(signature(verbs[rest[0]]).parameters)
    for part in rest[1:]:
        if part == "--":
            return
        name = part.partition("=")[0].removeprefix("--").replace("-", "_")
        if part.startswith("--") and not {name, name.removeprefix("no")} & {*known, "help"}:
            near = difflib.get_close_matches(name, known, n=1)
            hint = f"perhaps --{near[0]} is meant" if near else "see --help"
            raise ConfigError("is no argument", where=f"{rest[0]} --{name}", expected=", ".join(known), remedy=hint)
