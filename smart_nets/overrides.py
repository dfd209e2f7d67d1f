"""Misspelt overrides: MONAI takes any `--name value`, so `--dataset_dri /my/cts` would quietly train on something else."""

from __future__ import annotations

import difflib
import os
import re
from collections.abc import Iterator, Mapping
from typing import Any

from monai.bundle import ConfigParser

from smart_nets.config_run import Told, arguments_of, as_typed, told_to_run
from smart_nets.errors import ConfigError

COMMENT = re.compile(r"_\w+_")  # and what MONAI knows of every component, such as _disabled_
READ = re.compile(r"[@%]([\w#]+)")
PATH = re.compile(r"((^|[_#])(dir|path|file|folder)|^(mask|pretrained))$")
BUILT_IN = {"imports", "initialize", "run", "finalize"}


def check_overrides() -> None:
    """Compare what a run of MONAI was told with its configuration; for the expression `run` of that configuration.

    Every name counts, whether it comes from the command line, an `args_file`, a call of `monai.bundle.run` or a further
    configuration file (JSON or YAML): it must be a key of the first file that can run, be read by something, or be an
    argument of the component that it is given to. What is true or false must be so: any text would count as true. A path
    is taken as it was typed, since a folder called 20240115 is a number for Fire.

    Raises:
        ConfigError: a name that is none of these, with the nearest key; None where a key has a value, which would be lost;
            another word where True or False belongs;
            something else than a path where one belongs.
    """
    told = told_to_run()
    if told is None:
        return
    contents = [(file, ConfigParser.load_config_file(file)) for file in told.files]
    run_id = told.options.get("run_id", "run")
    base = next((number for number, (_, content) in enumerate(contents) if run_id in content), 0)
    check = _Check(told, contents.pop(base)[1])
    for file, content in contents:
        for name, value in content.items():
            check.one(f"{file}, {name}", name.lstrip("+~"), value)
    for name, (where, value) in told.values.items():
        check.one(where, name, value)
    for name in told.dropped:
        if check.known.get(name.replace("::", "#")) is not None:
            remedy = "give none, or null in a configuration file of your own"
            raise ConfigError(
                "MONAI takes no None here, and would go on as if nothing was said", where=f"--{name}", remedy=remedy
            )
    _take_paths(told, check.known)


class _Check:
    """The names that a run may be told: `known` with their values, and `read` somewhere in the merged configuration."""

    def __init__(self, told: Told, base: Any) -> None:
        self.known: dict[str, Any] = dict(_paths(base))
        self.config = told.parser
        read = {path for text in _texts(told.parser.get()) for path in READ.findall(text.replace("::", "#"))}
        self.read = {
            "#".join(parts[: n + 1]) for path in read for parts in [path.split("#")] for n in range(len(parts))
        }
        tracked = told.options.get("tracking") is not None
        self.free = BUILT_IN | (
            {"tracking_uri", "experiment_name", "run_name", "save_execute_config"} if tracked else set()
        )

    def one(self, where: str, name: str, value: Any) -> None:
        path = name.replace("::", "#")
        over, _, last = path.rpartition("#")
        if path in self.known:
            _check_truth(where, self.known[path], value)
        elif not (path in self.free or path in self.read or COMMENT.fullmatch(last)):
            component = self.config.get(over) if over and over in self.config else None
            taken = arguments_of(component) if isinstance(component, dict) and "_target_" in component else {}
            if taken is not None and last not in taken:
                self._refuse(where, path, over, taken)
            _check_truth(where, (taken or {}).get(last), value)
        self._inside(where, path, value)
        self.known.setdefault(path, value)

    def _inside(self, where: str, path: str, value: Any) -> None:
        """The names within a table that is given whole."""
        pairs = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
        component = isinstance(value, dict) and "_target_" in value
        taken = arguments_of(value) if component else None
        before = self.known.get(path)
        plain = isinstance(value, dict) and not component and isinstance(before, dict) and "_target_" not in before
        # an architecture of another name has options of its own, which the schema of cards knows
        table = before if plain and isinstance(before, dict) else None
        if table is not None and value.get("name", table.get("name")) != table.get("name"):
            table = None
        for name, inner in pairs:
            inside, wrong = (
                f"{path}#{name}",
                (taken is not None and name not in taken) or (isinstance(table, dict) and name not in table),
            )
            if wrong and inside not in self.read and not COMMENT.fullmatch(str(name)):
                self._refuse(where, inside, path, taken or {}, found=inside)
            self._inside(where, inside, inner)

    def _refuse(self, where: str, path: str, over: str, taken: dict[str, Any], found: str = "") -> None:
        keys = [*self.known, *(f"{over}#{name}" for name in taken)]
        near = difflib.get_close_matches(path, keys, n=1)
        sign = "--" if where.startswith("--") else ""
        remedy = f"perhaps {sign}{near[0]} is meant" if near else "see the table of keys in docs/README.md"
        raise ConfigError("is no key of the configuration", where=where, found=found, remedy=remedy)


def _check_truth(where: str, default: Any, value: Any) -> None:
    """A text counts as true in Python, "false" as well; an expression may say what it likes."""
    told = isinstance(value, bool) or (isinstance(value, str) and (value == "true" or value[:1] in ("$", "@", "%")))
    if isinstance(default, bool) and not told:
        raise ConfigError("is neither true nor false", where=where, expected="True or False", found=value,
                          remedy="write them with a capital letter")  # fmt: skip


def _take_paths(told: Told, known: Mapping[str, Any]) -> None:
    """Put paths into the configuration as they were typed."""
    changed = False
    for name, (where, value) in told.values.items():
        path = name.replace("::", "#")
        if not PATH.search(path) or isinstance(known.get(path), float):  # drop_path is a rate
            continue
        text = as_typed(name, value)
        if text is not None and not isinstance(text, (str, os.PathLike)):
            remedy = "give one file or folder"
            raise ConfigError("is no path", where=where, expected="one text", found=value, remedy=remedy)
        if text is not value:
            told.parser[name] = text
            changed = True
    if changed:
        told.parser.parse(reset=True)


def _paths(content: Any, prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Every key of nested tables and lists, joined by "#", and its value."""
    pairs = content.items() if isinstance(content, dict) else enumerate(content) if isinstance(content, list) else ()
    for name, value in pairs:
        yield f"{prefix}{name}".replace("::", "#"), value
        yield from _paths(value, f"{prefix}{name}#")


def _texts(content: Any) -> Iterator[str]:
    """Every text among the values of nested tables and lists."""
    values = content.values() if isinstance(content, dict) else content if isinstance(content, list) else ()
    if isinstance(content, str):
        yield content
    for value in values:
        yield from _texts(value)
