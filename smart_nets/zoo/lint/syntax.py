"""Texts that MONAI would run, parsed as it does: references, import statements, and which parts an expression may have."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import lru_cache

REFERENCE = re.compile(r"@\w*(?:::\w*)*")  # as MONAI finds them, in quotes too
REFERENCES = "__local_refs"  # MONAI's own name for the table of what they stand for
MOST_LETTERS, MOST_LEVELS = 2000, 60  # of an expression; those of this collection have 110 and 14
NOT_PARSED = (SyntaxError, ValueError, RecursionError, MemoryError)
PARTS = (
    *(ast.BoolOp, ast.BinOp, ast.UnaryOp, ast.Compare, ast.IfExp, ast.Lambda, ast.Call, ast.Constant, ast.Name),
    *(ast.Attribute, ast.Subscript, ast.Slice, ast.Starred, ast.List, ast.Tuple, ast.Set, ast.Dict, ast.keyword),
    *(ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp, ast.comprehension, ast.arguments, ast.arg),
    *(ast.boolop, ast.operator, ast.unaryop, ast.cmpop, ast.expr_context),
)

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


def as_monai_evaluates(text: str) -> str:
    """The code with every reference replaced as MONAI does it, so that what is checked here is what would run."""
    code = text[1:].replace("#", "::")
    for part in sorted(set(REFERENCE.findall(code)), key=len, reverse=True):
        code = code.replace(part, f"{REFERENCES}['{part[1:]}']")
    return code


def parsed(text: str) -> Nodes:
    """All parts of a `$` expression as MONAI evaluates it, the whole of it first.

    Raises:
        SyntaxError, ValueError, RecursionError, MemoryError: it is none.
    """
    if len(text) > MOST_LETTERS:
        raise ValueError(f"it has more than {MOST_LETTERS:,} letters")
    return _nodes(as_monai_evaluates(text))


@lru_cache(maxsize=4096)  # overlays bring the expressions of train.json again
def _nodes(code: str) -> Nodes:
    nodes: list[ast.AST] = []
    level: list[ast.AST] = [ast.parse(code, mode="eval").body]
    for _ in range(MOST_LEVELS):
        nodes += level
        level = [child for node in level for child in ast.iter_child_nodes(node)]
        if not level:
            return tuple(nodes)
    raise ValueError("it is nested too deeply")


def reference_of(node: ast.AST) -> str | None:
    """The key that a part of an expression stands for, if it is a reference as a whole."""
    if isinstance(node, ast.Subscript) and isinstance(node.value, ast.Name) and node.value.id == REFERENCES:
        return str(node.slice.value) if isinstance(node.slice, ast.Constant) else None
    return None


def strange_parts(nodes: Nodes) -> Iterator[str]:
    """Parts that an expression may not have, and assignments to anything but a plain name, in words."""
    for node in nodes:
        if not isinstance(node, PARTS):
            yield f"a {type(node).__name__}"
        elif isinstance(node, (ast.Attribute, ast.Subscript)) and not isinstance(node.ctx, ast.Load):
            yield f"an assignment to {ast.unparse(node)}"
