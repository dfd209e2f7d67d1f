"""Texts that MONAI would run: `$` expressions and import statements, parsed and compared with what is known to be harmless."""

from __future__ import annotations

import ast
import builtins
import re
from collections.abc import Iterator
from functools import lru_cache

from smart_nets.zoo.lint.defined import Package
from smart_nets.zoo.lint.fault import Fault
from smart_nets.zoo.lint.json_text import Text
from smart_nets.zoo.lint.names import ATTRIBUTES, BUILTINS, IMPORTS

REFERENCE = re.compile(r"@\w*(?:::\w*)*")  # as MONAI finds them, in quotes too
REFERENCES = "__local_refs"  # MONAI's own name for the table of what they stand for
COMPONENTS = ("handlers", "transforms")  # a list under a key with this ending is reached by name, never by number
BY_POSITION = "reaches a handler or transform by its position"
POSITION = re.compile(r"(?:handlers|transforms)(?:#|::)\d")
ABSOLUTE = re.compile(r"/[\w.]|~(?:[a-z_][\w.-]*)?(?:[/\\]|$)|[a-z]:[\\/]|\\\\|file:/", re.IGNORECASE)
NOT_PARSED = (SyntaxError, ValueError, RecursionError, MemoryError)

MEANT = {*dir(builtins), "monai", "numpy", "np", "torch"}  # names that MONAI gives a meaning without an import
MOVE = "do it in a function of smart_nets and import that"

Nodes = tuple[ast.AST, ...]


def references(text: str) -> list[str]:
    """The keys, such as "train::trainer", that a text refers to with "@"."""
    text = text.replace("#", "::")
    return [part[1:] for part in REFERENCE.findall(text) if text.startswith("$") or text == part]


def import_of(text: str) -> ast.Import | ast.ImportFrom | None:
    """The import statement that a `$` text begins with; MONAI runs it wherever it stands."""
    if not (text.startswith("$") and "import" in text):
        return None
    try:
        first = next(iter(ast.parse(text[1:]).body), None)
    except NOT_PARSED:
        return None
    return first if isinstance(first, (ast.Import, ast.ImportFrom)) else None


def import_faults(text: Text, package: Package) -> tuple[set[str], list[Fault]]:
    """The names that an entry of `imports` brings, and its faults."""
    node = import_of(text)
    if node is None:
        return set(), [text.fault("is no import statement", "such as $import os")]
    if len(node.names) > 1 or len(ast.parse(text[1:]).body) > 1:
        return set(), [text.fault("imports more than one name", "one", remedy="MONAI takes the first only")]
    statement = ast.unparse(node)
    if statement in IMPORTS:
        return set(IMPORTS[statement]), []
    module = getattr(node, "module", None) or ""
    if not module.startswith("smart_nets."):
        expected = "smart_nets, or one of: " + ", ".join(IMPORTS)
        return set(), [text.fault("imports what a configuration must not", expected, remedy=MOVE)]
    name = node.names[0]
    brought = {name.asname or name.name}
    remedy = package.missing(f"{module}.{name.name}")
    return brought, [] if remedy is None else [text.fault("imports what does not exist", remedy=remedy)]


def expression_faults(text: Text, granted: set[str]) -> list[Fault]:
    """What is wrong with a `$` expression; `granted` are the names that the imports bring."""
    if REFERENCES in text:
        return [text.fault(f"uses {REFERENCES}, which is MONAI's own", remedy="refer with @")]
    try:
        nodes = _nodes(as_monai_evaluates(text))
        return _name_faults(nodes, text, granted) + _by_position(nodes, text) + _absolute(nodes, text)
    except NOT_PARSED as error:
        return [text.fault(f"is no Python expression ({getattr(error, 'msg', error)})", remedy="correct it")]


@lru_cache(maxsize=4096)  # overlays bring the expressions of train.json again
def _nodes(code: str) -> Nodes:
    """All parts of an expression, the whole of it first."""
    return tuple(ast.walk(ast.parse(code, mode="eval").body))


def as_monai_evaluates(text: str) -> str:
    """The code with every reference replaced as MONAI does it, so that what is checked here is what would run."""
    code = text[1:].replace("#", "::")
    for part in sorted(set(REFERENCE.findall(code)), key=len, reverse=True):
        code = code.replace(part, f"{REFERENCES}['{part[1:]}']")
    return code


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
