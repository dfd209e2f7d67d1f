"""`$` expressions, compared part by part with what is known to be harmless."""

from __future__ import annotations

import ast
import builtins
import re
from collections.abc import Iterator, Mapping

from smart_nets.zoo.lint.allowed.names import ATTRIBUTES, BUILTINS, IMPORTS
from smart_nets.zoo.lint.fault import Fault
from smart_nets.zoo.lint.imports import MOVE
from smart_nets.zoo.lint.json_text import Text
from smart_nets.zoo.lint.syntax import NOT_PARSED, REFERENCES, Nodes, parsed, strange_parts

COMPONENTS = ("handlers", "transforms")  # a list under a key with this ending is reached by name, never by number
BY_POSITION = "reaches a handler or transform by its position"
POSITION = re.compile(r"(?:handlers|transforms)(?:#|::)\d")
ABSOLUTE = re.compile(r"/[\w.]|~(?:[a-z_][\w.-]*)?(?:[/\\]|$)|[a-z]:[\\/]|\\\\|file:/", re.IGNORECASE)
MEANT = {*dir(builtins), "monai", "numpy", "np", "torch"}  # names that MONAI gives a meaning without an import


def expression_faults(text: Text, granted: Mapping[str, str]) -> list[Fault]:
    """What is wrong with a `$` expression; `granted` are the names that the imports bring."""
    if REFERENCES in text:
        return [text.fault(f"uses {REFERENCES}, which is MONAI's own", remedy="refer with @")]
    try:
        nodes = parsed(text)
        strange = [
            text.fault(f"has {part}", "arithmetic, comparisons, calls", remedy=MOVE) for part in strange_parts(nodes)
        ]
        return strange + _name_faults(nodes, text, set(granted)) + _by_position(nodes, text) + _absolute(nodes, text)
    except NOT_PARSED as error:
        return [text.fault(f"is no Python expression ({getattr(error, 'msg', error)})", remedy="correct it")]


def _name_faults(nodes: Nodes, text: Text, granted: set[str]) -> list[Fault]:
    bound = {node.id for node in nodes if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)}
    bound |= {node.arg for node in nodes if isinstance(node, ast.arg)}
    # a variable named `eval` would make every other `eval` look like it
    taken = {name for name in bound if name.startswith("__") or name in MEANT or name in granted}
    taken |= bound & {name.split(".")[0] for name in granted}
    renamed = [
        text.fault(f"gives {name} another meaning", "another name", remedy="rename it") for name in sorted(taken)
    ]
    known = granted | BUILTINS | {REFERENCES} | (bound - taken)
    return renamed + [_unknown_fault(name, text) for name in dict.fromkeys(_unknown(nodes[0], known))]


def _unknown_fault(name: str, text: Text) -> Fault:
    lacking = next((statement for statement, brought in IMPORTS.items() if name in brought), None)
    remedy = MOVE if lacking is None else f'add "${lacking}" to imports'
    return text.fault(f"uses {name}, which is neither imported nor known to be harmless", remedy=remedy)


def _unknown(node: ast.AST, known: set[str]) -> Iterator[str]:
    """Names and attributes that are not known to be harmless; whole paths such as os.path.join where they are plain."""
    if isinstance(node, ast.Name):
        if node.id not in known:
            yield node.id
        return
    if isinstance(node, ast.Attribute):
        plain = re.fullmatch(r"[\w.]+", ast.unparse(node))
        if plain and plain[0] in known:
            return
        if node.attr not in ATTRIBUTES:
            yield plain[0] if plain else f".{node.attr}"
            if plain:
                return
    for child in ast.iter_child_nodes(node):
        yield from _unknown(child, known)


def _by_position(nodes: Nodes, text: Text) -> list[Fault]:
    """Handlers or transforms taken by number or slice: the next one put before them would change which they are."""
    for node in nodes:
        if isinstance(node, ast.Subscript) and ast.unparse(node.value).rstrip("'])").endswith(COMPONENTS):
            key = node.slice
            if not (isinstance(key, ast.Constant) and isinstance(key.value, str)):
                return [position_fault(text)]
    return []


def position_fault(text: Text) -> Fault:
    """For a handler or transform that is reached by its number."""
    return text.fault(BY_POSITION, "a name", remedy="give it a key of its own")


def _absolute(nodes: Nodes, text: Text) -> list[Fault]:
    added = {id(node.right) for node in nodes if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add)}
    values = [node.value for node in nodes if isinstance(node, ast.Constant) and id(node) not in added]
    return [absolute_fault(text, value) for value in values if isinstance(value, str) and ABSOLUTE.match(value)]


def absolute_fault(text: Text, value: str) -> Fault:
    """For a path that is on one machine only."""
    return text.fault("is an absolute path", "a path below @bundle_root", value, "build it with os.path.join")
