"""Components of a configuration: what each builds, and the arguments by which it could do more than that."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator, Mapping
from typing import Any

from smart_nets.zoo.lint.allowed.libraries import MONAI, WRITERS, Writer, plain_name
from smart_nets.zoo.lint.allowed.names import IO
from smart_nets.zoo.lint.allowed.own import CALLBACK, OWN_WRITERS, REPORTS, is_own
from smart_nets.zoo.lint.calls import BELOW, BUILD, OUTSIDE
from smart_nets.zoo.lint.defined import Package
from smart_nets.zoo.lint.fault import Fault
from smart_nets.zoo.lint.imports import LIST_IT
from smart_nets.zoo.lint.json_text import Text, texts, walk
from smart_nets.zoo.lint.places import Places

BUILDS = "builds what a configuration must not"
KEYS = "a table with plain keys"
BUILT = "listed parts of smart_nets, MONAI, ignite, torch.optim or torch.nn"
INTERNAL = re.compile("_.*_")  # as MONAI names what it takes itself, such as _mode_ and _debug_
OF_MONAI = ("_target_", "_desc_", "_disabled_", "_requires_")  # keys of a component that are no arguments


def component_faults(tree: Mapping[str, Any], package: Package, places: Places) -> Iterator[Fault]:
    """Faults of all components of a workflow."""
    for key, text in texts(tree):
        name = re.sub(r"(#\d+)+$", "", key).rpartition("#")[2]
        if name == "_target_":
            yield from target_faults(text, package)
        elif name in ("reader", "writer") and not IO.fullmatch(text):
            what = "names a class by its path, and MONAI takes any"
            yield text.fault(what, "such as NibabelReader", remedy=LIST_IT)
    for _, node in walk(tree):
        if isinstance(node, dict) and "_target_" in node:
            yield from _argument_faults(node, places)


def target_faults(target: Text, package: Package) -> list[Fault]:
    """A class that may be built: listed, and if it is of this project, defined."""
    if plain_name(target) is not None:
        return []
    if target.startswith("smart_nets."):
        remedy = package.missing(target)
        if remedy is not None:
            return [target.fault("does not exist", remedy=remedy)]
        return [] if is_own(target) else [target.fault(BUILDS, BUILT, remedy=LIST_IT)]
    near = difflib.get_close_matches(target, sorted(MONAI), n=1)
    return [target.fault(BUILDS, BUILT, remedy=f"perhaps {near[0]} is meant" if near else LIST_IT)]


def _argument_faults(node: Mapping[str, Any], places: Places) -> Iterator[Fault]:
    """Where a component writes, and what else it may be given."""
    target = node["_target_"]
    if not isinstance(target, Text):
        for _, text in list(texts(node))[:1]:
            yield text.fault("stands in a component whose _target_ is no text", "the name of a class", remedy="name it")
        return
    writer = OWN_WRITERS.get(target) or WRITERS.get(plain_name(target) or "")
    for name in node:
        if INTERNAL.fullmatch(name) and name not in OF_MONAI:
            yield _blame(node[name], target).fault("is not to be set", "components that are built at once", name)
    if writer is not None:
        yield from _writer_faults(node, target, writer, places)


def _writer_faults(node: Mapping[str, Any], target: Text, writer: Writer, places: Places) -> Iterator[Fault]:
    for name in writer.paths:
        if name not in node:
            yield target.fault(f"does not tell its {name}", BELOW, remedy=BUILD)
        elif not places.may_be_written(node[name]):
            yield _blame(node[name], target).fault(OUTSIDE, BELOW, str(node[name]), BUILD)
    for name, full in writer.fixed.items():
        value = node.get(name)
        if not isinstance(value, str) or places.granted.get(value[1:]) != full:
            expected = f'"${full.rpartition(".")[2]}", imported from {full.rpartition(".")[0]}'
            yield _blame(value, target).fault(f"needs {name}, for a scan could lead to another folder", expected)
    for name in writer.tables:
        if not places.has_names(node.get(name)):
            yield _blame(node.get(name), target).fault(f"is a {name} whose keys may lead to another folder", KEYS)
    for name in writer.names:
        if name in node and not places.is_name(node[name]):
            what = f"is a {name} that may lead to another folder"
            yield _blame(node[name], target).fault(what, "part of a file's name", str(node[name]), "write it out")
    allowed = {*OF_MONAI, *writer.paths, *writer.names, *writer.fixed, *writer.tables, *(writer.others or ())}
    if (target, CALLBACK[1]) == CALLBACK:
        yield from _callback_faults(node.get(CALLBACK[1]), target, places)
    elif writer.others is not None:
        for name in node:
            if name not in allowed:
                yield target.fault(f"is given {name}", ", ".join(sorted(allowed - {*OF_MONAI})), remedy="leave it out")


def _callback_faults(value: Any, target: Text, places: Places) -> Iterator[Fault]:
    """A report's writer, by its name and in no other words."""
    full = places.granted.get(value[1:], "") if isinstance(value, str) else ""
    if full not in REPORTS:
        expected = ", ".join(sorted(name.rpartition(".")[2] for name in REPORTS))
        yield _blame(value, target).fault("writes a report by other means", f"one of {expected}", str(value))


def callbacks(tree: Mapping[str, Any]) -> set[str]:
    """The keys of the arguments where the writer of a report may stand."""
    target, name = CALLBACK
    return {f"{key}#{name}" for key, node in walk(tree) if isinstance(node, dict) and node.get("_target_") == target}


def _blame(value: Any, target: Text) -> Text:
    """The text that a fault is told of: the argument, or its component where the argument is no text."""
    return value if isinstance(value, Text) else target
