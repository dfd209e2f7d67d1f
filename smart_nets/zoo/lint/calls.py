"""Calls in expressions: only of what is listed, and what writes only where it may."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from smart_nets.zoo.lint.allowed.libraries import WRITERS, Writer
from smart_nets.zoo.lint.allowed.names import BUILTINS, WRITES
from smart_nets.zoo.lint.allowed.own import OWN_WRITERS
from smart_nets.zoo.lint.fault import Fault
from smart_nets.zoo.lint.json_text import Text, value_at
from smart_nets.zoo.lint.places import Places
from smart_nets.zoo.lint.syntax import NOT_PARSED, parsed, reference_of

OUTSIDE = "writes outside of the folder of results"
BELOW = "a path that is built from @output_dir, or from eval, models or cache of @bundle_root"
BUILD = "build it with os.path.join"
EVERY_WRITER = WRITERS | OWN_WRITERS


def call_faults(text: Text, places: Places, callback: bool = False) -> list[Fault]:
    """Faults of the calls in a `$` expression.

    Args:
        callback: whether the text stands where a writer of a report may stand without being called.
    """
    try:
        nodes = parsed(text)
    except NOT_PARSED:  # told already
        return []
    calls = [node for node in nodes if isinstance(node, ast.Call)]
    called = {id(call.func) for call in calls}
    faults = [fault for call in calls for fault in _faults_of(call, text, places)]
    for node in nodes if not callback else ():
        name = places.granted.get(node.id, "") if isinstance(node, ast.Name) else ""
        if name in EVERY_WRITER and id(node) not in called:
            faults.append(text.fault(f"hands on {name}, which writes", "a call of it", remedy="call it here"))
    handed = (
        node for node in nodes if isinstance(node, ast.Attribute) and node.attr == WRITES and id(node) not in called
    )
    return faults + [text.fault(f"hands on .{WRITES}", "a call of it", remedy="call it here") for _ in handed]


def _faults_of(call: ast.Call, text: Text, places: Places) -> Iterator[Fault]:
    function = call.func
    key = reference_of(function)
    if isinstance(function, ast.Name) or (
        isinstance(function, ast.Attribute) and ast.unparse(function) in places.granted
    ):
        name = ast.unparse(function)
        if name not in places.granted and _is_bound(name, text):
            yield text.fault(f"calls {name}, which may be anything", "a function by its own name", remedy="name it")
        writer = EVERY_WRITER.get(places.granted.get(name, ""))
        if writer is not None:
            yield from _path_faults(call, writer, text, places)
        unknown = (None, "key") if name in BUILTINS - {"dict"} else ("key",)  # a ** may bring a key
        if any(one.arg in unknown and not isinstance(one.value, ast.Lambda) for one in call.keywords):
            yield text.fault("has a key that may be anything", "a lambda", remedy="write it as a lambda")
    elif isinstance(function, ast.Attribute):
        if function.attr == WRITES:
            yield from _path_faults(call, Writer({"path": 0}, others=()), text, places, needed=False)
    elif key is not None:
        if not _may_be_called(key, places):
            yield text.fault(f"calls @{key}, which may write anywhere", "a component that writes nothing, or a lambda")
    elif not isinstance(function, ast.Lambda):
        yield text.fault(f"calls {ast.unparse(function)}", "a function by its name", remedy="name it")


def _path_faults(call: ast.Call, writer: Writer, text: Text, places: Places, needed: bool = True) -> Iterator[Fault]:
    """Faults of the arguments by which a call says where it writes."""
    plain = list(call.args)
    starred = next((index for index, one in enumerate(plain) if isinstance(one, ast.Starred)), len(plain))
    by_name = {one.arg: one.value for one in call.keywords}
    for name, position in writer.paths.items():
        node = plain[position] if position < starred else by_name.get(name)
        if node is None:
            if needed or plain or by_name:
                yield text.fault(f"does not tell its {name} in the call itself", BELOW, remedy=BUILD)
        elif not places.node_may_be_written(node):
            yield text.fault(OUTSIDE, BELOW, ast.unparse(node), BUILD)
    if writer.others is not None and (len(plain) > len(writer.paths) or set(by_name) - {*writer.paths, *writer.others}):
        yield text.fault("is called with more than its path", ", ".join(writer.paths), remedy="leave the rest out")


def _is_bound(name: str, text: Text) -> bool:
    """Whether an expression itself gives the name its meaning: then it may be any function that it was handed."""
    return any(
        (isinstance(node, ast.arg) and node.arg == name)
        or (isinstance(node, ast.Name) and node.id == name and isinstance(node.ctx, ast.Store))
        for node in parsed(text)
    )


def _may_be_called(key: str, places: Places) -> bool:
    """Whether a reference leads to a component that writes nothing, or to a lambda, which is checked where it stands."""
    seen: set[str] = set()
    while key not in seen:
        seen.add(key)
        try:
            value = value_at(places.tree, key)
        except LookupError:
            return True  # told already
        if isinstance(value, dict):
            target = str(value.get("_target_", ""))
            return bool(target) and target not in EVERY_WRITER and target.rpartition(".")[2] not in WRITERS
        if isinstance(value, str) and value.startswith("$"):
            nodes = parsed(value)
            inner = reference_of(nodes[0])
            if inner is None:
                return isinstance(nodes[0], ast.Lambda)
            key = inner
        elif isinstance(value, str) and value.startswith("@"):
            key = value[1:].replace("#", "::")
        else:
            return False
    return False
