"""Where a configuration writes: paths worked out without running anything, as far as that can be.

A path may lead to the bundle's folders of results, or below the `output_dir` that is built from them. What cannot be worked
out, such as a path that a function returns, may not be written to.
"""

from __future__ import annotations

import ast
import posixpath
import re
from collections.abc import Mapping
from itertools import product
from typing import Any

from smart_nets.zoo.lint.allowed.own import ANSWERS
from smart_nets.zoo.lint.expression import ABSOLUTE
from smart_nets.zoo.lint.json_text import value_at
from smart_nets.zoo.lint.syntax import parsed, reference_of

ROOT = "\0"  # stands for the bundle's own folder; no text of a configuration has this letter where it is compared
ROOTS = "$[p for p in ['.'] + sys.path if os.path.isfile(os.path.join(p, 'configs', 'metadata.json'))]"
BUNDLE_ROOT = re.compile(
    r"\.|\$next\(\(p for p in @roots if os\.path\.basename\(os\.path\.abspath\(p\)\) == '[\w-]+'\), '\.'\)", re.ASCII
)
RESULTS = (
    "eval",
    "models",
    "cache",
    "results",
    "runs",
    "output",
)  # folders of a bundle that hold no part of its release
NAME = re.compile(r"[\w+= -][\w.+= -]*", re.ASCII)  # of one folder or file; none begins with a dot
# texts that one expression may stand for; letters of each; references that lead to one another
MOST, LONGEST, DEEPEST = 64, 1000, 40
JOIN, SAME = ("os.path.join",), ("str", "pathlib.Path")

Texts = frozenset[str] | None  # None: cannot be worked out
TOLD: frozenset[str] = frozenset()  # a reference that leads nowhere, an absolute path: it has a fault of its own


class Places:
    """What the texts of one workflow can be.

    Args:
        tree: the workflow, overlays laid over it and macros filled in.
        granted: what its imports bring, name -> full name.
    """

    def __init__(self, tree: Mapping[str, Any], granted: Mapping[str, str]) -> None:
        self.tree, self.granted = tree, granted
        self._found: dict[str, Texts] = {}

    def root_is_known(self) -> bool:
        """Whether `bundle_root` is found as the bundles of this collection do it, or is "."; without one nothing is said."""
        text = self.tree.get("bundle_root", ".")
        if not (isinstance(text, str) and BUNDLE_ROOT.fullmatch(text)):
            return False
        return text == "." or self.tree.get("roots") == ROOTS

    def may_be_written(self, value: Any) -> bool:
        """Whether all that a value of the configuration can be lies among the results.

        null does not: it would be another place by default, or what the user gives for another purpose (`dataset_dir`).
        """
        return self._all_inside(self.texts(value))

    def node_may_be_written(self, node: ast.AST) -> bool:
        """The same for a part of an expression."""
        return self._all_inside(self._of_node(node, 0))

    def is_name(self, value: Any) -> bool:
        """Whether a value can only be part of a file's name, or parts, so that it leads into no other folder."""
        if isinstance(value, list):
            return all(map(self.is_name, value))
        found = self.texts(value)
        return found is not None and all(not text or NAME.fullmatch(text.lstrip(".")) for text in found)

    def has_names(self, value: Any) -> bool:
        """Whether a value is a table that is written out, and its keys can only be parts of a file's name."""
        return isinstance(value, dict) and all(map(NAME.fullmatch, value))

    def texts(self, value: Any, depth: int = 0) -> Texts:
        """All texts that a value can be; `ROOT` stands for the bundle's folder."""
        if isinstance(value, (bool, int, float)):
            return frozenset([str(value)])
        if not isinstance(value, str) or depth > DEEPEST:
            return None
        if value.startswith("@"):
            return self._of_key(value[1:], depth)
        if not value.startswith("$"):
            return _plain(value) if not ABSOLUTE.match(value) else TOLD
        try:
            return self._of_node(parsed(value)[0], depth)
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            return None

    def _of_key(self, key: str, depth: int) -> Texts:
        if key == "bundle_root":
            return frozenset([ROOT])
        if key not in self._found:
            self._found[key] = None  # what leads back to itself cannot be worked out
            try:
                self._found[key] = self.texts(value_at(self.tree, key), depth + 1)
            except LookupError:
                self._found[key] = TOLD
        return self._found[key]

    def _of_node(self, node: ast.AST, depth: int) -> Texts:
        key = reference_of(node)
        if key is not None:
            return self._of_key(key, depth)
        if isinstance(node, ast.Constant):
            return _plain(node.value) if isinstance(node.value, str) else self.texts(node.value)
        if isinstance(node, ast.IfExp):
            return _either([self._of_node(node.body, depth), self._of_node(node.orelse, depth)])
        if isinstance(node, ast.BoolOp):
            return _either([self._of_node(one, depth) for one in node.values])
        if isinstance(node, ast.BinOp) and isinstance(node.op, (ast.Add, ast.Div)):
            how = _added if isinstance(node.op, ast.Add) else posixpath.join
            return _combined(how, [self._of_node(node.left, depth), self._of_node(node.right, depth)])
        return self._of_call(node, depth) if isinstance(node, ast.Call) and not node.keywords else None

    def _of_call(self, node: ast.Call, depth: int) -> Texts:
        name = ast.unparse(node.func)
        full = self.granted.get(name, name)
        if full in ANSWERS:
            return frozenset(ANSWERS[full])
        if not node.args or not (full in JOIN or (full in SAME and len(node.args) == 1)):
            return None
        return _combined(posixpath.join, [self._of_node(one, depth) for one in node.args])

    def _all_inside(self, found: Texts) -> bool:
        return found is not None and self.root_is_known() and all(map(self._is_inside, found))

    def _is_inside(self, text: str) -> bool:
        start, *names = text.rstrip("/").split("/")
        if start != ROOT or not all(map(NAME.fullmatch, names)):
            return False
        return names[0] in RESULTS if names else ROOT in (self.texts(self.tree.get("output_dir")) or ())


def _plain(text: str) -> Texts:
    return None if ROOT in text else frozenset([str(text)])


def _added(one: str, other: str) -> str:
    return one + other


def _either(parts: list[Texts]) -> Texts:
    return None if any(part is None for part in parts) else frozenset().union(*(part or () for part in parts))


def _combined(how: Any, parts: list[Texts]) -> Texts:
    """Every combination of what the parts can be."""
    known = [part for part in parts if part is not None]
    count = 1
    for part in known:
        count *= len(part)
    if len(known) < len(parts) or count > MOST:
        return None
    found = frozenset(how(*texts) for texts in product(*known))
    return found if all(len(text) <= LONGEST for text in found) else None
